//! Every format, from a file on disk to what a listener in the voice channel decodes.

use fake_discord::{Config, analysis};
use lavalink_blackbox::{Stage, media, stage::assert_clean};

/// Root mean square of a sine of amplitude 0.25, dBFS.
const TONE_DBFS: f64 = -15.05;

/// Drops a quarter second at both ends, where codecs ramp up and silence frames follow.
fn middle(pcm: &[i16]) -> &[i16] {
    let edge = 48_000 / 4 * 2;
    assert!(pcm.len() > 4 * edge, "only {} samples were heard", pcm.len());
    &pcm[edge..pcm.len() - edge]
}

fn assert_tones(name: &str, pcm: &[i16], left: f64, right: f64) {
    let channels = analysis::stereo(middle(pcm), 48_000).expect("enough audio");
    for (channel, hz) in channels.iter().zip([left, right]) {
        assert!(
            (channel.peak_hz - hz).abs() < 2.0,
            "{name}: {hz} Hz expected, {channel:?}"
        );
        assert!(channel.peak_share > 0.95, "{name}: {channel:?}");
        assert!(
            (channel.rms_dbfs - TONE_DBFS).abs() < 1.0,
            "{name}: level {channel:?}"
        );
    }
}

#[tokio::test]
async fn every_format_arrives_as_the_tone_it_is() {
    let mut stage = Stage::start(Config::default()).await;
    let formats: Vec<_> = (1_u64..).zip(media::FORMATS).collect();
    let seconds = 4.0;
    let mut files = Vec::new();
    for (guild, format) in &formats {
        files.push(media::tone(
            stage.node.directory(),
            format.file,
            format.encoder,
            48_000,
            seconds,
            440,
            660,
        ));
        stage.join(*guild).await;
    }
    for ((guild, _), file) in formats.iter().zip(&files) {
        stage.play(*guild, file.to_str().expect("text")).await;
    }
    for (guild, format) in &formats {
        let guild_name = guild.to_string();
        let ended = stage
            .socket
            .seen
            .iter()
            .any(|m| m["type"] == "TrackEndEvent" && m["guildId"] == guild_name.as_str());
        if !ended {
            assert_eq!(stage.end_of(*guild).await, "finished", "{}", format.file);
        }
    }
    for ((guild, format), file) in formats.iter().zip(&files) {
        let name = format.file;
        let report = stage
            .heard(*guild, "the closing silence", |r| r.frames.silence >= 5)
            .await;
        assert_clean(name, &report);
        assert!(report.dave.decrypted > 190, "{name}: {:?}", report.dave);
        assert_eq!(
            report.dave.plain_before_group + report.dave.plain,
            0,
            "{name}: {:?}",
            report.dave
        );
        let frames = report.frames.media;
        assert!(
            (198..=206).contains(&frames),
            "{name}: {frames} frames of 20 ms for {seconds} s"
        );
        assert_tones(name, &stage.discord.pcm(*guild), 440.0, 660.0);
        if format.passthrough {
            assert_passed_through(name, file, &stage.discord.opus_packets(*guild));
        }
    }
}

/// Packets of a file as ffprobe sees them, by SHA-256.
fn source_packets(file: &std::path::Path) -> Vec<String> {
    let output = std::process::Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_packets",
            "-show_data_hash",
            "SHA256",
            "-of",
            "json",
        ])
        .arg(file)
        .output()
        .expect("ffprobe runs");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("ffprobe answers in JSON");
    let packets = json["packets"].as_array().expect("packets");
    packets
        .iter()
        .map(|p| p["data_hash"].as_str().expect("a hash").to_lowercase())
        .collect()
}

fn assert_passed_through(name: &str, file: &std::path::Path, heard: &[Vec<u8>]) {
    let heard: Vec<_> = heard
        .iter()
        .filter(|packet| packet.as_slice() != [0xF8, 0xFF, 0xFE])
        .map(|packet| {
            let digest = ring::digest::digest(&ring::digest::SHA256, packet);
            let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("sha256:{hex}")
        })
        .collect();
    let source = source_packets(file);
    assert_eq!(heard.len(), source.len(), "{name}: number of packets");
    for (index, (heard, source)) in heard.iter().zip(&source).enumerate() {
        assert_eq!(heard, source, "{name}: packet {index} was changed");
    }
}

#[tokio::test]
async fn other_rates_and_mono_are_converted() {
    let mut stage = Stage::start(Config::default()).await;
    let cases = [
        ("cd.mp3", 44_100, &["-c:a", "libmp3lame", "-b:a", "192k"][..]),
        ("low.flac", 22_050, &["-c:a", "flac"]),
    ];
    for (guild, (name, rate, encoder)) in (1_u64..).zip(cases) {
        let file = media::tone(stage.node.directory(), name, encoder, rate, 3.0, 440, 660);
        stage.join(guild).await;
        stage.play(guild, file.to_str().expect("text")).await;
        assert_eq!(stage.end_of(guild).await, "finished", "{name}");
        let report = stage
            .heard(guild, "the closing silence", |r| r.frames.silence >= 5)
            .await;
        assert_clean(name, &report);
        assert_tones(name, &stage.discord.pcm(guild), 440.0, 660.0);
    }
    let mono = stage.node.directory().join("mono.flac");
    media::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "aevalsrc=0.25*sin(2*PI*500*t):s=44100:d=3",
        mono.to_str().expect("text"),
    ]);
    stage.join(3).await;
    stage.play(3, mono.to_str().expect("text")).await;
    assert_eq!(stage.end_of(3).await, "finished");
    assert_tones("mono", &stage.discord.pcm(3), 500.0, 500.0);
}
