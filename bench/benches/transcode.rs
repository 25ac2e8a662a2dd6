//! CPU time from mp3 bytes to Opus frames: the engine against symphonia and libopus alone.
//!
//! Times are CPU time of the process for all tracks; the throughput line divides by frames of 20 ms.

#![allow(missing_docs)] // criterion's macros make items without documentation

mod support;

use std::io::Cursor;
use std::sync::Arc;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use lavalink_audio::{CHANNELS, FRAME_SAMPLES, MAX_PACKET, SAMPLE_RATE_HZ};
use lavalink_bench::media::Kind;
use opus::{Application, Bitrate, Channels, Encoder};
use support::{Best, FRAMES, TRACKS, cpu_time_of, music, play_all, verdict};
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

/// What the engine may cost, in what decoding and encoding alone cost.
const BAR: f64 = 1.3;

fn transcode(criterion: &mut Criterion) {
    let music = music(Kind::Mp3);
    let (engine, parts) = (Best::default(), Best::default());
    let mut group = criterion.benchmark_group("mp3 to opus, cpu");
    group
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(FRAMES * TRACKS));
    group.bench_function("engine", |bencher| {
        bencher.iter_custom(|times| engine.cpu_time_of(times, || play_all(&music, "mp3", false)));
    });
    let alone = || music.iter().map(|bytes| encode(&decode(bytes))).sum::<usize>();
    group.bench_function("symphonia and libopus alone", |bencher| {
        bencher.iter_custom(|times| parts.cpu_time_of(times, alone));
    });
    let pcm: Vec<_> = music.iter().map(decode).collect();
    let encoder_alone = || pcm.iter().map(|pcm| encode(pcm)).sum::<usize>();
    group.bench_function("libopus alone", |bencher| {
        bencher.iter_custom(|times| cpu_time_of(times, encoder_alone));
    });
    group.finish();
    if let (Some(engine), Some(parts)) = (engine.frame_us(), parts.frame_us()) {
        let ratio = engine / parts;
        eprintln!(
            "transcode: the engine takes {engine:.1} us per frame, symphonia and libopus alone {parts:.1} us: {ratio:.2} times \
             as much. The bar is {BAR} times: {}.",
            verdict(ratio, BAR)
        );
    }
}

/// Interleaved stereo of the whole file.
fn decode(bytes: &Arc<[u8]>) -> Vec<f32> {
    let stream = MediaSourceStream::new(
        Box::new(Cursor::new(bytes.clone())),
        MediaSourceStreamOptions::default(),
    );
    let mut reader = symphonia::default::get_probe()
        .probe(
            &Hint::new(),
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .expect("symphonia reads mp3");
    let track = reader.default_track(TrackType::Audio).expect("there is a track");
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
        .expect("it is audio");
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .expect("symphonia decodes mp3");
    let mut pcm = Vec::new();
    let mut piece = Vec::new();
    while let Some(packet) = reader.next_packet().expect("the file is whole") {
        let decoded = decoder.decode(&packet).expect("the file is whole");
        decoded.copy_to_vec_interleaved(&mut piece);
        pcm.extend_from_slice(&piece);
    }
    pcm
}

/// Encodes with the engine's settings; returns the bytes made.
fn encode(pcm: &[f32]) -> usize {
    let mut encoder =
        Encoder::new(SAMPLE_RATE_HZ, Channels::Stereo, Application::Audio).expect("libopus is linked");
    encoder.set_complexity(10).expect("a valid complexity");
    encoder.set_bitrate(Bitrate::Auto).expect("a valid bitrate");
    encoder.set_vbr(true).expect("VBR is always allowed");
    let mut packet = [0; MAX_PACKET];
    pcm.chunks_exact(FRAME_SAMPLES * CHANNELS)
        .map(|frame| encoder.encode_float(frame, &mut packet).expect("valid input"))
        .sum()
}

criterion_group! {
    name = benches;
    config = support::criterion();
    targets = transcode
}
criterion_main!(benches);
