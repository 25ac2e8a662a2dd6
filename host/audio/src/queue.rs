//! The short queue between a pipeline and the pacer: single producer, single consumer, no locks, no allocation.
//!
//! Two rings, one of frames and one of their bytes, so that a frame moves as many bytes as it has. The bytes of a frame are
//! there before the frame is.
//!
//! Frames carry the generation (seek number) they were made for. The consumer skips frames below the *floor*; a seek
//! raises the floor at once, or, with ghosting, when the first frame from the new place is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::engine::bell::Call;

/// Largest frame in bytes: the packet budget Lavalink gives 20 ms of audio.
pub const MAX_PACKET: usize = 1568;

/// What [`FrameConsumer::pop`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Popped {
    /// One Opus packet of 20 ms was copied out.
    Frame {
        /// Bytes written to the packet, `1..=MAX_PACKET`.
        len: usize,
        /// Playback position: start of a re-encoded frame, end of a passed-through one.
        position: Duration,
        /// When it was queued.
        made_at: Instant,
        /// Frames queued behind it.
        queued: usize,
    },
    /// Nothing there now; more may come.
    Empty {
        /// What the pipeline waits for.
        lack: Lack,
    },
    /// The track is over and everything has been handed out.
    Ended,
}

/// Why a queue is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The track has not begun.
    Opening,
    /// A seek is under way.
    Seeking,
    /// The input has no bytes.
    Bytes,
    /// There are bytes, but its worker has not got round to making frames of them.
    Work {
        /// Whether the worker was kept from running by whatever else the machine does.
        was_hindered: bool,
    },
}

struct Frame {
    generation: u64,
    position: Duration,
    made_at: Instant,
    len: u16,
}

/// Progress of seeks and the end of the track, shared by pipeline handle, worker and consumer.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Number of seeks asked for.
    requested: AtomicU64,
    /// Frames of lower generations are stale.
    floor: AtomicU64,
    /// Generation whose production is complete, plus one; 0 while none is.
    ended: AtomicU64,
    /// Set when nothing will ever be produced any more.
    closed: AtomicBool,
    /// Whether a frame was ever queued.
    pushed_any: AtomicBool,
    /// Generation of the last frame queued.
    generation_pushed: AtomicU64,
    /// Whether the input had no bytes when it was read last.
    starved: AtomicBool,
    /// Set while the worker waits for frames to be taken from a queue that has long been full.
    dozing: AtomicBool,
    /// The way to the worker.
    call: Call,
}

impl Timeline {
    /// The timeline of a pipeline whose worker is reached by `call`.
    pub(crate) fn new(call: Call) -> Self {
        Self {
            call,
            ..Self::default()
        }
    }

    /// The way to the worker.
    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// The worker will not look at the queue by itself until a frame was taken from it. What was taken before this
    /// call is visible after it.
    pub(crate) fn doze(&self) {
        self.dozing.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether the input is out of bytes.
    pub(crate) fn set_starved(&self, starved: bool) {
        self.starved.store(starved, Ordering::Relaxed);
    }

    fn lack(&self) -> Lack {
        let requested = self.requested();
        if self.generation_pushed.load(Ordering::Relaxed) != requested {
            Lack::Seeking
        } else if !self.pushed_any() {
            Lack::Opening
        } else if self.starved.load(Ordering::Relaxed) {
            Lack::Bytes
        } else {
            let was_hindered = self.call.worker_was_hindered();
            Lack::Work { was_hindered }
        }
    }

    /// Registers a seek and returns its generation. `drop_queued` makes queued frames stale at once.
    pub(crate) fn begin_seek(&self, drop_queued: bool) -> u64 {
        let generation = self.requested.fetch_add(1, Ordering::AcqRel) + 1;
        if drop_queued {
            self.floor.fetch_max(generation, Ordering::AcqRel);
        }
        generation
    }

    /// Generation of the latest seek asked for; 0 before the first.
    pub(crate) fn requested(&self) -> u64 {
        self.requested.load(Ordering::Acquire)
    }

    /// Says that nothing will be produced any more. The worker calls it after the observer has heard why, so that
    /// nobody sees the end before its reason.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether a frame was ever queued.
    pub(crate) fn pushed_any(&self) -> bool {
        self.pushed_any.load(Ordering::Acquire)
    }
}

/// The worker's end of the queue.
pub(crate) struct FrameProducer {
    ring: Producer<Frame>,
    bytes: Producer<u8>,
    timeline: Arc<Timeline>,
    target: usize,
    generation: u64,
    pushed_in_generation: usize,
}

/// The pacer's end of the queue. All calls are wait-free and do not allocate.
pub struct FrameConsumer {
    ring: Consumer<Frame>,
    bytes: Consumer<u8>,
    timeline: Arc<Timeline>,
}

/// Makes a queue that is kept `target` frames (at least 1) deep.
pub(crate) fn frame_queue(target: usize, timeline: &Arc<Timeline>) -> (FrameProducer, FrameConsumer) {
    let target = target.max(1);
    // Twice the depth: after a seek the new frames fit behind the old ones that are still being played.
    let (producer, consumer) = RingBuffer::new(target * 2);
    let (bytes_in, bytes_out) = RingBuffer::new(target * 2 * MAX_PACKET);
    let producer = FrameProducer {
        ring: producer,
        bytes: bytes_in,
        timeline: Arc::clone(timeline),
        target,
        generation: 0,
        pushed_in_generation: 0,
    };
    (
        producer,
        FrameConsumer {
            ring: consumer,
            bytes: bytes_out,
            timeline: Arc::clone(timeline),
        },
    )
}

impl FrameProducer {
    /// Whether another frame should be made now.
    pub(crate) fn has_room(&self) -> bool {
        let free = self.ring.slots();
        let queued = self.target * 2 - free;
        free > 0 && (queued < self.target || self.pushed_in_generation < self.target)
    }

    /// Frames the queue is kept filled with.
    pub(crate) fn target(&self) -> usize {
        self.target
    }

    /// Frames pushed from now on belong to this seek.
    pub(crate) fn start_generation(&mut self, generation: u64) {
        self.generation = generation;
        self.pushed_in_generation = 0;
    }

    /// Queues one packet of at most [`MAX_PACKET`] bytes; returns whether it fitted.
    pub(crate) fn push(&mut self, position: Duration, packet: &[u8]) -> bool {
        let Some(len) = u16::try_from(packet.len())
            .ok()
            .filter(|_| packet.len() <= MAX_PACKET)
        else {
            return false;
        };
        // A frame that has room always finds room for its bytes: they are taken out before it is.
        if self.ring.is_full() || self.bytes.push_entire_slice(packet).is_err() {
            return false;
        }
        let frame = Frame {
            generation: self.generation,
            position,
            made_at: Instant::now(),
            len,
        };
        if self.ring.push(frame).is_err() {
            return false;
        }
        if self.pushed_in_generation == 0 {
            self.timeline.floor.fetch_max(self.generation, Ordering::AcqRel);
            self.timeline
                .generation_pushed
                .store(self.generation, Ordering::Relaxed);
        }
        self.pushed_in_generation = self.pushed_in_generation.saturating_add(1);
        self.timeline.pushed_any.store(true, Ordering::Release);
        true
    }

    /// Says that the current generation is complete.
    pub(crate) fn end(&self) {
        self.timeline.ended.store(self.generation + 1, Ordering::Release);
    }
}

impl FrameConsumer {
    /// Takes the next frame. At most the queue's few stale frames are skipped on the way.
    pub fn pop(&mut self, packet: &mut [u8; MAX_PACKET]) -> Popped {
        // Read before looking into the ring: whatever was pushed before the end is then visible below.
        let ended = self.timeline.ended.load(Ordering::Acquire) == self.timeline.requested() + 1
            || self.timeline.closed.load(Ordering::Acquire);
        let floor = self.timeline.floor.load(Ordering::Acquire);
        while let Ok(chunk) = self.ring.read_chunk(1) {
            let taken = match chunk.as_slices().0.first() {
                Some(frame) => {
                    let len = usize::from(frame.len).min(MAX_PACKET);
                    // Taken out even when it is stale. Cannot fail: the bytes came before the frame.
                    let is_whole = self.bytes.pop_entire_slice(&mut packet[..len]).is_ok();
                    (is_whole && frame.generation >= floor).then_some(Popped::Frame {
                        len,
                        position: frame.position,
                        made_at: frame.made_at,
                        queued: 0,
                    })
                }
                None => None,
            };
            chunk.commit_all();
            self.wake_worker();
            if let Some(mut popped) = taken {
                if let Popped::Frame { queued, .. } = &mut popped {
                    *queued = self.ring.slots();
                }
                return popped;
            }
        }
        if ended {
            Popped::Ended
        } else {
            let lack = self.timeline.lack();
            if matches!(lack, Lack::Work { .. }) {
                // The worker sleeps by the clock; whoever takes frames faster than they play need not wait for it.
                self.timeline.call.ring();
            }
            Popped::Empty { lack }
        }
    }

    /// Whether the input had no bytes when it was read last.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.timeline.starved.load(Ordering::Relaxed)
    }

    /// A worker that sleeps because nobody took frames has to know that somebody does again.
    fn wake_worker(&self) {
        // Pairs with `Timeline::doze`: either the worker sees the room just made, or this sees that it dozes.
        fence(Ordering::SeqCst);
        if self.timeline.dozing.load(Ordering::Relaxed) && self.timeline.dozing.swap(false, Ordering::Relaxed)
        {
            self.timeline.call.ring();
        }
    }
}

impl std::fmt::Debug for FrameConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameConsumer")
            .field("queued", &self.ring.slots())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(target: usize) -> (Arc<Timeline>, FrameProducer, FrameConsumer) {
        let timeline = Arc::new(Timeline::default());
        let (producer, consumer) = frame_queue(target, &timeline);
        (timeline, producer, consumer)
    }

    fn pop(consumer: &mut FrameConsumer) -> Option<u8> {
        let mut packet = [0; MAX_PACKET];
        match consumer.pop(&mut packet) {
            Popped::Frame { len: 1, .. } => Some(packet[0]),
            Popped::Frame { len, .. } => panic!("unexpected length {len}"),
            Popped::Empty { .. } | Popped::Ended => None,
        }
    }

    #[test]
    fn hands_out_in_order_then_ends() {
        let (_, mut producer, mut consumer) = queue(3);
        let mut packet = [0; MAX_PACKET];
        let lack = Lack::Opening;
        assert_eq!(consumer.pop(&mut packet), Popped::Empty { lack });
        assert!(producer.push(Duration::from_millis(20), &[1, 2, 3]));
        producer.end();
        let Popped::Frame {
            len: 3,
            position,
            queued: 0,
            ..
        } = consumer.pop(&mut packet)
        else {
            panic!("no frame")
        };
        assert_eq!(position, Duration::from_millis(20));
        assert_eq!(packet[..3], [1, 2, 3]);
        assert_eq!(consumer.pop(&mut packet), Popped::Ended);
        assert!(
            !producer.push(Duration::ZERO, &[0; MAX_PACKET + 1]),
            "an oversized packet is refused"
        );
    }

    #[test]
    fn bytes_stay_with_their_frames() {
        let (timeline, mut producer, mut consumer) = queue(2);
        let mut packet = [0; MAX_PACKET];
        for round in 0..198_usize {
            let len = 1 + round * 977 % MAX_PACKET;
            assert!(producer.push(Duration::ZERO, &vec![round as u8; len]));
            if round % 7 == 3 {
                // Stale: its bytes have to go with it.
                producer.start_generation(timeline.begin_seek(true));
                continue;
            }
            let Popped::Frame { len: popped, .. } = consumer.pop(&mut packet) else {
                panic!("no frame in round {round}")
            };
            assert_eq!(popped, len);
            assert!(packet[..len].iter().all(|byte| *byte == round as u8));
        }
        for _ in 0..4 {
            assert!(producer.push(Duration::ZERO, &[1; MAX_PACKET]), "the largest fit");
        }
        assert!(!producer.push(Duration::ZERO, &[1]));
    }

    #[test]
    fn is_kept_at_its_target_depth() {
        let (_, mut producer, mut consumer) = queue(3);
        let mut pushed = 0;
        while producer.has_room() {
            assert!(producer.push(Duration::ZERO, &[pushed]));
            pushed += 1;
        }
        assert_eq!(pushed, 3);
        assert_eq!(pop(&mut consumer), Some(0));
        assert!(producer.has_room());
    }

    #[test]
    fn ghosting_plays_old_frames_until_the_first_new_one() {
        let (timeline, mut producer, mut consumer) = queue(3);
        (1..=3).for_each(|n| assert!(producer.push(Duration::ZERO, &[n])));
        let generation = timeline.begin_seek(false);
        assert_eq!(pop(&mut consumer), Some(1));
        producer.start_generation(generation);
        assert!(
            producer.has_room(),
            "a new generation may be queued behind the old one"
        );
        assert!(producer.push(Duration::ZERO, &[100]));
        assert_eq!(pop(&mut consumer), Some(100));
        assert_eq!(pop(&mut consumer), None);
    }

    #[test]
    fn without_ghosting_old_frames_are_gone_at_once() {
        let (timeline, mut producer, mut consumer) = queue(3);
        (1..=3).for_each(|n| assert!(producer.push(Duration::ZERO, &[n])));
        let generation = timeline.begin_seek(true);
        assert_eq!(pop(&mut consumer), None);
        producer.start_generation(generation);
        assert!(producer.push(Duration::ZERO, &[100]));
        assert_eq!(pop(&mut consumer), Some(100));
    }

    #[test]
    fn a_seek_takes_back_the_end_and_closing_is_final() {
        let (timeline, mut producer, mut consumer) = queue(3);
        let mut packet = [0; MAX_PACKET];
        producer.end();
        assert_eq!(consumer.pop(&mut packet), Popped::Ended);
        let generation = timeline.begin_seek(false);
        let lack = Lack::Seeking;
        assert_eq!(consumer.pop(&mut packet), Popped::Empty { lack });
        producer.start_generation(generation);
        assert!(producer.push(Duration::ZERO, &[9]));
        drop(producer);
        assert_eq!(pop(&mut consumer), Some(9));
        let was_hindered = false;
        let lack = Lack::Work { was_hindered };
        assert_eq!(consumer.pop(&mut packet), Popped::Empty { lack });
        timeline.close();
        assert_eq!(consumer.pop(&mut packet), Popped::Ended);
    }

    #[test]
    fn an_empty_queue_says_what_it_lacks() {
        let (timeline, mut producer, mut consumer) = queue(3);
        let mut lack = || match consumer.pop(&mut [0; MAX_PACKET]) {
            Popped::Empty { lack } => Some(lack),
            Popped::Frame { .. } | Popped::Ended => None,
        };
        assert_eq!(lack(), Some(Lack::Opening));
        assert!(producer.push(Duration::ZERO, &[1]));
        assert_eq!((lack(), lack()), (None, Some(Lack::Work { was_hindered: false })));
        timeline.set_starved(true);
        assert_eq!(lack(), Some(Lack::Bytes));
        producer.start_generation(timeline.begin_seek(false));
        assert_eq!(lack(), Some(Lack::Seeking));
    }

    #[test]
    fn a_dozing_worker_is_called_by_the_first_frame_taken() {
        let (timeline, mut producer, mut consumer) = queue(3);
        (1..=3).for_each(|n| assert!(producer.push(Duration::ZERO, &[n])));
        timeline.doze();
        assert!(!timeline.call().take());
        pop(&mut consumer);
        assert!(timeline.call().take());
        pop(&mut consumer);
        assert!(!timeline.call().take(), "once is enough");
    }
}
