//! CPU time of handing Opus packets through: demux, queue, and the engine's ticks.
//!
//! Times are CPU time of the process for all tracks; the throughput line divides by packets.

#![allow(missing_docs)] // criterion's macros make items without documentation

mod support;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use lavalink_bench::media::Kind;
use support::{Best, FRAMES, TRACKS, music, play_all, verdict};

/// What a packet may cost, in microseconds.
const BAR_US: f64 = 1.0;

fn passthrough(criterion: &mut Criterion) {
    let music = music(Kind::Opus);
    let engine = Best::default();
    let mut group = criterion.benchmark_group("opus passthrough, cpu");
    group
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(FRAMES * TRACKS));
    group.bench_function("engine", |bencher| {
        bencher.iter_custom(|times| engine.cpu_time_of(times, || play_all(&music, "opus", true)));
    });
    group.finish();
    if let Some(packet_us) = engine.frame_us() {
        eprintln!(
            "passthrough: {packet_us:.2} us per packet from the file's bytes to the queue before encryption. The bar is \
             {BAR_US} us: {}.",
            verdict(packet_us, BAR_US)
        );
    }
}

criterion_group! {
    name = benches;
    config = support::criterion();
    targets = passthrough
}
criterion_main!(benches);
