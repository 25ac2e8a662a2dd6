//! Media in memory and a way to play it through the engine as fast as the engine goes.

#![allow(dead_code, reason = "every bench uses its part")]

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use lavalink_audio::{
    Engine, EngineConfig, FrameConsumer, MAX_PACKET, MediaHint, MediaInput, Pipeline, PipelineEvent,
    PipelineSpec, Popped,
};
use lavalink_bench::media::{self, Kind};
use lavalink_bench::process::own_cpu_time;

/// Length of the media, in seconds.
pub const SECONDS: u32 = 10;

/// Frames of 20 ms in the media.
pub const FRAMES: u64 = SECONDS as u64 * 50;

/// Tracks played at once; the engine's ticks are shared by them as in a node.
pub const TRACKS: u64 = 8;

/// Few and long iterations: each plays all tracks to their end, and takes longer than the CPU time it is counted by.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_millis(1))
        .configure_from_args()
}

/// [`TRACKS`] different pieces of [`SECONDS`]. Equal ones, played in step, would be encoded with warm caches and branch
/// predictors, as no node ever does.
pub fn music(kind: Kind) -> Vec<Arc<[u8]>> {
    let directory = tempfile::tempdir().expect("a temporary folder can be made");
    let make = |piece| media::make(directory.path(), kind, piece, SECONDS).expect("ffmpeg makes the media");
    (0..TRACKS as u32)
        .map(|piece| std::fs::read(make(piece)).expect("the media can be read").into())
        .collect()
}

/// The shortest CPU time of one call seen so far; the rest is other programs' doing.
#[derive(Debug, Default)]
pub struct Best(Cell<Option<Duration>>);

impl Best {
    /// As [`cpu_time_of`], remembering the time of one call.
    pub fn cpu_time_of<T>(&self, times: u64, call: impl FnMut() -> T) -> Duration {
        let time = cpu_time_of(times, call);
        let one = time.div_f64(times.max(1) as f64);
        self.0.set(Some(self.0.get().map_or(one, |best| best.min(one))));
        time
    }

    /// Microseconds of one frame of one track; `None` when a filter on the command line left it out.
    pub fn frame_us(&self) -> Option<f64> {
        let frames = (FRAMES * TRACKS) as f64;
        self.0.get().map(|best| best.as_secs_f64() * 1e6 / frames)
    }
}

/// Whether a bar is kept, as a word for a line of the report.
pub fn verdict(value: f64, bar: f64) -> &'static str {
    if value <= bar { "holds" } else { "OVER" }
}

/// CPU time of the whole process over `times` calls, for [`criterion::Bencher::iter_custom`].
pub fn cpu_time_of<T>(times: u64, mut call: impl FnMut() -> T) -> Duration {
    let before = own_cpu_time();
    for _ in 0..times {
        std::hint::black_box(call());
    }
    own_cpu_time() - before
}

/// Plays all `music` at once to the end and returns how many frames came out.
///
/// # Panics
/// When a pipeline fails or its audio is not complete.
pub fn play_all(music: &[Arc<[u8]>], extension: &str, must_pass_through: bool) -> u64 {
    let config = EngineConfig {
        queue_frames: FRAMES as usize,
        ..EngineConfig::default()
    };
    let engine = Engine::new(config).expect("worker threads can be started");
    let start = |bytes: &Arc<[u8]>| engine.start(spec(bytes.clone(), extension, must_pass_through));
    let mut tracks: Vec<_> = music.iter().map(start).collect();
    let counts: Vec<u64> = tracks.iter_mut().map(drain).collect();
    for count in &counts {
        // A codec's own delay may cost a frame or two at the end.
        assert!(
            (FRAMES - 3..=FRAMES + 3).contains(count),
            "{count} frames came out of {FRAMES}"
        );
    }
    counts.iter().sum()
}

fn drain((_pipeline, frames): &mut (Pipeline, FrameConsumer)) -> u64 {
    let mut packet = [0; MAX_PACKET];
    let mut count = 0;
    loop {
        match frames.pop(&mut packet) {
            Popped::Frame { .. } => count += 1,
            Popped::Empty { .. } => std::thread::sleep(Duration::from_millis(10)),
            Popped::Ended => return count,
        }
    }
}

fn spec(bytes: Arc<[u8]>, extension: &str, must_pass_through: bool) -> PipelineSpec {
    PipelineSpec {
        input: Box::new(Memory(Cursor::new(bytes))),
        hint: MediaHint {
            extension: Some(extension.to_owned()),
            ..MediaHint::default()
        },
        start: Duration::ZERO,
        volume: 100,
        filters: Arc::default(),
        effects: None,
        use_seek_ghosting: true,
        observer: Box::new(move |event| match event {
            PipelineEvent::Ready { passthrough, .. } => assert_eq!(passthrough, must_pass_through),
            PipelineEvent::Failed { error, .. } => panic!("the pipeline failed: {error}"),
            PipelineEvent::SeekDone => {}
        }),
    }
}

/// Media that is all there.
pub struct Memory(pub Cursor<Arc<[u8]>>);

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl MediaInput for Memory {
    fn byte_len(&self) -> Option<u64> {
        Some(self.0.get_ref().len() as u64)
    }

    fn is_seekable(&self) -> bool {
        true
    }
}
