//! How workers share themselves out: nobody waits for a hostile neighbour, and nobody is asked in vain.

mod support;

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use lavalink_audio::{
    Engine, EngineConfig, FrameConsumer, MAX_PACKET, MediaHint, MediaInput, Pipeline, PipelineSpec, Popped,
    ResamplingQuality,
};
use parking_lot::Mutex;
use support::{DEADLINE, encode, two_tones};

/// Frames of the witness: 3 s.
const FRAMES: usize = 150;

fn one_worker(queue_frames: usize) -> Engine {
    Engine::new(EngineConfig {
        workers: 1,
        opus_quality: 0,
        resampling: ResamplingQuality::Low,
        queue_frames,
    })
    .expect("a thread starts")
}

fn play(engine: &Engine, input: impl MediaInput + 'static) -> (Pipeline, FrameConsumer) {
    engine.start(PipelineSpec {
        input: Box::new(input),
        hint: MediaHint::default(),
        start: Duration::ZERO,
        volume: 100,
        filters: Arc::default(),
        effects: None,
        use_seek_ghosting: true,
        observer: Box::new(|_| {}),
    })
}

fn unseekable() -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file that begins as mp3 and goes on with nothing, for ever, as fast as it is read.
struct Endless {
    start: Cursor<Vec<u8>>,
    read: Arc<AtomicU64>,
}

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut count = self.start.read(buf)?;
        if count == 0 {
            buf.fill(0);
            count = buf.len();
        }
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Endless {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        unseekable()
    }
}

impl MediaInput for Endless {
    fn byte_len(&self) -> Option<u64> {
        None
    }

    fn is_seekable(&self) -> bool {
        false
    }
}

/// A well-behaved file that notes how much its neighbours had read when its last byte was taken.
struct Witness {
    bytes: Cursor<Vec<u8>>,
    neighbours: Arc<AtomicU64>,
    at_end: Arc<AtomicU64>,
}

impl Read for Witness {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = buf.len().min(4_096);
        let count = self.bytes.read(&mut buf[..count])?;
        let neighbours = self.neighbours.load(Ordering::Relaxed);
        self.at_end.store(neighbours, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Witness {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        unseekable()
    }
}

impl MediaInput for Witness {
    fn byte_len(&self) -> Option<u64> {
        None
    }

    fn is_seekable(&self) -> bool {
        false
    }
}

#[test]
fn hostile_files_do_not_delay_their_neighbour() {
    const HOSTILE: u64 = 8;
    let mp3 = encode(&two_tones(3.0, 48_000), "a.mp3", &["-b:a", "128k"]);
    let engine = one_worker(FRAMES * 2);
    let read = Arc::new(AtomicU64::new(0));
    let _hostile: Vec<_> = (0..HOSTILE)
        .map(|_| {
            play(
                &engine,
                Endless {
                    start: Cursor::new(mp3[..8_000].to_vec()),
                    read: Arc::clone(&read),
                },
            )
        })
        .collect();
    let at_end = Arc::new(AtomicU64::new(0));
    let (_witness, mut frames) = play(
        &engine,
        Witness {
            bytes: Cursor::new(mp3.clone()),
            neighbours: Arc::clone(&read),
            at_end: Arc::clone(&at_end),
        },
    );
    let deadline = Instant::now() + DEADLINE;
    let mut packet = [0; MAX_PACKET];
    let mut count = 0;
    loop {
        match frames.pop(&mut packet) {
            Popped::Frame { .. } => count += 1,
            Popped::Ended => break,
            Popped::Empty { .. } => std::thread::sleep(Duration::from_millis(5)),
        }
        assert!(
            Instant::now() < deadline,
            "only {count} frames within the deadline"
        );
    }
    assert!(count >= FRAMES, "{count} frames");
    // A turn is four steps, a step reads 64 KiB and what its last read brings. The witness makes a frame a step; as
    // many turns again are for finding out what it is.
    let per_round = HOSTILE * 4 * 128 * 1024;
    let rounds = (FRAMES as u64).div_ceil(4) * 2;
    let read = at_end.load(Ordering::Relaxed);
    assert!(
        read <= rounds * per_round,
        "the others read {read} bytes meanwhile"
    );
}

/// Runs dry in the middle, and says when it may have bytes again.
struct Stalling {
    bytes: Cursor<Vec<u8>>,
    shared: Arc<Dry>,
}

#[derive(Default)]
struct Dry {
    /// Bytes that have come so far.
    until: AtomicU64,
    /// Reads that found nothing.
    in_vain: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Read for Stalling {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.shared.until.load(Ordering::Acquire) - self.bytes.position();
        let count = buf.len().min(left as usize);
        if count == 0 && left == 0 && self.bytes.position() < self.bytes.get_ref().len() as u64 {
            self.shared.in_vain.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.bytes.read(&mut buf[..count])
    }
}

impl Seek for Stalling {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        unseekable()
    }
}

impl MediaInput for Stalling {
    fn byte_len(&self) -> Option<u64> {
        None
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn wake_on_bytes(&mut self, waker: &Waker) -> bool {
        *self.shared.waker.lock() = Some(waker.clone());
        true
    }
}

#[test]
fn a_starved_pipeline_is_left_alone_until_bytes_come() {
    let mp3 = encode(&two_tones(3.0, 48_000), "a.mp3", &["-b:a", "128k"]);
    let shared = Arc::<Dry>::default();
    shared.until.store(mp3.len() as u64 / 2, Ordering::Relaxed);
    let engine = one_worker(FRAMES * 2);
    let (_pipeline, mut frames) = play(
        &engine,
        Stalling {
            bytes: Cursor::new(mp3.clone()),
            shared: Arc::clone(&shared),
        },
    );
    let deadline = Instant::now() + DEADLINE;
    while shared.waker.lock().is_none() || shared.in_vain.load(Ordering::Relaxed) < 2 {
        assert!(Instant::now() < deadline, "it never asked to be woken");
        std::thread::sleep(Duration::from_millis(5));
    }
    let reads = shared.in_vain.load(Ordering::Relaxed);
    assert_eq!(
        reads, 2,
        "one that found nothing, and one after asking to be woken"
    );
    let mut packet = [0; MAX_PACKET];
    let mut count = 0;
    while matches!(frames.pop(&mut packet), Popped::Frame { .. }) {
        count += 1;
    }
    std::thread::sleep(Duration::from_millis(200));
    // Whoever takes frames in vain does not make it look again either.
    for _ in 0..10 {
        assert!(matches!(frames.pop(&mut packet), Popped::Empty { .. }));
    }
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(shared.in_vain.load(Ordering::Relaxed), reads);
    assert!(frames.is_starved());

    shared.until.store(mp3.len() as u64, Ordering::Release);
    let waker = shared.waker.lock().take().expect("seen above");
    waker.wake();
    loop {
        match frames.pop(&mut packet) {
            Popped::Frame { .. } => count += 1,
            Popped::Ended => break,
            Popped::Empty { .. } => std::thread::sleep(Duration::from_millis(5)),
        }
        assert!(Instant::now() < deadline, "it was not woken");
    }
    assert!(count >= FRAMES, "{count} frames");
}
