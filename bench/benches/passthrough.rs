//! CPU time of handing Opus packets through: demux, queue, and the engine's ticks.
//!
//! Times are CPU time of the process for all tracks; the throughput line divides by packets.

#![allow(missing_docs)] // criterion's macros make items without documentation

mod support;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use lavalink_bench::media::Kind;
use support::{FRAMES, TRACKS, cpu_time_of, music, play_all};

fn passthrough(criterion: &mut Criterion) {
    let music = music(Kind::Opus);
    let mut group = criterion.benchmark_group("opus passthrough, cpu");
    group
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(FRAMES * TRACKS));
    group.bench_function("engine", |bencher| {
        bencher.iter_custom(|times| cpu_time_of(times, || play_all(&music, "opus", true)));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = support::criterion();
    targets = passthrough
}
criterion_main!(benches);
