//! A player as REST shows it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::filters::Filters;
use crate::ids::GuildId;
use crate::secret::Secret;
use crate::track::Track;

/// One guild's player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Player {
    /// The guild.
    pub guild_id: GuildId,
    /// The track being played.
    pub track: Option<Track>,
    /// Volume in percent, 0..=1000.
    pub volume: i32,
    /// Whether playback is paused.
    pub paused: bool,
    /// Position and connection.
    pub state: PlayerState,
    /// Voice connection data last opened with success.
    pub voice: VoiceState,
    /// Filters as last set.
    pub filters: Filters,
}

/// Position and voice connection of a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayerState {
    /// Now, in ms since the epoch.
    pub time: i64,
    /// Position of the track in ms, 0 without a track.
    pub position: i64,
    /// Whether the voice gateway socket is open.
    pub connected: bool,
    /// Voice gateway round trip in ms; -1 without a connection, 0 before the first acknowledgement.
    pub ping: i64,
}

/// Voice connection data; all empty before the first successful connect.
///
/// Serialises the token in the clear: the API returns it to the client that sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VoiceState {
    /// Voice token.
    #[serde(serialize_with = "expose", deserialize_with = "hide")]
    pub token: Secret,
    /// Voice server, `host[:port]`.
    pub endpoint: String,
    /// Discord's voice session id.
    pub session_id: String,
    /// The voice channel.
    pub channel_id: Option<String>,
}

fn expose<S: Serializer>(token: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}

fn hide<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_written_but_not_printed() {
        let voice = VoiceState {
            token: "tok".into(),
            ..VoiceState::default()
        };
        assert_eq!(
            crate::json::to_string(&voice),
            r#"{"token":"tok","endpoint":"","sessionId":"","channelId":null}"#
        );
        assert!(!format!("{voice:?}").contains("tok\""));
    }
}
