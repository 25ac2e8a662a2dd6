//! What pacers record and count, and that doing so allocates nothing.

use std::{net::UdpSocket, sync::Arc, time::Duration};

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    link::{MediaLink, Protection},
    stream::Stream,
    tests::KEY,
    watch::Blame,
    wheel::Wheel,
};
use crate::{
    counters::VoiceCounters,
    dave::encryptor::FrameEncryptor,
    flight::{Flight, FlightRecorder, GapCause, Outcome, find_gaps},
    source::{FrameSource, Lack, MAX_PACKET, SourceReport},
    udp::{
        crypto::{Mode, TransportCipher},
        rtp::RtpStream,
    },
};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// Has a packet unless it is told to lack one.
struct Scripted {
    lack: Option<Lack>,
    is_idle: bool,
    recorder: Arc<FlightRecorder>,
}

impl FrameSource for Scripted {
    fn next_frame(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
        packet[..4].fill(7);
        (self.lack.is_none() && !self.is_idle).then_some(4)
    }

    fn report(&self) -> SourceReport {
        SourceReport {
            queued: 2,
            ready_for: Duration::from_millis(35),
            is_starved: self.lack == Some(Lack::Bytes),
            lack: self.lack,
        }
    }

    fn recorder(&self) -> Option<Arc<FlightRecorder>> {
        Some(Arc::clone(&self.recorder))
    }
}

struct Bench {
    wheel: Wheel,
    source: Arc<Mutex<Scripted>>,
    recorder: Arc<FlightRecorder>,
    counters: Arc<VoiceCounters>,
    link: Arc<MediaLink>,
    receiver: UdpSocket,
    _back: oneshot::Receiver<Box<Stream>>,
}

impl Bench {
    fn new(recorder: &Arc<FlightRecorder>) -> Self {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_nonblocking(true).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(receiver.local_addr().unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let source = Arc::new(Mutex::new(Scripted {
            lack: None,
            is_idle: false,
            recorder: Arc::clone(recorder),
        }));
        let counters = Arc::<VoiceCounters>::default();
        let link = Arc::new(MediaLink::new(Arc::clone(&counters)));
        let (sender, back) = oneshot::channel();
        let stream = Stream::new(
            source.clone(),
            socket,
            RtpStream::new(1),
            TransportCipher::new(Mode::Aes256Gcm, &KEY),
            Arc::clone(&link),
            sender,
        );
        let mut wheel = Wheel::new(Duration::ZERO, Arc::default());
        wheel.insert(Box::new(stream), Duration::ZERO);
        link.protect(Protection::Sealed(Box::new(FrameEncryptor::new(&[1; 16]))));
        Self {
            wheel,
            source,
            recorder: Arc::clone(recorder),
            counters,
            link,
            receiver,
            _back: back,
        }
    }

    /// Runs so many slots on time.
    fn slots(&mut self, count: usize) {
        self.slots_late(count, Duration::ZERO, Blame::NONE);
    }

    fn slots_late(&mut self, count: usize, by: Duration, blame: Blame) {
        for _ in 0..count {
            let at = self.wheel.next_run().expect("a stream");
            self.wheel.run(at + by, blame);
            self.link.speaking.told(self.link.speaking.wanted());
        }
    }

    fn lacking(&mut self, lack: Lack, slots: usize) {
        self.source.lock().lack = Some(lack);
        self.slots(slots);
        self.source.lock().lack = None;
        self.slots(10);
    }

    fn gaps(&self) -> Vec<(GapCause, u32)> {
        let flight = self.read();
        find_gaps(&flight.slots, flight.now)
            .iter()
            .map(|gap| (gap.cause, gap.frames_missed))
            .collect()
    }

    fn read(&self) -> Flight {
        self.recorder.read_at(self.wheel.next_run().expect("a stream"))
    }

    fn gap_counts(&self) -> Vec<(GapCause, u64)> {
        GapCause::ALL
            .into_iter()
            .map(|cause| (cause, self.counters.gaps(cause)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

fn playing() -> Bench {
    let mut bench = Bench::new(&Arc::default());
    bench.slots(20);
    assert_eq!(bench.gaps(), []);
    bench
}

#[test]
fn each_lack_is_a_gap_with_its_cause() {
    let mut bench = playing();
    bench.lacking(Lack::Bytes, 3);
    bench.lacking(Lack::Seek, 2);
    bench.lacking(Lack::Work { was_hindered: true }, 1);
    bench.lacking(Lack::Work { was_hindered: false }, 4);
    let expected = [
        (GapCause::SourceStarved, 3),
        (GapCause::Seek, 2),
        (GapCause::HostStolen, 1),
        (GapCause::CpuOverrun, 4),
    ];
    assert_eq!(bench.gaps(), expected);
    for (cause, slots) in expected {
        assert_eq!(
            (bench.counters.missed(cause), bench.counters.gaps(cause)),
            (slots.into(), 1)
        );
    }
}

#[test]
fn a_pause_is_no_gap() {
    let mut bench = playing();
    bench.source.lock().is_idle = true;
    bench.slots(500);
    bench.source.lock().is_idle = false;
    bench.slots(20);
    assert_eq!((bench.gaps(), bench.gap_counts()), (vec![], vec![]));
    let idle = bench
        .read()
        .slots
        .iter()
        .filter(|slot| slot.outcome == Outcome::Idle)
        .count();
    assert_eq!(
        idle, 1,
        "a pause leaves one entry, so that it does not push out what was before"
    );
}

#[test]
fn a_missing_key_is_a_gap() {
    let mut bench = playing();
    bench.link.protect(Protection::Hold { slots: 3 });
    bench.slots(3);
    bench
        .link
        .protect(Protection::Sealed(Box::new(FrameEncryptor::new(&[2; 16]))));
    bench.slots(10);
    assert_eq!(bench.gaps(), [(GapCause::DaveTransition, 3)]);
    assert_eq!(bench.gap_counts(), [(GapCause::DaveTransition, 1)]);
}

#[test]
fn a_locked_source_is_a_gap() {
    let mut bench = playing();
    let source = Arc::clone(&bench.source);
    let guard = source.lock();
    bench.slots(1);
    drop(guard);
    bench.slots(10);
    assert_eq!(bench.gaps(), [(GapCause::SourceLocked, 1)]);
}

#[test]
fn lateness_has_a_cause_and_is_a_gap_when_it_can_be_heard() {
    let mut bench = playing();
    let ms = Duration::from_millis(1);
    bench.slots_late(1, 10 * ms, Blame::NONE);
    assert_eq!(bench.gaps(), []);
    bench.slots(10);
    let overrun = Blame {
        late: GapCause::CpuOverrun,
        is_overloaded: true,
    };
    bench.slots_late(1, 55 * ms, overrun);
    bench.slots(30);
    bench.slots_late(1, 500 * ms, Blame::NONE);
    bench.slots(10);
    assert_eq!(
        bench.gaps(),
        [(GapCause::CpuOverrun, 0), (GapCause::HostStolen, 25)]
    );
    assert_eq!(
        bench.gap_counts(),
        [(GapCause::CpuOverrun, 1), (GapCause::HostStolen, 1)]
    );
    assert_eq!(bench.counters.missed(GapCause::HostStolen), 25);
    assert!(bench.counters.late(GapCause::HostStolen) >= 1);
}

#[test]
fn a_new_connection_goes_on_in_the_same_recorder() {
    let recorder = Arc::<FlightRecorder>::default();
    let mut first = Bench::new(&recorder);
    first.slots(20);
    drop(first);
    let mut second = Bench::new(&recorder);
    // As long as it is not on the grid of the first: both clocks begin at zero here.
    second.slots(40);
    assert_eq!(second.counters.gaps(GapCause::VoiceReconnect), 1);
}

#[test]
fn an_unreachable_receiver_is_named() {
    let mut bench = playing();
    // Closing the receiver makes the system refuse what follows.
    bench.receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    bench.slots(20);
    assert!(bench.counters.gaps(GapCause::SocketError) > 0);
}

#[test]
fn a_step_of_the_pacer_allocates_nothing() {
    let mut bench = playing();
    let before = violation_count();
    assert_no_alloc(|| {
        bench.slots(100);
        bench.source.lock().lack = Some(Lack::Bytes);
        bench.slots(20);
        bench.source.lock().lack = None;
        bench.slots(100);
    });
    assert_eq!(violation_count(), before);
    assert!(bench.counters.frames_sent() > 150);
    // The check itself works.
    assert_no_alloc(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(100))));
    assert!(violation_count() > before);
}
