//! What is needed to join a voice channel.

use lavalink_protocol::{
    ids::{ChannelId, GuildId, UserId},
    secret::Secret,
};

/// Credentials and address of one voice connection, as the bot got them from Discord's main gateway.
#[derive(Debug, Clone)]
pub struct VoiceInfo {
    /// Guild of the channel.
    pub guild_id: GuildId,
    /// The bot's own user id.
    pub user_id: UserId,
    /// The voice channel; it is the id of the MLS group of end-to-end encryption.
    pub channel_id: ChannelId,
    /// Voice session id (`session_id` of the voice state update).
    pub session_id: String,
    /// Voice token (of the voice server update).
    pub token: Secret,
    /// `host` or `host:port` of the voice server, without scheme or path.
    pub endpoint: String,
}
