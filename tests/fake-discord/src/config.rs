//! What one [`FakeDiscord`](crate::FakeDiscord) offers, demands and records.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A transport encryption mode, named on the wire as its serde name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// AES-256-GCM over the RTP-size header.
    #[serde(rename = "aead_aes256_gcm_rtpsize")]
    Aes256Gcm,
    /// XChaCha20-Poly1305 over the RTP-size header; always offered by the real service.
    #[serde(rename = "aead_xchacha20_poly1305_rtpsize")]
    XChaCha20Poly1305,
}

impl Mode {
    /// The name used in the `modes` and `mode` fields of the gateway.
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aead_aes256_gcm_rtpsize",
            Self::XChaCha20Poly1305 => "aead_xchacha20_poly1305_rtpsize",
        }
    }

    /// The mode of that wire name, if it is one of the two that exist.
    pub fn from_wire_name(name: &str) -> Option<Self> {
        [Self::Aes256Gcm, Self::XChaCha20Poly1305]
            .into_iter()
            .find(|mode| mode.wire_name() == name)
    }
}

/// How far each received packet is opened. Every level checks RTP, nonces and timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Transport decryption only; frames are classified by their end marker.
    TransportOnly,
    /// Also DAVE decryption; the Opus packets are recorded.
    Decrypt,
    /// Also Opus decoding; packets and PCM are recorded.
    Full,
}

/// Which member's commit the server announces when several arrive for one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitRace {
    /// The simulated listeners are always first, so clients see their own commit lose.
    ListenersWin,
    /// The first valid commit of a client; a listener's only if none came within [`Config::commit_timeout`].
    ClientsWin,
}

/// How the first group of a call comes into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialTransition {
    /// Transition id 0: keys are used as soon as the commit or welcome is processed.
    Immediate,
    /// A numbered transition: op 23 from the client, then op 22.
    TwoStep,
}

/// Deviations of the real service that clients must bear. All off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// How many IP discovery requests of each connection stay unanswered.
    pub lost_discoveries: u32,
    /// Send op 11 (roster) before op 4 instead of after it.
    pub roster_before_description: bool,
    /// Send op 25 (external sender) before op 4 instead of after it.
    pub external_sender_before_description: bool,
    /// Announce encryption but never form a group.
    pub no_groups: bool,
    /// How many of each connection's welcomes (op 30) are damaged.
    pub damaged_welcomes: u32,
}

/// Configuration of a fake voice server. `Config::default()` is a DAVE channel with one listener, everything decoded.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the gateway listens; UDP sockets use the same IP address and free ports. Default 127.0.0.1, free port.
    pub listen: SocketAddr,
    /// Transport modes offered in op 2, in this order. Default both, AES first.
    pub modes: Vec<Mode>,
    /// `dave_protocol_version` of op 4: 1, or 0 for a channel without end-to-end encryption. Default 1.
    pub dave_version: u16,
    /// Close with 4017 when Identify announces no DAVE support. Default false.
    pub require_dave: bool,
    /// Simulated listeners in every channel from its start, 0..=64. Groups exist only while there is at least one.
    pub listeners: usize,
    /// Whose commit wins. Default [`CommitRace::ListenersWin`].
    pub commit_race: CommitRace,
    /// How long a client's commit is waited for under [`CommitRace::ClientsWin`]. Default 2 s.
    pub commit_timeout: Duration,
    /// How long op 23 is waited for before op 22 is sent anyway. Default 2 s (DAVE whitepaper).
    pub transition_timeout: Duration,
    /// Time between the last op 23 and op 22. Default none.
    pub transition_pause: Duration,
    /// How a call's first group comes into force. Default [`InitialTransition::Immediate`].
    pub initial_transition: InitialTransition,
    /// The only accepted token; others are closed with 4004. Default none: every token is accepted.
    pub token: Option<String>,
    /// `heartbeat_interval` of op 8. Default 13 750 ms.
    pub heartbeat_interval: Duration,
    /// How long a session whose socket was lost can be resumed. Default 30 s.
    pub resume_window: Duration,
    /// Sequence number of a session's first numbered message (wraps after 65 535). Default 1.
    pub first_sequence: u16,
    /// How far packets are opened. Default [`Content::Full`].
    pub content: Content,
    /// Exceptions from `content` by guild id.
    pub content_of: HashMap<u64, Content>,
    /// Channel id (= MLS group id) by guild id; others get [`default_channel`].
    pub channels: HashMap<u64, u64>,
    /// How much audio is kept per connection; the oldest is dropped. Default 60 s (11.5 MB PCM in full mode).
    pub record_limit: Duration,
    /// Inter-arrival times over this, not after silence frames, are gaps. Default 60 ms.
    pub gap_threshold: Duration,
    /// UDP sockets the connections are spread over, each read by a thread, 1..=64. Default 4.
    pub udp_sockets: usize,
    /// Worker threads of the server's own runtime (TLS, gateway, MLS), 1..=64. Default 2.
    pub workers: usize,
    /// Send every client's audio on to the other clients of its call, and tell them its SSRC (op 12). It comes
    /// from the socket it was sent to, so clients that insist on their own need `udp_sockets` to be 1. Default false.
    pub forward: bool,
    /// Deviations to rehearse.
    pub quirks: Quirks,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            modes: vec![Mode::Aes256Gcm, Mode::XChaCha20Poly1305],
            dave_version: 1,
            require_dave: false,
            listeners: 1,
            commit_race: CommitRace::ListenersWin,
            commit_timeout: Duration::from_secs(2),
            transition_timeout: Duration::from_secs(2),
            transition_pause: Duration::ZERO,
            initial_transition: InitialTransition::Immediate,
            token: None,
            heartbeat_interval: Duration::from_millis(13_750),
            resume_window: Duration::from_secs(30),
            first_sequence: 1,
            content: Content::Full,
            content_of: HashMap::new(),
            channels: HashMap::new(),
            record_limit: Duration::from_secs(60),
            gap_threshold: Duration::from_millis(60),
            udp_sockets: 4,
            workers: 2,
            forward: false,
            quirks: Quirks::default(),
        }
    }
}

impl Config {
    /// The channel a guild's call takes place in.
    pub fn channel_of(&self, guild_id: u64) -> u64 {
        self.channels
            .get(&guild_id)
            .copied()
            .unwrap_or_else(|| default_channel(guild_id))
    }

    /// How far packets of a guild's connections are opened.
    pub fn content_of(&self, guild_id: u64) -> Content {
        self.content_of.get(&guild_id).copied().unwrap_or(self.content)
    }
}

/// The channel id of a guild that [`Config::channels`] does not name: guild id + 10^12, so that the two are never equal.
pub fn default_channel(guild_id: u64) -> u64 {
    guild_id.wrapping_add(1_000_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_names_round_trip() {
        for mode in [Mode::Aes256Gcm, Mode::XChaCha20Poly1305] {
            assert_eq!(Mode::from_wire_name(mode.wire_name()), Some(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.wire_name());
        }
        assert_eq!(Mode::from_wire_name("xsalsa20_poly1305"), None);
    }

    #[test]
    fn named_channels_override_the_default() {
        let config = Config {
            channels: HashMap::from([(7, 70)]),
            ..Config::default()
        };
        assert_eq!(config.channel_of(7), 70);
        assert_eq!(config.channel_of(8), default_channel(8));
        assert_ne!(config.channel_of(8), 8);
    }
}
