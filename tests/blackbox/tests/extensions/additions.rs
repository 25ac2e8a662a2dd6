//! What plugins add to the tracks and media of others.

use lavalink_blackbox::client::url_encode;
use serde_json::json;

use crate::{Form, file, stage};

#[tokio::test]
async fn additions_to_tracks_and_media_by_a_library() {
    additions_to_tracks_and_media(Form::Library).await;
}

#[tokio::test]
async fn additions_to_tracks_and_media_by_a_component() {
    additions_to_tracks_and_media(Form::Component).await;
}

async fn additions_to_tracks_and_media(form: Form) {
    let mut stage = stage(form).await;
    let tone = file(
        &stage.node,
        "tone.mp3",
        &["-c:a", "libmp3lame", "-b:a", "128k"],
        5.0,
    );
    let loaded = stage.rest.load(&tone).await;
    let info = &loaded["data"]["pluginInfo"];
    assert_eq!(
        info,
        &json!({"probeInfo": "mp3", "from": "local", "batch": 1}),
        "{loaded}"
    );
    let encoded = loaded["data"]["encoded"].as_str().expect("text").to_owned();
    let path = format!("/v4/decodetrack?encodedTrack={}", url_encode(&encoded));
    assert_eq!(&stage.rest.get(&path).await.json()["pluginInfo"], info);
    let many = stage
        .rest
        .post("/v4/decodetracks", &json!([encoded, encoded]))
        .await
        .json();
    assert_eq!(many[1]["pluginInfo"]["batch"], 2, "{many}");
    stage.join(1).await;
    stage.update(1, &json!({"track": {"encoded": encoded}})).await;
    let start = stage.socket.event("TrackStartEvent", 1).await;
    assert_eq!(&start["track"]["pluginInfo"], info);

    // Bytes the node does not recognise, and the plugin does.
    let bytes = std::fs::read(&tone).expect("the file");
    let junk = [&b"EXTC"[..], &vec![0; 20_000], &bytes].concat();
    let odd = stage.node.directory().join("odd.bin");
    std::fs::write(&odd, junk).expect("a file");
    let odd = odd.to_str().expect("text");
    let loaded = stage.rest.load(odd).await;
    assert_eq!(loaded["loadType"], "track", "{loaded}");
    assert_eq!(loaded["data"]["pluginInfo"]["probeInfo"], "mp3");
    stage.play(1, odd).await;
    let heard = stage.discord.report(1).expect("a report").frames.media;
    stage
        .heard(1, "the odd file", |report| report.frames.media > heard + 50)
        .await;
    let nothing = stage.node.directory().join("nothing.bin");
    std::fs::write(&nothing, vec![0; 20_000]).expect("a file");
    let loaded = stage.rest.load(nothing.to_str().expect("text")).await;
    assert_eq!(loaded["loadType"], "error", "{loaded}");
}
