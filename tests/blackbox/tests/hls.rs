//! HLS: what is loaded, what is heard, and what a bot is told when a stream breaks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fake_discord::{Config, analysis};
use fake_services::{FakeServices, Resource};
use lavalink_blackbox::{Stage, media};
use serde_json::json;

const AAC: &[&str] = &["-c:a", "aac", "-b:a", "128k"];
const TS: &[&str] = &["-hls_segment_type", "mpegts"];
const FMP4: &[&str] = &["-hls_segment_type", "fmp4"];

/// Cuts a tone into segments of two seconds and serves them under `/{name}/`; returns the playlist's text.
fn serve(
    services: &FakeServices,
    directory: &Path,
    name: &str,
    seconds: f64,
    codec: &[&str],
    muxer: &[&str],
) -> String {
    let folder = directory.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let playlist = folder.join("list.m3u8");
    let mut arguments = codec.to_vec();
    arguments.extend([
        "-f",
        "hls",
        "-hls_time",
        "2",
        "-hls_list_size",
        "0",
        "-hls_playlist_type",
        "vod",
    ]);
    arguments.extend(muxer);
    media::tone(&folder, "list.m3u8", &arguments, 48_000, seconds, 440, 660);
    for entry in std::fs::read_dir(&folder).expect("the folder").flatten() {
        let path = entry.path();
        let bytes = std::fs::read(&path).expect("a file");
        let file = path
            .file_name()
            .and_then(|file| file.to_str())
            .expect("text")
            .to_owned();
        services.serve(
            format!("/{name}/{file}"),
            Resource::bytes("application/octet-stream", bytes),
        );
    }
    std::fs::read_to_string(playlist).expect("text")
}

fn list(services: &FakeServices, path: &str, text: &str) {
    services.serve(
        path,
        Resource::bytes("application/vnd.apple.mpegurl", text.to_owned().into_bytes()),
    );
}

/// The tones are there, without a gap, for this many frames.
async fn assert_heard(stage: &Stage, guild: u64, name: &str, frames: std::ops::RangeInclusive<u64>) {
    let report = stage
        .heard(guild, "the closing silence", |r| r.frames.silence >= 5)
        .await;
    stage.assert_clean_of(guild, name, &report).await;
    assert!(
        frames.contains(&report.frames.media),
        "{name}: {} frames",
        report.frames.media
    );
    let [left, right] = analysis::stereo(&stage.discord.pcm(guild), 48_000).expect("audio");
    assert!(
        (left.peak_hz - 440.0).abs() < 2.0 && (right.peak_hz - 660.0).abs() < 2.0,
        "{name}: {left:?} {right:?}"
    );
    assert!(left.peak_share > 0.9, "{name}: {left:?}");
}

#[tokio::test]
async fn complete_playlists_of_every_kind_play_to_the_end() {
    let mut stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let directory = stage.node.directory().to_owned();

    serve(&services, &directory, "ts", 5.0, AAC, TS);
    serve(&services, &directory, "fmp4", 5.0, AAC, FMP4);
    serve(
        &services,
        &directory,
        "ranges",
        5.0,
        AAC,
        &["-hls_segment_type", "fmp4", "-hls_flags", "single_file"],
    );
    serve(
        &services,
        &directory,
        "mp3",
        5.0,
        &["-c:a", "libmp3lame", "-b:a", "128k"],
        TS,
    );
    // Packed audio: bare ADTS behind a tag with the time.
    let packed = serve(&services, &directory, "packed", 5.0, AAC, TS);
    pack(&services, &directory.join("packed"), &packed);
    // The key file names the address of the key and the file with its bytes.
    let key = directory.join("key.bin");
    std::fs::write(&key, [7_u8; 16]).expect("a key");
    services.serve(
        "/key.bin",
        Resource::bytes("application/octet-stream", vec![7_u8; 16]),
    );
    let info = directory.join("key.info");
    std::fs::write(
        &info,
        format!("{}\n{}\n", services.url("/key.bin"), key.display()),
    )
    .expect("key info");
    let info = info.to_str().expect("text");
    serve(
        &services,
        &directory,
        "secret",
        5.0,
        AAC,
        &["-hls_segment_type", "mpegts", "-hls_key_info_file", info],
    );
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS=\"avc1.4d401f,mp4a.40.2\",RESOLUTION=640x360\nmissing.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\nts/list.m3u8\n";
    list(&services, "/master.m3u8", master);

    let paths = [
        "/ts/list.m3u8",
        "/fmp4/list.m3u8",
        "/ranges/list.m3u8",
        "/mp3/list.m3u8",
        "/packed/list.m3u8",
        "/secret/list.m3u8",
        "/master.m3u8",
    ];
    for (guild, path) in (1..).zip(paths) {
        let loaded = stage.rest.load(&services.url(path)).await;
        assert_eq!(loaded["loadType"], "track", "{path}: {loaded}");
        let info = &loaded["data"]["info"];
        assert_eq!(
            (info["isStream"].as_bool(), info["isSeekable"].as_bool()),
            (Some(false), Some(true)),
            "{path}"
        );
        let length = info["length"].as_i64().expect("a number");
        assert!((4_900..=5_200).contains(&length), "{path}: {length} ms");
        assert_eq!(
            loaded["data"]["pluginInfo"]["probeInfo"], "m3u|hls-outer",
            "{path}"
        );
        stage.join(guild).await;
    }
    for (guild, path) in (1..).zip(paths) {
        stage.play(guild, &services.url(path)).await;
    }
    for (guild, path) in (1..).zip(paths) {
        let name = guild.to_string();
        let ended = |m: &serde_json::Value| m["type"] == "TrackEndEvent" && m["guildId"] == name.as_str();
        if !stage.socket.seen.iter().any(ended) {
            assert_eq!(stage.end_of(guild).await, "finished", "{path}");
        }
        assert_heard(&stage, guild, path, 245..=262).await;
    }
}

/// Replaces the segments of a folder by their ADTS streams, each behind an ID3 tag.
fn pack(services: &FakeServices, folder: &Path, playlist: &str) {
    for file in playlist
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let source = folder.join(file);
        let target: PathBuf = source.with_extension("aac");
        let arguments = [
            "-i",
            source.to_str().expect("text"),
            "-c",
            "copy",
            "-f",
            "adts",
            target.to_str().expect("text"),
        ];
        media::ffmpeg(&arguments);
        let mut bytes = b"ID3\x04\0\0\0\0\0\x3fPRIV\0\0\0\x35\0\0com.apple.streaming.transportStreamTimestamp\0\0\0\0\0\0\x0d\xbb\xa0".to_vec();
        bytes.resize(10 + 0x3f, 0);
        bytes.extend(std::fs::read(target).expect("the stream"));
        services.serve(format!("/packed/{file}"), Resource::bytes("audio/aac", bytes));
    }
}

#[tokio::test]
async fn a_complete_stream_seeks_by_its_segments() {
    let mut stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let directory = stage.node.directory().to_owned();
    for (guild, name, muxer) in [(1, "ts", TS), (2, "fmp4", FMP4)] {
        serve(&services, &directory, name, 60.0, AAC, muxer);
        let url = services.url(&format!("/{name}/list.m3u8"));
        stage.join(guild).await;
        // From 57.5 s on: the end comes after 2.5 s, and hardly anything of the rest was fetched.
        let body = json!({"track": {"identifier": url}, "position": 57_500});
        stage.update(guild, &body).await;
        assert_eq!(stage.end_of(guild).await, "finished", "{name}");
        assert_heard(&stage, guild, name, 120..=131).await;
        let segments = |at: usize| {
            services
                .ranges(&format!(
                    "/{name}/list{at}.{}",
                    if name == "ts" { "ts" } else { "m4s" }
                ))
                .len()
        };
        // Opened where it begins: of 30 segments the 28th and the last two.
        assert!(
            (0..=15).all(|at| segments(at) == 0) && segments(28) > 0,
            "{name}: only what is needed"
        );
    }
    // And a seek while it plays.
    stage.play(1, &services.url("/ts/list.m3u8")).await;
    stage.heard(1, "audio", |r| r.frames.media > 160).await;
    stage.update(1, &json!({"position": 58_000})).await;
    assert_eq!(stage.end_of(1).await, "finished");
    let position = stage
        .socket
        .seen
        .iter()
        .rev()
        .find(|m| m["type"] == "TrackEndEvent")
        .expect("the end")["track"]["info"]["position"]
        .as_i64()
        .expect("a number");
    assert!((59_500..=60_500).contains(&position), "{position} ms");
}

#[tokio::test]
async fn a_stream_that_changes_its_form_plays_on() {
    let mut stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let directory = stage.node.directory().to_owned();
    let entries = |name: &str, text: &str| -> String {
        let lines = text.lines().filter(|line| {
            line.starts_with("#EXTINF") || line.starts_with("#EXT-X-MAP") || !line.starts_with('#')
        });
        let put = |line: &str| match line.strip_prefix("#EXT-X-MAP:URI=\"") {
            Some(rest) => format!("#EXT-X-MAP:URI=\"/{name}/{rest}\n"),
            None if line.starts_with('#') || line.is_empty() => format!("{line}\n"),
            None => format!("/{name}/{line}\n"),
        };
        lines.map(put).collect()
    };
    let aac = entries("aac", &serve(&services, &directory, "aac", 4.0, AAC, FMP4));
    // Another rate: what the first section says about times and rate would be wrong for it.
    let slow = [AAC, &["-ar", "32000"]].concat();
    let slow = entries("slow", &serve(&services, &directory, "slow", 4.0, &slow, FMP4));
    let flac = &["-c:a", "flac", "-strict", "experimental"];
    let flac = entries("flac", &serve(&services, &directory, "flac", 4.0, flac, FMP4));
    let ts = entries("ts", &serve(&services, &directory, "ts", 4.0, AAC, TS));
    let head = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n";
    let next = "#EXT-X-DISCONTINUITY\n";
    // Sections change with and without the tag that should announce it.
    list(
        &services,
        "/sections.m3u8",
        &format!("{head}{aac}{slow}{next}{flac}#EXT-X-ENDLIST\n"),
    );
    list(
        &services,
        "/kinds.m3u8",
        &format!("{head}{ts}{next}{aac}{next}{slow}#EXT-X-ENDLIST\n"),
    );
    for (guild, path) in [(1, "/sections.m3u8"), (2, "/kinds.m3u8")] {
        stage.join(guild).await;
        stage.play(guild, &services.url(path)).await;
    }
    for (guild, path) in [(1, "/sections.m3u8"), (2, "/kinds.m3u8")] {
        let name = guild.to_string();
        let ended = |m: &serde_json::Value| m["type"] == "TrackEndEvent" && m["guildId"] == name.as_str();
        if !stage.socket.seen.iter().any(ended) {
            assert_eq!(stage.end_of(guild).await, "finished", "{path}");
        }
        assert_heard(&stage, guild, path, 590..=625).await;
    }
    // And from the middle, in a part whose form is not that of the first.
    let body = json!({"track": {"identifier": services.url("/sections.m3u8")}, "position": 9_000});
    stage.join(3).await;
    stage.update(3, &body).await;
    assert_eq!(stage.end_of(3).await, "finished");
    assert_heard(&stage, 3, "from the third part", 145..=165).await;
}

#[tokio::test]
async fn a_live_stream_is_followed_until_it_ends() {
    let mut stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let directory = stage.node.directory().to_owned();
    serve(&services, &directory, "live", 16.0, AAC, TS);
    let window = |first: usize, count: usize, end: &str| {
        let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n");
        for segment in first..first + count {
            text.push_str(&format!("#EXTINF:2,\nlist{segment}.ts\n"));
        }
        text + end
    };
    list(&services, "/live/now.m3u8", &window(0, 3, ""));
    let url = services.url("/live/now.m3u8");
    let loaded = stage.rest.load(&url).await;
    assert_eq!(loaded["data"]["info"]["isStream"], true, "{loaded}");
    assert_eq!(loaded["data"]["info"]["isSeekable"], false);
    assert_eq!(loaded["data"]["info"]["length"].as_i64(), Some(i64::MAX));
    stage.join(1).await;
    stage.play(1, &url).await;
    for first in 1..=5 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        // One segment is gone; its listeners hear the next.
        if first == 3 {
            services.serve("/live/list5.ts", Resource::status(404));
        }
        list(
            &services,
            "/live/now.m3u8",
            &window(first, 3, if first == 5 { "#EXT-X-ENDLIST\n" } else { "" }),
        );
    }
    assert_eq!(stage.end_of(1).await, "finished");
    let report = stage
        .heard(1, "the closing silence", |r| r.frames.silence >= 5)
        .await;
    // Seven of eight segments, or all eight when the fifth was fetched before it went away.
    assert!(
        (690..=810).contains(&report.frames.media),
        "{} frames",
        report.frames.media
    );
    let position = stage
        .socket
        .seen
        .iter()
        .filter(|m| m["op"] == "playerUpdate")
        .filter_map(|m| m["state"]["position"].as_i64())
        .max();
    assert!(position.is_some_and(|position| position > 5_000), "{position:?}");
}

#[tokio::test]
async fn broken_streams_are_told_and_cost_nobody_else() {
    let mut stage = Stage::start(Config::default()).await;
    let services = FakeServices::start().await.expect("a media server");
    let directory = stage.node.directory().to_owned();
    serve(&services, &directory, "ts", 6.0, AAC, TS);
    let broken = serve(&services, &directory, "gone", 6.0, AAC, TS);
    services.serve("/gone/list1.ts", Resource::status(404));
    assert!(broken.contains("list1.ts"));
    let drm = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://x\"\n#EXTINF:2,\n/ts/list0.ts\n#EXT-X-ENDLIST\n";
    list(&services, "/drm.m3u8", drm);
    list(
        &services,
        "/loop.m3u8",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nloop.m3u8\n",
    );
    for (path, reason) in [("/drm.m3u8", "SAMPLE-AES"), ("/loop.m3u8", "master playlist")] {
        let loaded = stage.rest.load(&services.url(path)).await;
        assert_eq!(loaded["loadType"], "error", "{path}: {loaded}");
        let trace = loaded["data"]["causeStackTrace"].as_str().expect("text");
        assert!(trace.contains(reason), "{path}: {trace}");
    }
    stage.join(1).await;
    stage.join(2).await;
    stage.play(1, &services.url("/ts/list.m3u8")).await;
    stage.play(2, &services.url("/gone/list.m3u8")).await;
    let exception = stage.socket.event("TrackExceptionEvent", 2).await;
    assert!(
        exception["exception"]["causeStackTrace"]
            .as_str()
            .expect("text")
            .contains("404"),
        "{exception}"
    );
    assert_eq!(
        stage.end_of(2).await,
        "finished",
        "after the first segment has played"
    );
    assert_eq!(stage.end_of(1).await, "finished");
    assert_heard(&stage, 1, "the other guild", 295..=312).await;
}
