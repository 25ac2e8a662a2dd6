//! Interface `events`: events on their way from the host to a plugin.

use abi_stable::std_types::RResult;

use self::abi::{ListenerApi, ListenerBox};
use super::abi::{Failure as AbiFailure, HostRef};
use super::cross::{Cross, plain_enum, record, same};
use super::lent::Lent;
use super::lent_host::lend;
use crate::{Event, EventListener, Failure, Host, Interest};

/// What crosses the border for events. FROZEN like [`super::abi`].
pub mod abi {
    // The derives and `sabi_trait` expand to unsafe impls and to generated items that carry no docs of their own.
    #![allow(
        unsafe_code,
        missing_docs,
        non_local_definitions,
        clippy::undocumented_unsafe_blocks
    )]
    // Events are few; boxing the large variants would cost more than it saves.
    #![allow(clippy::large_enum_variant)]

    use abi_stable::std_types::{RBox, RDuration, RResult, RString};
    use abi_stable::{StableAbi, sabi_trait};

    use crate::v1::abi::{Failure, HostRef, SessionRef, SourcedTrack};

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct Interest {
        pub sessions: bool,
        pub messages: bool,
        pub players: bool,
        pub tracks: bool,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct PlayerRef {
        pub session_id: RString,
        pub user_id: u64,
        pub guild_id: u64,
    }

    #[repr(u8)]
    #[derive(StableAbi)]
    pub enum TrackEndReason {
        Finished,
        LoadFailed,
        Stopped,
        Replaced,
        Cleanup,
    }

    #[repr(u8)]
    #[derive(StableAbi)]
    pub enum MarkerState {
        Reached,
        Bypassed,
        Late,
        Dropped,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct TrackOf {
        pub player: PlayerRef,
        pub track: SourcedTrack,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct MarkerOf {
        pub player: PlayerRef,
        pub marker: RString,
        pub state: MarkerState,
    }

    #[repr(u8)]
    #[derive(StableAbi)]
    pub enum Event {
        SessionOpen(SessionRef, bool),
        SessionPaused(SessionRef),
        SessionDestroyed(SessionRef),
        MessageOut(RString, RString),
        NewPlayer(PlayerRef),
        DestroyPlayer(PlayerRef),
        TrackStart(TrackOf),
        TrackEnd(TrackOf, TrackEndReason),
        TrackException(TrackOf, Failure),
        TrackStuck(TrackOf, RDuration),
        Marker(MarkerOf),
    }

    #[sabi_trait]
    pub trait ListenerApi: Send + Sync {
        fn interest(&self) -> RResult<Interest, Failure>;
        #[sabi(last_prefix_field)]
        fn on_event(&self, host: HostRef<'_>, event: Event) -> RResult<(), Failure>;
    }

    /// An owned listener.
    pub type ListenerBox = ListenerApi_TO<'static, RBox<()>>;
}

record!(Interest {
    sessions,
    messages,
    players,
    tracks
});
record!(PlayerRef {
    session_id,
    user_id,
    guild_id
});
plain_enum!(TrackEndReason {
    Finished,
    LoadFailed,
    Stopped,
    Replaced,
    Cleanup
});
plain_enum!(MarkerState {
    Reached,
    Bypassed,
    Late,
    Dropped
});
same!(ListenerBox);

fn track_of(player: crate::PlayerRef, track: crate::SourcedTrack) -> abi::TrackOf {
    abi::TrackOf {
        player: player.out(),
        track: track.out(),
    }
}

impl Cross for Event {
    type Abi = abi::Event;
    fn out(self) -> Self::Abi {
        match self {
            Self::SessionOpen { session, resumed } => abi::Event::SessionOpen(session.out(), resumed),
            Self::SessionPaused { session } => abi::Event::SessionPaused(session.out()),
            Self::SessionDestroyed { session } => abi::Event::SessionDestroyed(session.out()),
            Self::MessageOut { session_id, message } => {
                abi::Event::MessageOut(session_id.out(), message.out())
            }
            Self::NewPlayer { player } => abi::Event::NewPlayer(player.out()),
            Self::DestroyPlayer { player } => abi::Event::DestroyPlayer(player.out()),
            Self::TrackStart { player, track } => abi::Event::TrackStart(track_of(player, track)),
            Self::TrackEnd {
                player,
                track,
                reason,
            } => abi::Event::TrackEnd(track_of(player, track), reason.out()),
            Self::TrackException {
                player,
                track,
                failure,
            } => abi::Event::TrackException(track_of(player, track), failure.out()),
            Self::TrackStuck {
                player,
                track,
                threshold,
            } => abi::Event::TrackStuck(track_of(player, track), threshold.out()),
            Self::Marker {
                player,
                marker,
                state,
            } => abi::Event::Marker(abi::MarkerOf {
                player: player.out(),
                marker: marker.out(),
                state: state.out(),
            }),
        }
    }
    fn back(abi: Self::Abi) -> Self {
        match abi {
            abi::Event::SessionOpen(session, resumed) => Self::SessionOpen {
                session: Cross::back(session),
                resumed,
            },
            abi::Event::SessionPaused(session) => Self::SessionPaused {
                session: Cross::back(session),
            },
            abi::Event::SessionDestroyed(session) => Self::SessionDestroyed {
                session: Cross::back(session),
            },
            abi::Event::MessageOut(session_id, message) => Self::MessageOut {
                session_id: Cross::back(session_id),
                message: Cross::back(message),
            },
            abi::Event::NewPlayer(player) => Self::NewPlayer {
                player: Cross::back(player),
            },
            abi::Event::DestroyPlayer(player) => Self::DestroyPlayer {
                player: Cross::back(player),
            },
            abi::Event::TrackStart(abi::TrackOf { player, track }) => Self::TrackStart {
                player: Cross::back(player),
                track: Cross::back(track),
            },
            abi::Event::TrackEnd(abi::TrackOf { player, track }, reason) => Self::TrackEnd {
                player: Cross::back(player),
                track: Cross::back(track),
                reason: Cross::back(reason),
            },
            abi::Event::TrackException(abi::TrackOf { player, track }, failure) => Self::TrackException {
                player: Cross::back(player),
                track: Cross::back(track),
                failure: Cross::back(failure),
            },
            abi::Event::TrackStuck(abi::TrackOf { player, track }, threshold) => Self::TrackStuck {
                player: Cross::back(player),
                track: Cross::back(track),
                threshold: Cross::back(threshold),
            },
            abi::Event::Marker(marker) => Self::Marker {
                player: Cross::back(marker.player),
                marker: Cross::back(marker.marker),
                state: Cross::back(marker.state),
            },
        }
    }
}

impl ListenerApi for Lent<dyn EventListener> {
    fn interest(&self) -> RResult<abi::Interest, AbiFailure> {
        self.call("interest", |listener| Ok(listener.interest()))
    }
    fn on_event(&self, host: HostRef<'_>, event: abi::Event) -> RResult<(), AbiFailure> {
        self.call_with(host, "on_event", |listener, host| {
            listener.on_event(host, Cross::back(event))
        })
    }
}

/// A listener of a loaded plugin, as the host uses it.
pub struct ForeignListener {
    interest: Interest,
    inner: ListenerBox,
}

impl ForeignListener {
    /// Takes a listener and asks what it listens to.
    ///
    /// # Errors
    /// When that makes it panic.
    pub fn new(inner: ListenerBox) -> Result<Self, Failure> {
        let interest = <Result<Interest, Failure>>::back(inner.interest())?;
        Ok(Self { interest, inner })
    }
}

impl EventListener for ForeignListener {
    fn interest(&self) -> Interest {
        self.interest
    }
    fn on_event(&self, host: &dyn Host, event: Event) -> Result<(), Failure> {
        lend(host, |host| self.inner.on_event(host, event.out()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{MarkerState, PlayerRef, SessionRef, SourcedTrack, Track, TrackEndReason, TrackInfo};

    #[test]
    fn every_event_crosses_unchanged() {
        let session = || SessionRef {
            session_id: "s".to_owned(),
            user_id: 1,
            client_name: Some("c".to_owned()),
        };
        let player = || PlayerRef {
            session_id: "s".to_owned(),
            user_id: u64::MAX,
            guild_id: 2,
        };
        let track = || SourcedTrack {
            source: "x".to_owned(),
            track: Track {
                info: TrackInfo {
                    identifier: "i".to_owned(),
                    is_seekable: true,
                    author: "a".to_owned(),
                    length: None,
                    is_stream: true,
                    title: "t".to_owned(),
                    uri: Some("u".to_owned()),
                    artwork_url: None,
                    isrc: Some("r".to_owned()),
                },
                details: vec![1, 2],
                plugin_info: Some("{}".to_owned()),
            },
        };
        let mut events = vec![
            Event::SessionOpen {
                session: session(),
                resumed: true,
            },
            Event::SessionPaused { session: session() },
            Event::SessionDestroyed { session: session() },
            Event::MessageOut {
                session_id: "s".to_owned(),
                message: "{}".to_owned(),
            },
            Event::NewPlayer { player: player() },
            Event::DestroyPlayer { player: player() },
            Event::TrackStart {
                player: player(),
                track: track(),
            },
            Event::TrackException {
                player: player(),
                track: track(),
                failure: Failure::fault("f").because("c"),
            },
            Event::TrackStuck {
                player: player(),
                track: track(),
                threshold: Duration::from_millis(1),
            },
        ];
        for reason in [
            TrackEndReason::Finished,
            TrackEndReason::LoadFailed,
            TrackEndReason::Stopped,
            TrackEndReason::Replaced,
            TrackEndReason::Cleanup,
        ] {
            events.push(Event::TrackEnd {
                player: player(),
                track: track(),
                reason,
            });
        }
        for state in [
            MarkerState::Reached,
            MarkerState::Bypassed,
            MarkerState::Late,
            MarkerState::Dropped,
        ] {
            events.push(Event::Marker {
                player: player(),
                marker: "m".to_owned(),
                state,
            });
        }
        for event in events {
            assert_eq!(Event::back(event.clone().out()), event);
        }
    }
}
