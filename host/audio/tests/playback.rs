//! What happens while a track plays: passthrough, seeks, volume, filters, the end.

mod support;

use std::time::Duration;

use lavalink_audio::{MAX_PACKET, PipelineEvent, Popped};
use lavalink_protocol::filters::Filters;
use support::{
    DEADLINE, Frame, Manner, Metered, Playing, Wish, assert_tone, decode, encode, engine, engine_with,
    one_tone, play, start, start_input, two_tones,
};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};

const OPUS: [&str; 4] = ["-c:a", "libopus", "-ar", "48000"];

/// The packets of a file's first track, by a reader of their own.
fn source_packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let source = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let mut reader = symphonia::default::get_probe()
        .probe(
            &Default::default(),
            stream,
            Default::default(),
            Default::default(),
        )
        .expect("a known container");
    std::iter::from_fn(|| reader.next_packet().expect("a whole file"))
        .map(|packet| packet.data.into_vec())
        .collect()
}

fn filters(json: &str) -> Filters {
    Filters::parse(json).expect("valid filters")
}

fn packets(frames: &[Frame]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| frame.packet.clone()).collect()
}

/// A click of 2 ms at two seconds into a file of five seconds.
fn click(rate: u32) -> String {
    format!("aevalsrc='if(between(t,2,2.002),0.9,0)':s={rate}:d=5")
}

/// Time from the start of the frames to the click.
fn click_at(frames: &[Frame]) -> Option<Duration> {
    let [left, _] = decode(frames);
    let loudest = left
        .iter()
        .fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    let at = left
        .iter()
        .position(|sample| sample.abs() > loudest / 2.0)
        .filter(|_| loudest > 0.2)?;
    Some(Duration::from_micros(at as u64 * 1_000 / 48))
}

fn wait_for(playing: &Playing, wanted: &PipelineEvent) {
    while playing.event() != *wanted {}
}

#[test]
fn opus_packets_pass_unchanged() {
    for (name, graph) in [
        ("a.ogg", two_tones(3.0, 48_000)),
        ("a.webm", two_tones(3.0, 48_000)),
        ("a.ogg", one_tone(3.0, 48_000)),
    ] {
        let bytes = encode(&graph, name, &OPUS);
        let frames = play(
            &bytes,
            Wish {
                manner: Manner::CHOPPY,
                ..Wish::default()
            },
        );
        assert_eq!(packets(&frames), source_packets(&bytes), "{name}");
        for pair in frames.windows(2) {
            assert_eq!((pair[1].position - pair[0].position).as_millis(), 20, "{name}");
        }
        let last = frames.last().expect("frames").position.as_millis();
        assert!(last.abs_diff(3_000) <= 25, "{name} ends at {last} ms");
    }
}

#[test]
fn long_opus_packets_are_split_and_short_ones_encoded_anew() {
    for duration in ["10", "40", "60"] {
        let arguments = [&OPUS[..], &["-b:a", "128k", "-frame_duration", duration]].concat();
        let bytes = encode(&two_tones(3.0, 48_000), "a.ogg", &arguments);
        let frames = play(&bytes, Wish::default());
        let source = source_packets(&bytes);
        let [left, right] = decode(&frames);
        assert_tone(&left[24_000..], 440.0, 0.25, &format!("{duration} ms, left"));
        assert_tone(&right[24_000..], 1_000.0, 0.25, &format!("{duration} ms, right"));
        assert!(
            (149..=155).contains(&frames.len()),
            "{duration} ms: {} frames",
            frames.len()
        );
        if duration != "10" {
            // Splitting keeps the coded audio: every source packet ends with the data of its last frame.
            let per_packet = frames.len() / source.len();
            for (packet, split) in source.iter().zip(frames.chunks(per_packet)) {
                let last = &split.last().expect("frames").packet;
                assert!(
                    packet.ends_with(&last[1..]),
                    "{duration} ms packet was encoded anew"
                );
            }
        }
    }
}

#[test]
fn seeks_land_on_the_sample() {
    let formats: [(&str, &[&str]); 14] = [
        ("a.webm", &["-c:a", "libvorbis"]),
        // Written as a live stream: no index, no length.
        ("a.mkv", &["-c:a", "libvorbis", "-live", "1"]),
        ("a.wav", &["-c:a", "pcm_s16le"]),
        ("a.flac", &["-c:a", "flac"]),
        ("a.mp3", &["-b:a", "128k"]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("a.ogg", &["-c:a", "libopus", "-b:a", "128k"]),
        ("a.webm", &["-c:a", "libopus", "-b:a", "128k"]),
        ("a.m4a", &["-c:a", "aac", "-b:a", "128k"]),
        ("a.mp4", &["-c:a", "libopus", "-b:a", "128k"]),
        (
            "fragmented.m4a",
            &[
                "-c:a",
                "aac",
                "-b:a",
                "128k",
                "-movflags",
                "+dash+global_sidx",
                "-frag_duration",
                "500000",
            ],
        ),
        ("a.m4a", &["-c:a", "alac"]),
        ("a.mp3", &["-q:a", "4"]),
        ("a.aac", &["-c:a", "aac", "-b:a", "128k"]),
    ];
    for (name, arguments) in formats {
        let bytes = encode(&click(44_100), name, arguments);
        let slack = Duration::from_micros(match name {
            // Nothing tells the encoder's delay: late by up to two packets.
            "a.aac" | "fragmented.m4a" => 48_000,
            // Times in whole milliseconds.
            "a.webm" | "a.mkv" => 4_000,
            _ => 300,
        });
        for target_ms in [1_500, 1_937] {
            let expected = Duration::from_millis(2_000 - target_ms);
            let wish = || Wish {
                volume: 99,
                start: Duration::from_millis(target_ms),
                ..Wish::default()
            };
            let check = |frames: &[Frame], how: &str| {
                let what = format!("{name} {arguments:?} {how} to {target_ms} ms");
                assert_eq!(frames[0].position, Duration::from_millis(target_ms), "{what}");
                let at = click_at(frames).unwrap_or_else(|| panic!("{what}: no click"));
                let off = at.abs_diff(expected);
                assert!(off <= slack, "{what}: off by {off:?}");
            };
            check(&play(&bytes, wish()), "starting");

            let engine = engine();
            let mut playing = start(
                &engine,
                &bytes,
                Wish {
                    start: Duration::from_secs(3),
                    ..wish()
                },
            );
            assert!(playing.next().expect("a frame").position >= Duration::from_secs(3));
            playing.pipeline.seek(Duration::from_millis(target_ms));
            wait_for(&playing, &PipelineEvent::SeekDone);
            let frames: Vec<Frame> = playing
                .rest()
                .into_iter()
                .skip_while(|f| f.position >= Duration::from_secs(3))
                .collect();
            check(&frames, "jumping back");
        }
    }
}

#[test]
fn far_seeks_take_few_requests() {
    let graph = "aevalsrc='if(between(t,230,230.002),0.9,0)':s=44100:d=240";
    let fragmented = [
        "-c:a",
        "aac",
        "-movflags",
        "+dash+global_sidx",
        "-frag_duration",
        "2000000",
    ];
    let formats: [(&str, &[&str], u64, usize); 6] = [
        ("a.mp3", &["-b:a", "320k"], 300, 3),
        // A table of a hundred places leads to about a percent.
        ("a.mp3", &["-q:a", "0"], 300, 1),
        // This writer says nothing about the encoder's delay of 1024 samples.
        ("a.m4a", &fragmented, 23_520, 3),
        ("a.wav", &["-c:a", "pcm_s16le"], 300, 2),
        ("a.flac", &["-c:a", "flac"], 300, 40),
        ("a.webm", &["-c:a", "libopus"], 4_000, 5),
    ];
    for (name, arguments, slack_us, most_ranges) in formats {
        let bytes = encode(graph, name, arguments);
        let start_at = Duration::from_millis(229_500);
        let engine = engine_with(Default::default(), 3);
        let (input, traffic) = Metered::boxed(&bytes);
        let wish = Wish {
            start: start_at,
            volume: 99,
            ..Wish::default()
        };
        let mut playing = start_input(&engine, input, wish);
        let frames = playing.take(100);
        assert_eq!(frames[0].position, start_at, "{name} {arguments:?}");
        let at = click_at(&frames).unwrap_or_else(|| panic!("{name} {arguments:?}: no click"));
        let off = at.abs_diff(Duration::from_millis(500)).as_micros();
        let traffic = *traffic.lock();
        assert!(
            off <= u128::from(slack_us),
            "{name} {arguments:?}: off by {off} us"
        );
        assert!(traffic.ranges <= most_ranges, "{name} {arguments:?}: {traffic:?}");
    }
}

#[test]
fn the_first_frame_takes_few_requests() {
    let graph = "anoisesrc=r=48000:a=0.3:d=60";
    let formats: [(&str, &[&str], usize); 10] = [
        ("a.mp3", &["-b:a", "320k"], 1),
        ("a.mp3", &["-q:a", "0"], 1),
        ("a.aac", &["-c:a", "aac", "-b:a", "256k"], 1),
        ("a.flac", &["-c:a", "flac"], 1),
        ("a.wav", &["-c:a", "pcm_s16le"], 1),
        ("a.ogg", &["-c:a", "libopus", "-b:a", "256k"], 1),
        ("a.ogg", &["-c:a", "libvorbis"], 1),
        ("a.webm", &["-c:a", "libopus", "-b:a", "256k"], 1),
        (
            "a.m4a",
            &["-c:a", "aac", "-b:a", "256k", "-movflags", "+faststart"],
            1,
        ),
        // The index is at the end.
        ("a.m4a", &["-c:a", "aac", "-b:a", "256k"], 3),
    ];
    for (name, arguments, most_ranges) in formats {
        let bytes = encode(graph, name, arguments);
        let engine = engine_with(Default::default(), 3);
        let (input, traffic) = Metered::boxed(&bytes);
        let mut playing = start_input(&engine, input, Wish::default());
        playing.next().expect("a frame");
        let traffic = *traffic.lock();
        assert!(traffic.ranges <= most_ranges, "{name} {arguments:?}: {traffic:?}");
        assert!(traffic.bytes < 200_000, "{name} {arguments:?}: {traffic:?}");
    }
}

#[test]
fn passed_packets_start_at_the_one_that_holds_the_target() {
    for name in ["a.ogg", "a.webm"] {
        let bytes = encode(&two_tones(5.0, 48_000), name, &OPUS);
        let source = source_packets(&bytes);
        let frames = play(
            &bytes,
            Wish {
                start: Duration::from_millis(2_505),
                ..Wish::default()
            },
        );
        assert!(
            source.ends_with(&packets(&frames)),
            "{name}: not the tail of the source"
        );
        let first = frames[0].position.as_millis();
        assert!(
            (2_505..=2_526).contains(&first),
            "{name}: first packet ends at {first} ms"
        );
    }
}

#[test]
fn seeking_beyond_the_end_ends_and_a_later_seek_plays_again() {
    let bytes = encode(&two_tones(3.0, 44_100), "a.mp3", &["-b:a", "128k"]);
    let engine = engine();
    let mut playing = start(&engine, &bytes, Wish::default());
    playing.take(5);
    playing.pipeline.seek(Duration::from_secs(60));
    wait_for(&playing, &PipelineEvent::SeekDone);
    playing.rest();
    playing.pipeline.seek(Duration::from_secs(2));
    let frames = playing.rest();
    assert_eq!(frames[0].position, Duration::from_secs(2));
    assert!((50..=53).contains(&frames.len()), "{} frames", frames.len());
    assert!(
        playing
            .events
            .try_iter()
            .all(|event| event == PipelineEvent::SeekDone)
    );
}

#[test]
fn seeks_of_live_input_are_ignored() {
    let bytes = encode(&two_tones(3.0, 48_000), "a.ogg", &OPUS);
    let engine = engine();
    let mut playing = start(
        &engine,
        &bytes,
        Wish {
            manner: Manner::LIVE,
            ghosting: false,
            ..Wish::default()
        },
    );
    let mut frames = playing.take(50);
    playing.pipeline.seek(Duration::from_secs(2));
    frames.extend(playing.rest());
    wait_for(&playing, &PipelineEvent::SeekDone);
    let source = source_packets(&bytes);
    assert!(
        frames.len() + 1 >= source.len(),
        "{} of {} packets",
        frames.len(),
        source.len()
    );
}

#[test]
fn a_stalled_input_can_be_left_by_a_seek_or_a_stop() {
    let bytes = encode(&two_tones(20.0, 44_100), "a.mp3", &["-b:a", "128k"]);
    let stalls_at = Some(bytes.len() as u64 / 2);
    let engine = engine_with(Default::default(), 3);
    let wish = || Wish {
        manner: Manner {
            chunk: 8_000,
            stalls_at,
            ..Manner::PLAIN
        },
        ..Wish::default()
    };
    let mut playing = start(
        &engine,
        &bytes,
        Wish {
            start: Duration::from_secs(9),
            ..wish()
        },
    );
    let mut packet = [0; MAX_PACKET];
    let mut idle = 0;
    while idle < 50 {
        idle = if matches!(playing.frames.pop(&mut packet), Popped::Empty { .. }) {
            idle + 1
        } else {
            0
        };
        std::thread::sleep(Duration::from_millis(2));
    }
    playing.pipeline.seek(Duration::from_secs(2));
    wait_for(&playing, &PipelineEvent::SeekDone);
    assert_eq!(playing.next().expect("a frame").position, Duration::from_secs(2));

    // Reads until it is stuck in the middle of the container reader, then has to be unwound from there.
    let stuck = start(
        &engine,
        &bytes,
        Wish {
            start: Duration::from_secs(15),
            ..wish()
        },
    );
    drop((playing, stuck));
    let deadline = std::time::Instant::now() + DEADLINE;
    while engine.load().iter().sum::<usize>() > 0 {
        assert!(
            std::time::Instant::now() < deadline,
            "a stalled pipeline was not freed"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ghosting_decides_whether_old_frames_play_on() {
    let bytes = encode(&two_tones(5.0, 44_100), "a.mp3", &["-b:a", "128k"]);
    let target = Duration::from_secs(4);
    for ghosting in [false, true] {
        let engine = engine_with(Default::default(), 3);
        let mut playing = start(
            &engine,
            &bytes,
            Wish {
                ghosting,
                ..Wish::default()
            },
        );
        playing.take(10);
        // Frames are queued by then, and nothing new can be there right after the call.
        std::thread::sleep(Duration::from_millis(100));
        playing.pipeline.seek(target);
        let mut packet = [0; MAX_PACKET];
        let at_once = playing.frames.pop(&mut packet);
        if ghosting {
            assert!(matches!(at_once, Popped::Frame { .. }), "{at_once:?}");
        } else if let Popped::Frame { position, .. } = at_once {
            assert!(position >= target, "an old frame after the seek");
        }
        let frames = playing.rest();
        let first_new = frames
            .iter()
            .position(|frame| frame.position >= target)
            .expect("new frames");
        assert!(
            first_new <= if ghosting { 3 } else { 0 },
            "{first_new} old frames"
        );
        assert!(
            frames[first_new..].iter().all(|frame| frame.position >= target),
            "old frames after new ones"
        );
    }
}

#[test]
fn volume_acts_within_the_queue_and_goes_back_to_passthrough() {
    let bytes = encode(&two_tones(8.0, 48_000), "a.ogg", &OPUS);
    let source = source_packets(&bytes);
    let engine = engine_with(Default::default(), 3);
    let mut playing = start(&engine, &bytes, Wish::default());
    assert_eq!(packets(&playing.take(50)), source[..50]);

    playing.pipeline.set_volume(50);
    let quiet = playing.take(150);
    let [left, right] = decode(&quiet);
    let settled = 10 * 960;
    assert_tone(&left[settled..], 440.0, 0.25 * 0.4169, "volume 50, left");
    assert_tone(&right[settled..], 1_000.0, 0.25 * 0.4169, "volume 50, right");

    playing.pipeline.set_volume(100);
    let rest = playing.rest();
    let last = rest.last().expect("frames").position.as_millis();
    assert!(last.abs_diff(8_000) <= 25, "time drifted to {last} ms");
    let rest = packets(&rest);
    let passed = &rest[10..];
    assert!(
        passed.len() > 150 && source.ends_with(passed),
        "not the source's packets again"
    );
}

#[test]
fn filters_switch_live_in_both_directions() {
    let bytes = encode(&two_tones(8.0, 48_000), "a.webm", &OPUS);
    let source = source_packets(&bytes);
    let engine = engine_with(Default::default(), 3);
    let mut playing = start(&engine, &bytes, Wish::default());
    playing.take(50);
    let swapped = r#"{"channelMix":{"leftToLeft":0,"leftToRight":1,"rightToLeft":1,"rightToRight":0}}"#;
    playing.pipeline.set_filters(filters(swapped).into());
    let [left, right] = decode(&playing.take(150));
    assert_tone(&left[10 * 960..], 1_000.0, 0.25, "swapped, left");
    assert_tone(&right[10 * 960..], 440.0, 0.25, "swapped, right");
    playing.pipeline.set_filters(Filters::default().into());
    let rest = packets(&playing.rest());
    assert!(source.ends_with(&rest[10..]), "not the source's packets again");
}

#[test]
fn timescale_changes_the_number_of_frames() {
    let bytes = encode(&two_tones(4.0, 44_100), "a.mp3", &["-b:a", "128k"]);
    let frames = play(
        &bytes,
        Wish {
            filters: filters(r#"{"timescale":{"speed":2.0}}"#),
            ..Wish::default()
        },
    );
    assert!((97..=105).contains(&frames.len()), "{} frames", frames.len());
    assert_tone(&decode(&frames)[0][24_000..], 440.0, 0.25, "twice as fast");
}

#[test]
fn muted_frames_are_silence_and_keep_time() {
    let bytes = encode(&two_tones(3.0, 44_100), "a.mp3", &["-b:a", "128k"]);
    let frames = play(
        &bytes,
        Wish {
            volume: 0,
            ..Wish::default()
        },
    );
    assert!((149..=153).contains(&frames.len()), "{} frames", frames.len());
    assert!(frames.iter().all(|frame| frame.packet == [0xfc, 0xff, 0xfe]));
}

#[test]
fn nothing_of_the_end_is_lost() {
    // The tone sounds only in the last 30 ms of a track that is no multiple of 20 ms long.
    let graph = "aevalsrc='if(gte(t,0.983),0.5*sin(1000*2*PI*t),0)':s=44100:d=1.013";
    let frames = play(&encode(graph, "a.flac", &["-c:a", "flac"]), Wish::default());
    let [left, _] = decode(&frames);
    let last_loud = left
        .iter()
        .rposition(|sample| sample.abs() > 0.2)
        .expect("the tone is there");
    let expected = 48_624;
    assert!(
        last_loud.abs_diff(expected) < 100,
        "the last loud sample is {last_loud}, not about {expected}"
    );
    assert_eq!(frames.len(), 51);
}

#[test]
fn chained_ogg_plays_through() {
    for codec in [&OPUS[..], &["-c:a", "libvorbis"]] {
        let mut bytes = encode(&two_tones(2.0, 48_000), "a.ogg", codec);
        bytes.extend(encode(&one_tone(2.0, 44_100), "b.ogg", codec));
        for manner in [Manner::LIVE, Manner::PLAIN] {
            let frames = play(
                &bytes,
                Wish {
                    manner,
                    ..Wish::default()
                },
            );
            assert!(
                (198..=205).contains(&frames.len()),
                "{codec:?} {manner:?}: {} frames",
                frames.len()
            );
            assert!(
                frames.windows(2).all(|pair| pair[0].position < pair[1].position),
                "{codec:?}: time goes back"
            );
            let [left, right] = decode(&frames);
            assert_tone(&right[24_000..], 1_000.0, 0.25, &format!("{codec:?}, first"));
            assert_tone(&left[125 * 960..], 440.0, 0.25, &format!("{codec:?}, second"));
            assert_tone(&right[125 * 960..], 440.0, 0.25, &format!("{codec:?}, second"));
        }
    }
}

#[test]
fn pipelines_are_spread_and_freed() {
    let bytes = encode(&two_tones(3.0, 48_000), "a.ogg", &OPUS);
    let engine = engine();
    let mut playing: Vec<Playing> = (0..6).map(|_| start(&engine, &bytes, Wish::default())).collect();
    assert_eq!(engine.load(), [3, 3]);
    let mut frames = playing.pop().expect("six").frames;
    drop(playing);
    let deadline = std::time::Instant::now() + DEADLINE;
    while engine.load() != [0, 0] {
        assert!(
            std::time::Instant::now() < deadline,
            "pipelines were not freed: {:?}",
            engine.load()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut packet = [0; MAX_PACKET];
    while frames.pop(&mut packet) != Popped::Ended {}
}

#[test]
fn dropping_the_engine_ends_its_pipelines() {
    let bytes = encode(&two_tones(3.0, 48_000), "a.ogg", &OPUS);
    let engine = engine_with(Default::default(), 3);
    let mut playing = start(&engine, &bytes, Wish::default());
    playing.take(5);
    drop(engine);
    assert!(
        playing.rest().len() <= 12,
        "frames were made after the engine was dropped"
    );
}
