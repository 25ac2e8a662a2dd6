//! The coroutine's connection to the outside: reads that suspend instead of blocking, and the share of work per turn.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use corosensei::Yielder;
use parking_lot::Mutex;
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};

use super::{Control, Turn};
use crate::input::{HeadInput, Offer};
use crate::recording::Recording;
use crate::{AudioError, MediaInput, MediaPiece};

/// Input bytes after which a pipeline that makes no audio gives the thread to the others.
const BYTES_PER_TURN: usize = 64 * 1024;

/// Reads at the end of the input before a reader that does not take it for an answer gets an error.
const MAX_READS_AT_END: u32 = 1_000;

/// Time without a byte after which a new seek abandons the read.
const PATIENCE: Duration = Duration::from_millis(500);

/// The input of a pipeline together with the way back to its worker. Lives on the coroutine's stack.
pub(super) struct Link<'y> {
    yielder: &'y Yielder<(), Turn>,
    control: Arc<Control>,
    /// Rings for this pipeline.
    waker: Waker,
    input: Mutex<HeadInput>,
    error: Cell<Option<String>>,
    generation: Cell<u64>,
    may_abandon: Cell<bool>,
    abandoned: Cell<bool>,
    bytes_in_turn: Cell<usize>,
    reads_at_end: Cell<u32>,
}

impl<'y> Link<'y> {
    pub(super) fn new(
        yielder: &'y Yielder<(), Turn>,
        input: Box<dyn MediaInput>,
        control: Arc<Control>,
    ) -> Self {
        Self {
            yielder,
            waker: Waker::from(Arc::clone(&control)),
            control,
            input: Mutex::new(HeadInput::new(input)),
            error: Cell::new(None),
            generation: Cell::new(0),
            may_abandon: Cell::new(false),
            abandoned: Cell::new(false),
            bytes_in_turn: Cell::new(0),
            reads_at_end: Cell::new(0),
        }
    }

    /// Gives the thread back.
    pub(super) fn suspend(&self, turn: Turn) {
        self.bytes_in_turn.set(0);
        self.yielder.suspend(turn);
    }

    /// Runs work that neither reads nor pauses on the worker's stack, which there is once: the deep calls of codecs would
    /// otherwise be paid for in every track's own.
    pub(super) fn on_worker_stack<R>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.yielder.on_parent_stack(work)
    }

    /// See [`HeadInput::forget_head`].
    pub(super) fn forget_head(&self) {
        self.input.lock().forget_head();
    }

    /// Rings for this pipeline.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    /// Whether a seek was asked for that playback has not turned to yet.
    pub(super) fn seek_is_pending(&self) -> bool {
        self.control.timeline().requested() != self.generation.get()
    }

    /// Turns to the latest seek.
    pub(super) fn take_seek(&self) -> (u64, Duration) {
        let (generation, target) = self.control.latest_seek();
        self.generation.set(generation);
        (generation, target)
    }

    /// From now on a new seek may abandon a read that gets no bytes.
    pub(super) fn allow_abandoning(&self) {
        self.may_abandon.set(true);
    }

    /// Whether a read was abandoned for a seek since the last call; the container reader is then unusable.
    pub(super) fn take_abandoned(&self) -> bool {
        self.abandoned.replace(false)
    }

    /// The first I/O error of the input since the last call. Readers tend to swallow or rename it.
    pub(super) fn take_error(&self) -> Option<String> {
        self.error.take()
    }

    /// Forgets reads at the end of the input: playback made progress.
    pub(super) fn made_progress(&self) {
        self.reads_at_end.set(0);
    }

    pub(super) fn is_seekable(&self) -> bool {
        self.input.lock().is_seekable()
    }

    /// Whether a seek can be followed, by position or by piece.
    pub(super) fn can_jump(&self) -> bool {
        let input = self.input.lock();
        input.is_seekable() || input.piece_at(Duration::ZERO).is_some()
    }

    /// See [`MediaInput::is_in_pieces`].
    pub(super) fn is_in_pieces(&self) -> bool {
        self.input.lock().is_in_pieces()
    }

    /// See [`MediaInput::piece_at`].
    pub(super) fn piece_at(&self, time: Duration) -> Option<MediaPiece> {
        self.input.lock().piece_at(time)
    }

    /// See [`HeadInput::restart_at`].
    pub(super) fn restart_at(&self, offset: u64) -> io::Result<()> {
        self.input.lock().restart_at(offset)
    }

    /// See [`HeadInput::next_part`].
    pub(super) fn next_part(&self) -> bool {
        self.input.lock().next_part()
    }

    /// Bytes of the whole file, whatever is spliced.
    pub(super) fn file_len(&self) -> Option<u64> {
        self.input.lock().file_len()
    }

    /// Sets what container readers are told about the input from now on.
    pub(super) fn set_offer(&self, offer: Offer) {
        self.input.lock().set_offer(offer);
    }

    /// What container readers are told about the input.
    pub(super) fn offer(&self) -> Offer {
        self.input.lock().offer()
    }

    /// From now on keeps a copy of everything that is read from position `from` on.
    pub(super) fn start_recording(&self, from: u64) {
        self.input.lock().start_recording(from);
    }

    /// Ends the recording and hands it out.
    pub(super) fn take_recording(&self) -> Recording {
        self.input.lock().take_recording().unwrap_or_default()
    }

    /// See [`HeadInput::splice`].
    pub(super) fn splice(&self, head: Vec<u8>, position: u64) {
        self.input.lock().splice(head, position);
    }

    /// Up to `count` bytes of the input from `position` on, fewer at its end.
    pub(super) fn bytes_at(&self, position: u64, count: usize) -> io::Result<Vec<u8>> {
        self.seek(SeekFrom::Start(position))?;
        let mut bytes = vec![0; count];
        let mut have = 0;
        while have < count {
            match self.read(&mut bytes[have..])? {
                0 => break,
                read => have += read,
            }
        }
        bytes.truncate(have);
        Ok(bytes)
    }

    pub(super) fn set_budget(&self, bytes: Option<u64>) {
        self.input.lock().set_budget(bytes);
    }

    /// The first `wanted` bytes of the input, or all of a shorter one.
    pub(super) fn head(&self, wanted: usize) -> Result<Vec<u8>, AudioError> {
        let mut drought = Drought::default();
        loop {
            let filled = self.input.lock().fill_head(wanted);
            match filled {
                Ok(true) => return Ok(self.input.lock().head().to_vec()),
                Ok(false) => drought = Drought::default(),
                Err(error) if is_temporary(&error) && !self.is_abandoned(&drought) => {
                    self.wait_for_bytes(&mut drought);
                }
                Err(error) => {
                    return Err(AudioError::Decode {
                        cause: error.to_string(),
                    });
                }
            }
        }
    }

    /// A stream over the input from its first byte.
    pub(super) fn stream(&self) -> io::Result<MediaSourceStream<'_>> {
        self.input.lock().seek(SeekFrom::Start(0))?;
        let source = YieldingSource { link: self };
        Ok(MediaSourceStream::new(
            Box::new(source),
            MediaSourceStreamOptions::default(),
        ))
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut drought = Drought::default();
        loop {
            let result = self.input.lock().read(buf);
            match result {
                Ok(count) => {
                    self.control.timeline().set_starved(false);
                    self.count(count)?;
                    return Ok(count);
                }
                Err(error) if is_temporary(&error) => {
                    if self.is_abandoned(&drought) {
                        return Err(io::Error::other("the read was abandoned for a seek"));
                    }
                    self.wait_for_bytes(&mut drought);
                }
                Err(error) => return Err(self.note(error)),
            }
        }
    }

    /// Whether a read that gets no bytes is given up for a seek.
    fn is_abandoned(&self, drought: &Drought) -> bool {
        let is_abandoned = drought.since.is_some_and(|since| since.elapsed() > PATIENCE)
            && self.may_abandon.get()
            && self.seek_is_pending();
        if is_abandoned {
            self.abandoned.set(true);
        }
        is_abandoned
    }

    /// Parks the pipeline until bytes arrive. Returns once without parking, for the read that has to follow the
    /// registration.
    fn wait_for_bytes(&self, drought: &mut Drought) {
        drought.since.get_or_insert_with(Instant::now);
        if !drought.is_registered {
            drought.is_registered = self.input.lock().wake_on_bytes(&self.waker);
            if drought.is_registered {
                return;
            }
        }
        self.control.timeline().set_starved(true);
        // A seek that waits for the read to be given up needs the clock.
        let is_called = std::mem::take(&mut drought.is_registered);
        self.suspend(if is_called && !self.seek_is_pending() {
            Turn::Idle
        } else {
            Turn::Poll
        });
    }

    fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        // The input is only moved by the read that follows, see `HeadInput`.
        self.input.lock().seek(to).map_err(|error| self.note(error))
    }

    fn count(&self, bytes: usize) -> io::Result<()> {
        if bytes == 0 {
            self.reads_at_end.set(self.reads_at_end.get() + 1);
            if self.reads_at_end.get() > MAX_READS_AT_END {
                return Err(self.note(io::Error::other("the container points beyond its end")));
            }
        }
        self.bytes_in_turn.set(self.bytes_in_turn.get() + bytes);
        if self.bytes_in_turn.get() >= BYTES_PER_TURN {
            self.suspend(Turn::Worked);
        }
        Ok(())
    }

    fn note(&self, error: io::Error) -> io::Error {
        let first = self.error.take().unwrap_or_else(|| error.to_string());
        self.error.set(Some(first));
        error
    }
}

/// A read that gets no bytes.
#[derive(Default)]
struct Drought {
    since: Option<Instant>,
    is_registered: bool,
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// What container readers read from.
struct YieldingSource<'a> {
    link: &'a Link<'a>,
}

// SAFETY: the reference never reaches another thread. It lives on the stack of a coroutine (in the `Session`), and
// coroutines are neither `Send` nor moved off the worker thread that made them; `Send` is only demanded by the
// signature of `MediaSource`.
#[allow(unsafe_code)]
unsafe impl Send for YieldingSource<'_> {}

// SAFETY: as above; nothing shares the source between threads.
#[allow(unsafe_code)]
unsafe impl Sync for YieldingSource<'_> {}

impl Read for YieldingSource<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.link.read(buf)
    }
}

impl Seek for YieldingSource<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.link.seek(to)
    }
}

impl MediaSource for YieldingSource<'_> {
    fn is_seekable(&self) -> bool {
        self.link.input.lock().offers_seeking()
    }

    fn byte_len(&self) -> Option<u64> {
        self.link.input.lock().offered_len()
    }
}
