//! One playing track: what its handle shares with its worker, and the coroutine that produces its frames.

mod clock;
mod extent;
mod jump;
mod link;
mod passing;
mod pcm;
mod render;
mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::task::Wake;
use std::time::Duration;

use arc_swap::ArcSwap;
use corosensei::Yielder;
use lavalink_protocol::filters::Filters;
use parking_lot::Mutex;

use crate::effects::MakeEffects;
use crate::engine::bell::{Bell, Call};
use crate::queue::{FrameProducer, Timeline};
use crate::{AudioError, MediaHint, MediaInput, PipelineEvent, ResamplingQuality};

/// Largest player volume.
const MAX_VOLUME: u16 = 1_000;

/// Engine-wide choices a pipeline needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Opus encoder complexity, `0..=10`.
    pub(crate) opus_quality: u8,
    /// How source rates other than 48 kHz are converted.
    pub(crate) resampling: ResamplingQuality,
}

/// The filters a player wants.
#[derive(Clone, Default)]
pub(crate) struct FilterSetup {
    /// The built-in ones.
    pub(crate) filters: Arc<Filters>,
    /// Those from outside, which come before them.
    pub(crate) effects: Option<Arc<dyn MakeEffects>>,
}

impl FilterSetup {
    /// Whether the outside filters come from the same maker.
    fn has_same_effects(&self, other: &Self) -> bool {
        match (&self.effects, &other.effects) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// Why a pipeline's coroutine gives the thread back.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Its share of work is done; there is more.
    Worked,
    /// The queue is full with so many frames.
    Full(usize),
    /// Nothing to do until somebody calls: bytes arrive, or a seek.
    Idle,
    /// It waits for bytes of an input that cannot call, or for outside filters.
    Poll,
    /// The observer is to be told.
    Event(PipelineEvent),
}

/// What the handle of a pipeline changes and its worker reads.
pub(crate) struct Control {
    volume: AtomicU16,
    filters: ArcSwap<FilterSetup>,
    seek_to: Mutex<Duration>,
    drop_queued: bool,
    seekable: AtomicBool,
    stopped: AtomicBool,
    timeline: Arc<Timeline>,
}

impl Control {
    /// Controls with the given start values. `drop_queued`: a seek makes queued frames stale at once. `bell` is the
    /// worker's.
    pub(crate) fn new(volume: u16, filters: FilterSetup, drop_queued: bool, bell: Arc<Bell>) -> Self {
        Self {
            volume: AtomicU16::new(volume.min(MAX_VOLUME)),
            filters: ArcSwap::from_pointee(filters),
            seek_to: Mutex::new(Duration::ZERO),
            drop_queued,
            seekable: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
            timeline: Arc::new(Timeline::new(Call::new(bell))),
        }
    }

    /// Progress shared with the frame queue.
    pub(crate) fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    pub(crate) fn set_volume(&self, volume: u16) {
        self.volume.store(volume.min(MAX_VOLUME), Ordering::Relaxed);
    }

    pub(crate) fn volume(&self) -> u16 {
        self.volume.load(Ordering::Relaxed)
    }

    pub(crate) fn set_filters(&self, filters: FilterSetup) {
        self.filters.store(Arc::new(filters));
    }

    pub(crate) fn seek(&self, to: Duration) {
        let mut target = self.seek_to.lock();
        *target = to;
        // A seek that will be ignored must not cost queued frames.
        self.timeline
            .begin_seek(self.drop_queued && self.seekable.load(Ordering::Relaxed));
        drop(target);
        self.timeline.call().ring();
    }

    /// Latest seek: its generation and target.
    fn latest_seek(&self) -> (u64, Duration) {
        let target = self.seek_to.lock();
        (self.timeline.requested(), *target)
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.timeline.call().ring();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

impl Wake for Control {
    /// Bytes have come.
    fn wake(self: Arc<Self>) {
        self.timeline.call().ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.timeline.call().ring();
    }
}

/// A pipeline on its way to its worker.
pub(crate) struct Job {
    pub(crate) input: Box<dyn MediaInput>,
    pub(crate) hint: MediaHint,
    pub(crate) start: Duration,
    pub(crate) observer: Box<dyn Fn(PipelineEvent) + Send + Sync>,
    pub(crate) control: Arc<Control>,
    pub(crate) frames: FrameProducer,
}

/// The part of a [`Job`] that lives in the coroutine.
pub(crate) struct Part {
    input: Box<dyn MediaInput>,
    hint: MediaHint,
    start: Duration,
    control: Arc<Control>,
    frames: FrameProducer,
}

impl Job {
    /// Splits off the observer, which is called outside the coroutine.
    pub(crate) fn into_parts(self) -> (Box<dyn Fn(PipelineEvent) + Send + Sync>, Part) {
        let Self {
            input,
            hint,
            start,
            observer,
            control,
            frames,
        } = self;
        (
            observer,
            Part {
                input,
                hint,
                start,
                control,
                frames,
            },
        )
    }
}

/// The body of a pipeline's coroutine. Only failures make it return; a pipeline at its end waits for a seek.
pub(crate) fn play(yielder: &Yielder<(), Turn>, part: Part, settings: Settings) -> AudioError {
    let Part {
        input,
        hint,
        start,
        control,
        frames,
    } = part;
    let link = link::Link::new(yielder, input, Arc::clone(&control));
    match session::Session::open(&link, &hint, frames, settings, start) {
        Ok(session) => session.run(start),
        Err(error) => error,
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Inputs for unit tests.

    use std::io::{Cursor, Read, Result, Seek, SeekFrom};

    use crate::MediaInput;

    /// Bytes in memory.
    pub(crate) struct MemoryInput {
        bytes: Cursor<Vec<u8>>,
        pub(crate) seekable: bool,
    }

    impl MemoryInput {
        pub(crate) fn new(bytes: Vec<u8>) -> Self {
            Self {
                bytes: Cursor::new(bytes),
                seekable: true,
            }
        }
    }

    impl Read for MemoryInput {
        fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
            self.bytes.read(buf)
        }
    }

    impl Seek for MemoryInput {
        fn seek(&mut self, to: SeekFrom) -> Result<u64> {
            self.bytes.seek(to)
        }
    }

    impl MediaInput for MemoryInput {
        fn byte_len(&self) -> Option<u64> {
            Some(self.bytes.get_ref().len() as u64)
        }

        fn is_seekable(&self) -> bool {
            self.seekable
        }
    }
}
