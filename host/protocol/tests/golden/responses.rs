//! REST answers and WebSocket messages.

use lavalink_protocol::events::{EndReason, Event};
use lavalink_protocol::filters::{Band, Filters, Karaoke, LowPass, Rotation, Timescale, Tremolo, Vibrato};
use lavalink_protocol::filters::{ChannelMix, Distortion};
use lavalink_protocol::ids::{GuildId, SessionId};
use lavalink_protocol::info::{Info, Version};
use lavalink_protocol::json::{self, JsonObject};
use lavalink_protocol::load::LoadResult;
use lavalink_protocol::message::OutgoingMessage;
use lavalink_protocol::player::{Player, PlayerState, VoiceState};
use lavalink_protocol::route_planner::RoutePlannerStatus;
use lavalink_protocol::session::SessionState;
use lavalink_protocol::stats::{Cpu, FrameStats, Memory, Stats};
use lavalink_protocol::track::Track;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{assert_complete, names, payload};

/// Reads a payload and checks that writing it gives the same bytes.
fn round_trip<T: DeserializeOwned + Serialize>(name: &str) -> T {
    let text = payload(name);
    let value: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(json::to_string(&value), text, "{name}");
    value
}

const GUILD: GuildId = GuildId(817327181659111454);

#[test]
fn every_rest_answer_round_trips() {
    for name in names(&["rest-"]) {
        let kind = name.trim_start_matches("rest-").trim_end_matches(".json");
        match kind.split('-').next().unwrap() {
            "info" => drop(round_trip::<Info>(&name)),
            "loadtracks" => drop(round_trip::<LoadResult>(&name)),
            "decodetrack" => drop(round_trip::<Track>(&name)),
            "decodetracks" => drop(round_trip::<Vec<Track>>(&name)),
            "player" => drop(round_trip::<Player>(&name)),
            "players" => drop(round_trip::<Vec<Player>>(&name)),
            "session" => assert_eq!(
                round_trip::<SessionState>(&name),
                SessionState {
                    resuming: true,
                    timeout: 60
                }
            ),
            "routeplanner" => drop(round_trip::<RoutePlannerStatus>(&name)),
            "stats" if kind == "stats" => assert_eq!(round_trip::<Stats>(&name), stats()),
            "stats" => assert_eq!(serde_json::from_str::<Stats>(&payload(&name)).unwrap(), stats()),
            "version.txt" => assert!(Version::parse(payload(&name).trim()).pre_release.is_some()),
            "error" => {} // crate::errors
            other => panic!("no check for {other}"),
        }
    }
}

#[test]
fn info_versions_follow_from_their_text() {
    for name in names(&["rest-info-"]) {
        let version = round_trip::<Info>(&name).version;
        assert_eq!(version, Version::parse(&version.semver), "{name}");
    }
}

fn stats() -> Stats {
    Stats {
        frame_stats: None,
        players: 2,
        playing_players: 1,
        uptime: 86_400_000,
        memory: Memory {
            free: 104857600,
            used: 209715200,
            allocated: 314572800,
            reservable: 4294967296,
        },
        cpu: Cpu {
            cores: 4,
            system_load: 0.25,
            lavalink_load: 0.0125,
        },
    }
}

#[test]
fn messages_without_a_track_are_built_to_the_same_bytes() {
    let ready = |resumed| OutgoingMessage::Ready {
        resumed,
        session_id: SessionId::from("k3v9x0a7q2m5t8zd".to_owned()),
    };
    let update = |position, connected, ping| OutgoingMessage::PlayerUpdate {
        state: PlayerState {
            time: 1772901000123,
            position,
            connected,
            ping,
        },
        guild_id: GUILD,
    };
    let frames = FrameStats::average([(2990, 4)]);
    let small_load = Cpu {
        lavalink_load: 3.497090420769919e-5,
        ..stats().cpu
    };
    let closed = |code, reason: &str, by_remote| {
        OutgoingMessage::from(Event::WebSocketClosed {
            guild_id: GUILD,
            code,
            reason: reason.into(),
            by_remote,
        })
    };
    let cases = [
        ("ws-ready.json", ready(false)),
        ("ws-ready-resumed.json", ready(true)),
        ("ws-playerupdate.json", update(61500, true, 23)),
        ("ws-playerupdate-just-connected.json", update(0, true, 0)),
        ("ws-playerupdate-never-connected.json", update(0, false, -1)),
        ("ws-stats.json", OutgoingMessage::Stats(stats())),
        (
            "ws-stats-frames.json",
            OutgoingMessage::Stats(Stats {
                frame_stats: frames,
                ..stats()
            }),
        ),
        (
            "ws-stats-small-load.json",
            OutgoingMessage::Stats(Stats {
                cpu: small_load,
                ..stats()
            }),
        ),
        ("ws-event-websocketclosed-local.json", closed(1000, "", false)),
        (
            "ws-event-websocketclosed-remote.json",
            closed(4006, "Session is no longer valid.", true),
        ),
    ];
    for (name, message) in &cases {
        assert_eq!(message.to_json(), payload(name), "{name}");
        assert_eq!(&round_trip::<OutgoingMessage>(name), message, "{name}");
    }
    let checked = cases.iter().map(|(name, _)| *name);
    assert_complete(
        checked,
        &["ws-ready", "ws-playerupdate", "ws-stats", "ws-event-websocket"],
    );
}

#[test]
fn track_events_round_trip() {
    for name in names(&["ws-event-track"]) {
        let OutgoingMessage::Event(event) = round_trip(&name) else {
            panic!("{name} is no event")
        };
        assert_eq!(event.guild_id(), GUILD, "{name}");
        let kind = name.trim_start_matches("ws-event-").trim_end_matches(".json");
        match (kind, *event) {
            ("trackstart", Event::TrackStart { track, .. }) => {
                assert_eq!(track.user_data.as_str(), r#"{"requester":"1"}"#);
            }
            ("trackstuck", Event::TrackStuck { threshold_ms, .. }) => assert_eq!(threshold_ms, 10_000),
            ("trackexception", Event::TrackException { exception, .. }) => {
                assert_eq!(exception.cause, "java.net.SocketTimeoutException: Read timed out");
            }
            ("trackexception-nullmessage", Event::TrackException { exception, .. }) => {
                assert_eq!(exception.message, None);
            }
            ("trackend-finished", Event::TrackEnd { reason, .. }) => assert_eq!(reason, EndReason::Finished),
            ("trackend-loadfailed", Event::TrackEnd { reason, .. }) => {
                assert_eq!(reason, EndReason::LoadFailed)
            }
            ("trackend-stopped", Event::TrackEnd { reason, .. }) => assert_eq!(reason, EndReason::Stopped),
            ("trackend-replaced", Event::TrackEnd { reason, .. }) => assert_eq!(reason, EndReason::Replaced),
            ("trackend-cleanup", Event::TrackEnd { reason, .. }) => assert_eq!(reason, EndReason::Cleanup),
            (_, event) => panic!("{name} is {event:?}"),
        }
    }
}

#[test]
fn fresh_player_is_built_to_the_same_bytes() {
    let player = Player {
        guild_id: GUILD,
        track: None,
        volume: 100,
        paused: false,
        state: PlayerState {
            time: 1772901000123,
            position: 0,
            connected: false,
            ping: -1,
        },
        voice: VoiceState::default(),
        filters: Filters::default(),
    };
    assert_eq!(json::to_string(&player), payload("rest-player-fresh.json"));
}

#[test]
fn filter_defaults_are_written_in_full() {
    let player: Player = round_trip("rest-player-all-filters.json");
    let expected = Filters {
        volume: Some(0.8),
        equalizer: Some(vec![
            Band { band: 0, gain: 0.2 },
            Band {
                band: 14,
                gain: -0.25,
            },
        ]),
        karaoke: Some(Karaoke::default()),
        timescale: Some(Timescale {
            speed: 1.25,
            ..Timescale::default()
        }),
        tremolo: Some(Tremolo::default()),
        vibrato: Some(Vibrato::default()),
        distortion: Some(Distortion::default()),
        rotation: Some(Rotation { rotation_hz: 0.2 }),
        channel_mix: Some(ChannelMix::default()),
        low_pass: Some(LowPass::default()),
        plugin_filters: JsonObject::parse(r#"{"echo":{"delay":0.5}}"#).unwrap().to_map(),
        ..Filters::default()
    };
    assert_eq!(player.filters, expected);
}

#[test]
fn empty_and_error_results_keep_their_data_member() {
    assert_eq!(
        json::to_string(&LoadResult::Empty),
        payload("rest-loadtracks-empty.json")
    );
    assert_eq!(
        json::to_string(&LoadResult::Search(vec![])),
        payload("rest-loadtracks-search-empty.json")
    );
    assert_eq!(
        round_trip::<LoadResult>("rest-loadtracks-empty.json"),
        LoadResult::Empty
    );
}
