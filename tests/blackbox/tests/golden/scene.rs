//! The node the payloads come from: the test catalogue as `youtube`, and the http source.

use std::path::PathBuf;

use fake_discord::Config;
use lavalink_blackbox::{Node, NodeOptions, Rest, Socket, Stage, media};
use lavalink_protocol::codec::EncodedTrack;
use serde_json::{Value, json};

use crate::payload;

/// The guild of the payloads.
pub const GUILD: u64 = 817_327_181_659_111_454;
/// The session id of the payloads.
const SESSION: &str = "k3v9x0a7q2m5t8zd";
/// What depends on the moment in a player.
pub const MOMENT: &[&str] = &[
    "/state/time",
    "/state/position",
    "/state/ping",
    "/track/encoded",
    "/track/info/position",
    "/voice/endpoint",
    "/voice/channelId",
];

pub fn options() -> NodeOptions {
    NodeOptions {
        plugins: vec!["lavalink_test_plugin_catalogue", "lavalink_plugin_http"],
        ..NodeOptions::default()
    }
}

/// A node with a fake Discord, and `song.wav` in place.
pub async fn stage() -> Stage {
    let stage = Stage::start_with(Config::default(), options()).await;
    song(&stage.node);
    stage
}

/// Puts the audio of the catalogue's tracks, 183 s, where the node looks for it.
pub fn song(node: &Node) -> PathBuf {
    media::tone(
        node.directory(),
        "song.wav",
        &["-c:a", "pcm_s16le"],
        48_000,
        183.0,
        440,
        660,
    )
}

/// The example song as an encoded track.
pub fn encoded() -> String {
    let track: Value = serde_json::from_str(&payload("rest-loadtracks-track.json")).expect("JSON");
    track["data"]["encoded"].as_str().expect("text").to_owned()
}

/// The voice state of the payloads, at this fake Discord.
pub fn voice(stage: &Stage) -> Value {
    let body: Value = serde_json::from_str(&payload("req-player-voice.json")).expect("JSON");
    let mut voice = body["voice"].clone();
    voice["endpoint"] = json!(stage.discord.endpoint());
    voice["channelId"] = json!(stage.discord.channel_of(GUILD).to_string());
    voice
}

/// A payload with the session of this run in place of its own.
pub fn in_session(name: &str, socket: &Socket) -> String {
    payload(name).replace(SESSION, &socket.session_id)
}

/// Checks that the position in the encoded track is the one beside it.
#[track_caller]
pub fn assert_consistent(track: &Value) {
    let encoded = EncodedTrack::decode(track["encoded"].as_str().expect("text")).expect("a track");
    assert_eq!(track["info"]["position"], encoded.position);
    assert_eq!(track["info"]["identifier"], encoded.identifier.as_str());
}

/// PATCHes the player of the payloads with text.
pub async fn patch(rest: &Rest, socket: &Socket, body: &str) -> lavalink_blackbox::client::Answer {
    rest.patch_text(&socket.player(GUILD), body).await
}
