//! The short queue between a pipeline and the pacer: single producer, single consumer, no locks, no allocation.
//!
//! Frames carry the generation (seek number) they were made for. The consumer skips frames below the *floor*; a seek
//! raises the floor at once, or, with ghosting, when the first frame from the new place is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

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
    },
    /// Nothing there now; more may come.
    Empty,
    /// The track is over and everything has been handed out.
    Ended,
}

struct Frame {
    generation: u64,
    position: Duration,
    len: u16,
    data: [u8; MAX_PACKET],
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
}

impl Timeline {
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
    timeline: Arc<Timeline>,
    target: usize,
    generation: u64,
    pushed_in_generation: usize,
}

/// The pacer's end of the queue. All calls are wait-free and do not allocate.
pub struct FrameConsumer {
    ring: Consumer<Frame>,
    timeline: Arc<Timeline>,
}

/// Makes a queue that is kept `target` frames (at least 1) deep.
pub(crate) fn frame_queue(target: usize, timeline: &Arc<Timeline>) -> (FrameProducer, FrameConsumer) {
    let target = target.max(1);
    // Twice the depth: after a seek the new frames fit behind the old ones that are still being played.
    let (producer, consumer) = RingBuffer::new(target * 2);
    let producer = FrameProducer {
        ring: producer,
        timeline: Arc::clone(timeline),
        target,
        generation: 0,
        pushed_in_generation: 0,
    };
    (
        producer,
        FrameConsumer {
            ring: consumer,
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
        let mut frame = Frame {
            generation: self.generation,
            position,
            len,
            data: [0; MAX_PACKET],
        };
        frame.data[..packet.len()].copy_from_slice(packet);
        if self.ring.push(frame).is_err() {
            return false;
        }
        if self.pushed_in_generation == 0 {
            self.timeline.floor.fetch_max(self.generation, Ordering::AcqRel);
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
                Some(frame) if frame.generation >= floor => {
                    let len = usize::from(frame.len).min(MAX_PACKET);
                    packet[..len].copy_from_slice(&frame.data[..len]);
                    Some(Popped::Frame {
                        len,
                        position: frame.position,
                    })
                }
                _ => None,
            };
            chunk.commit_all();
            if let Some(popped) = taken {
                return popped;
            }
        }
        if ended { Popped::Ended } else { Popped::Empty }
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
            Popped::Empty | Popped::Ended => None,
        }
    }

    #[test]
    fn hands_out_in_order_then_ends() {
        let (_, mut producer, mut consumer) = queue(3);
        let mut packet = [0; MAX_PACKET];
        assert_eq!(consumer.pop(&mut packet), Popped::Empty);
        assert!(producer.push(Duration::from_millis(20), &[1, 2, 3]));
        producer.end();
        let frame = Popped::Frame {
            len: 3,
            position: Duration::from_millis(20),
        };
        assert_eq!(consumer.pop(&mut packet), frame);
        assert_eq!(packet[..3], [1, 2, 3]);
        assert_eq!(consumer.pop(&mut packet), Popped::Ended);
        assert!(
            !producer.push(Duration::ZERO, &[0; MAX_PACKET + 1]),
            "an oversized packet is refused"
        );
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
        assert_eq!(consumer.pop(&mut packet), Popped::Empty);
        producer.start_generation(generation);
        assert!(producer.push(Duration::ZERO, &[9]));
        drop(producer);
        assert_eq!(pop(&mut consumer), Some(9));
        assert_eq!(consumer.pop(&mut packet), Popped::Empty);
        timeline.close();
        assert_eq!(consumer.pop(&mut packet), Popped::Ended);
    }
}
