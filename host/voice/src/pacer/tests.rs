//! The pacer with a clock and a source that do as the test says; packets go over loopback sockets.

use std::{net::UdpSocket, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    clock::{Clock, FRAME},
    link::{MediaLink, Protection, Stop},
    stream::Stream,
    thread::{Inbox, run},
    watch::Blame,
    wheel::Wheel,
};
use crate::{
    counters::VoiceCounters,
    dave::encryptor::{FrameEncryptor, SILENCE, tests::decrypt},
    source::{FrameSource, MAX_PACKET, SharedSource},
    udp::{
        crypto::{Mode, TransportCipher, tests::open},
        rtp::RtpStream,
    },
};

pub(super) const KEY: [u8; 32] = [5; 32];
const MS: Duration = Duration::from_millis(1);

/// Gives numbered packets while it has any.
#[derive(Default)]
struct Counting {
    left: u32,
    asked: u32,
    given: u32,
}

impl FrameSource for Counting {
    fn next_frame(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
        self.asked += 1;
        self.left = self.left.checked_sub(1)?;
        packet[..4].copy_from_slice(&self.given.to_be_bytes());
        self.given += 1;
        Some(4)
    }
}

/// A stream with everything around it.
struct Bench {
    source: Arc<Mutex<Counting>>,
    link: Arc<MediaLink>,
    counters: Arc<VoiceCounters>,
    receiver: UdpSocket,
    back: oneshot::Receiver<Box<Stream>>,
}

impl Bench {
    fn new(frames: u32) -> (Self, Box<Stream>) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_nonblocking(true).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(receiver.local_addr().unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let source = Arc::new(Mutex::new(Counting {
            left: frames,
            ..Counting::default()
        }));
        let counters = Arc::<VoiceCounters>::default();
        let link = Arc::new(MediaLink::new(Arc::clone(&counters)));
        let (sender, back) = oneshot::channel();
        let stream = Stream::new(
            Arc::clone(&source) as SharedSource,
            socket,
            RtpStream::starting_at(9, 100, 0),
            TransportCipher::new(Mode::Aes256Gcm, &KEY),
            Arc::clone(&link),
            sender,
        );
        (
            Self {
                source,
                link,
                counters,
                receiver,
                back,
            },
            Box::new(stream),
        )
    }

    /// Every packet that has arrived: sequence number and what the transport encryption held.
    fn received(&self) -> Vec<(u16, Vec<u8>)> {
        let mut packets = Vec::new();
        let mut datagram = [0; 2048];
        while let Ok(length) = self.receiver.recv(&mut datagram) {
            let packet = &datagram[..length];
            let sequence = u16::from_be_bytes([packet[2], packet[3]]);
            packets.push((
                sequence,
                open(Mode::Aes256Gcm, &KEY, packet).expect("it authenticates"),
            ));
        }
        packets
    }

    fn tell_speaking(&self) {
        self.link.speaking.told(self.link.speaking.wanted());
    }
}

/// A wheel driven slot by slot, always on time.
struct Drive {
    wheel: Wheel,
    ended: usize,
}

impl Drive {
    fn new(streams: impl IntoIterator<Item = Box<Stream>>) -> Self {
        let mut wheel = Wheel::new(Duration::ZERO, Arc::default());
        for stream in streams {
            wheel.insert(stream, Duration::ZERO);
        }
        Self { wheel, ended: 0 }
    }

    fn slots(&mut self, count: usize) {
        for _ in 0..count {
            let Some(at) = self.wheel.next_run() else { return };
            self.ended += self.wheel.run(at, Blame::NONE);
        }
    }
}

fn numbers(packets: &[(u16, Vec<u8>)]) -> Vec<u32> {
    packets
        .iter()
        .filter_map(|(_, packet)| Some(u32::from_be_bytes(packet.as_slice().try_into().ok()?)))
        .collect()
}

#[test]
fn speaks_then_sends_then_falls_silent() {
    let (bench, stream) = Bench::new(3);
    let mut drive = Drive::new([stream]);
    bench.link.protect(Protection::Plain);
    drive.slots(1);
    assert!(
        bench.link.speaking.wanted().speaking(),
        "speaking is wanted before the first packet"
    );
    assert!(bench.received().is_empty());
    bench.tell_speaking();
    drive.slots(3);
    let audio = bench.received();
    assert_eq!(numbers(&audio), [0, 1, 2]);
    drive.slots(4);
    assert!(
        bench.link.speaking.wanted().speaking(),
        "still speaking during the silence packets"
    );
    drive.slots(6);
    assert!(!bench.link.speaking.wanted().speaking());
    let silence = bench.received();
    assert_eq!(silence.len(), 5);
    assert!(silence.iter().all(|(_, packet)| *packet == SILENCE));
    let sequences: Vec<u16> = audio
        .iter()
        .chain(&silence)
        .map(|(sequence, _)| *sequence)
        .collect();
    assert_eq!(sequences, (100..108).collect::<Vec<_>>());
    assert_eq!(bench.counters.frames_sent(), 3);
    assert_eq!(bench.counters.silence_sent(), 5);
    assert_eq!(bench.counters.empty_slots(), 10);
}

#[test]
fn the_first_packet_does_not_wait_for_ever() {
    let (bench, stream) = Bench::new(1);
    let mut drive = Drive::new([stream]);
    bench.link.protect(Protection::Plain);
    drive.slots(4);
    assert!(bench.received().is_empty());
    drive.slots(1);
    assert_eq!(numbers(&bench.received()), [0]);
}

#[test]
fn a_short_gap_is_filled_with_silence_without_new_announcement() {
    let (bench, stream) = Bench::new(1);
    let mut drive = Drive::new([stream]);
    bench.link.protect(Protection::Plain);
    drive.slots(1);
    bench.tell_speaking();
    drive.slots(3);
    bench.source.lock().left = 1;
    drive.slots(1);
    let packets = bench.received();
    assert_eq!(packets.len(), 4);
    assert_eq!(numbers(&packets), [0, 1]);
    assert!(bench.link.speaking.is_told());
}

#[test]
fn held_streams_do_not_ask_their_source() {
    let (bench, stream) = Bench::new(100);
    let mut drive = Drive::new([stream]);
    drive.slots(20);
    assert_eq!(
        bench.source.lock().asked,
        0,
        "nothing is sent before a protection is set"
    );
    bench.link.protect(Protection::Hold { slots: 10 });
    drive.slots(10);
    assert_eq!(bench.source.lock().asked, 0);
    assert_eq!(bench.counters.held_slots(), 30);
    drive.slots(1);
    assert_eq!(bench.source.lock().asked, 1, "the hold ends by itself");
}

#[test]
fn packets_follow_the_key_and_silence_stays_plain() {
    let (bench, stream) = Bench::new(2);
    let mut drive = Drive::new([stream]);
    let sealed = |secret| Protection::Sealed(Box::new(FrameEncryptor::new(&[secret; 16])));
    bench.link.protect(sealed(1));
    drive.slots(1);
    bench.tell_speaking();
    drive.slots(2);
    bench.link.protect(sealed(1));
    bench.source.lock().left = 1;
    drive.slots(1);
    bench.link.protect(sealed(2));
    bench.source.lock().left = 1;
    drive.slots(2);
    bench.link.protect(Protection::Plain);
    bench.source.lock().left = 1;
    drive.slots(1);
    bench.link.protect(sealed(2));
    bench.source.lock().left = 1;
    drive.slots(1);
    let packets: Vec<_> = bench.received().into_iter().map(|(_, packet)| packet).collect();
    let plain = |number: u32| number.to_be_bytes().to_vec();
    assert_eq!(decrypt(&[1; 16], &packets[0]), Some((0, plain(0))));
    assert_eq!(decrypt(&[1; 16], &packets[1]), Some((1, plain(1))));
    assert_eq!(
        decrypt(&[1; 16], &packets[2]),
        Some((2, plain(2))),
        "the same epoch again keeps its nonces"
    );
    assert_eq!(decrypt(&[2; 16], &packets[3]), Some((0, plain(3))));
    assert_eq!(packets[4], SILENCE);
    assert_eq!(packets[5], plain(4));
    assert_eq!(
        decrypt(&[2; 16], &packets[6]),
        Some((1, plain(5))),
        "back to the epoch after a plain phase"
    );
    assert_eq!(packets.len(), 7);
}

#[test]
fn a_silence_packet_of_the_source_is_not_encrypted() {
    struct Silent;
    impl FrameSource for Silent {
        fn next_frame(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
            packet[..3].copy_from_slice(&SILENCE);
            Some(3)
        }
    }
    let (bench, _) = Bench::new(0);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(bench.receiver.local_addr().unwrap()).unwrap();
    let cipher = TransportCipher::new(Mode::Aes256Gcm, &KEY);
    let stream = Stream::new(
        Arc::new(Mutex::new(Silent)),
        socket,
        RtpStream::new(1),
        cipher,
        Arc::clone(&bench.link),
        oneshot::channel().0,
    );
    bench
        .link
        .protect(Protection::Sealed(Box::new(FrameEncryptor::new(&[1; 16]))));
    Drive::new([Box::new(stream)]).slots(6);
    let packets = bench.received();
    assert!(!packets.is_empty() && packets.iter().all(|(_, packet)| *packet == SILENCE));
}

#[test]
fn a_locked_source_costs_its_slot_only() {
    let (locked, first) = Bench::new(10);
    let (free, second) = Bench::new(10);
    // Both share a slot of the wheel.
    let mut drive = Drive::new([first, second]);
    locked.link.protect(Protection::Plain);
    free.link.protect(Protection::Plain);
    drive.slots(1);
    locked.tell_speaking();
    free.tell_speaking();
    drive.slots(1);
    let guard = locked.source.lock();
    drive.slots(1);
    drop(guard);
    drive.slots(1);
    assert_eq!(numbers(&locked.received()), [0, 1]);
    assert_eq!(numbers(&free.received()), [0, 1, 2]);
    assert_eq!(locked.counters.locked_slots(), 1);
    assert_eq!(locked.counters.silence_sent(), 0);
}

#[test]
fn stopping_sends_silence_first_and_gives_the_stream_back() {
    let (mut bench, stream) = Bench::new(100);
    let mut drive = Drive::new([stream]);
    bench.link.protect(Protection::Plain);
    drive.slots(1);
    bench.tell_speaking();
    drive.slots(2);
    bench.received();
    bench.link.stop(Stop::AfterSilence);
    drive.slots(4);
    assert!(bench.back.try_recv().is_err());
    drive.slots(1);
    let packets = bench.received();
    assert_eq!(packets.len(), 5);
    assert!(packets.iter().all(|(_, packet)| *packet == SILENCE));
    assert!(bench.back.try_recv().is_ok());
    assert_eq!((drive.ended, drive.wheel.next_run()), (1, None));
}

#[test]
fn an_idle_stream_stops_at_once_and_keeps_alive_before() {
    let (mut bench, stream) = Bench::new(0);
    let mut drive = Drive::new([stream]);
    bench.link.protect(Protection::Plain);
    drive.slots(500);
    let mut datagram = [0; 64];
    for expected in 0u32..2 {
        let length = bench.receiver.recv(&mut datagram).unwrap();
        assert_eq!(datagram[..length], [expected.to_le_bytes(), [0; 4]].concat());
    }
    assert!(
        bench.receiver.recv(&mut datagram).is_err(),
        "a keepalive every 250 slots"
    );
    bench.link.stop(Stop::AfterSilence);
    drive.slots(1);
    assert!(bench.back.try_recv().is_ok());
}

#[test]
fn an_unreachable_receiver_costs_frames_and_nothing_else() {
    let (mut bench, stream) = Bench::new(20);
    bench.link.protect(Protection::Plain);
    let (nowhere, _) = Bench::new(0);
    // Closing the receiver makes the system refuse what follows.
    drop(std::mem::replace(&mut bench.receiver, nowhere.receiver));
    let mut drive = Drive::new([stream]);
    drive.slots(40);
    let sent = bench.counters.frames_sent() + bench.counters.silence_sent();
    assert!(bench.counters.send_errors() > 0);
    assert_eq!(sent + bench.counters.send_errors(), 25);
}

#[test]
fn many_streams_spread_over_the_slots() {
    let benches: Vec<_> = (0..160).map(|_| Bench::new(0)).collect();
    let mut wheel = Wheel::new(Duration::ZERO, Arc::default());
    for (_, stream) in benches {
        wheel.insert(stream, Duration::ZERO);
    }
    let mut at = Vec::new();
    for _ in 0..5 {
        at.push(wheel.next_run().unwrap());
        wheel.run(*at.last().unwrap(), Blame::NONE);
    }
    assert_eq!(at, (0..5).map(|slot| 4 * slot * MS).collect::<Vec<_>>());
    assert_eq!(wheel.next_run(), Some(FRAME));
}

#[test]
fn a_slot_that_is_behind_catches_up_without_a_burst() {
    let (bench, stream) = Bench::new(100);
    let mut drive = Drive::new([stream]);
    bench.link.protect(Protection::Plain);
    drive.slots(1);
    bench.tell_speaking();
    // Due at 20 ms, run at 75 ms: what follows is 10 ms apart until the grid is reached again.
    let mut times = Vec::new();
    let mut now = 75 * MS;
    for _ in 0..7 {
        drive.wheel.run(now, Blame::NONE);
        times.push(now);
        now = drive.wheel.next_run().unwrap();
    }
    assert_eq!(times, [75, 85, 95, 105, 115, 125, 140].map(|ms| ms * MS));
    assert_eq!(bench.received().len(), 7);
    assert_eq!(bench.counters.late_slots(), 5);
    assert_eq!(bench.counters.lost_slots(), 0);
}

#[test]
fn a_slot_too_far_behind_starts_over_on_its_grid() {
    let (bench, stream) = Bench::new(100);
    let mut drive = Drive::new([stream]);
    bench.link.protect(Protection::Plain);
    drive.slots(1);
    bench.tell_speaking();
    drive.wheel.run(1025 * MS, Blame::NONE);
    assert_eq!(drive.wheel.next_run(), Some(1040 * MS));
    assert_eq!(
        bench.counters.lost_slots(),
        50,
        "due at 20 ms and every 20 ms until 1000 ms"
    );
    assert_eq!(bench.received().len(), 1);
}

/// Jumps to every deadline at once; what happens between is up to `at_park`.
struct FakeClock<F: FnMut()> {
    now: Duration,
    sleeps: Arc<Mutex<Vec<Duration>>>,
    at_park: F,
}

impl<F: FnMut()> Clock for FakeClock<F> {
    fn now(&self) -> Duration {
        self.now
    }

    fn sleep_until(&mut self, deadline: Duration) {
        self.now = self.now.max(deadline);
        self.sleeps.lock().push(deadline);
    }

    fn park(&mut self) {
        (self.at_park)();
    }

    fn thread_cpu(&self) -> Duration {
        Duration::ZERO
    }

    fn process_cpu(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn the_thread_parks_without_streams_and_keeps_the_grid_with_one() {
    let inbox = Inbox::default();
    let (bench, stream) = Bench::new(5);
    bench.link.protect(Protection::Plain);
    struct StopWhenDry {
        inner: Arc<Mutex<Counting>>,
        link: Arc<MediaLink>,
    }
    impl FrameSource for StopWhenDry {
        fn next_frame(&mut self, packet: &mut [u8; MAX_PACKET]) -> Option<usize> {
            let length = self.inner.lock().next_frame(packet);
            if length.is_none() {
                self.link.stop(Stop::AfterSilence);
            }
            length
        }
    }
    let mut stream = stream;
    let source = StopWhenDry {
        inner: Arc::clone(&bench.source),
        link: Arc::clone(&bench.link),
    };
    stream.replace_source(Arc::new(Mutex::new(source)));
    let sleeps = Arc::<Mutex<Vec<Duration>>>::default();
    let mut parks = 0;
    let mut waiting = Some(stream);
    let clock = FakeClock {
        now: 7 * MS,
        sleeps: Arc::clone(&sleeps),
        at_park: || {
            parks += 1;
            match waiting.take() {
                Some(stream) => inbox.add(stream),
                None => inbox.quit(),
            }
        },
    };
    run(&inbox, Duration::ZERO, clock);
    assert_eq!(parks, 2, "once before the stream came, once after it ended");
    let sleeps = sleeps.lock();
    assert!(
        sleeps
            .iter()
            .enumerate()
            .all(|(slot, at)| *at == FRAME * (slot as u32 + 1)),
        "{sleeps:?}"
    );
    let packets = bench.received();
    assert_eq!(packets.len(), 10);
    assert_eq!(numbers(&packets), [0, 1, 2, 3, 4]);
}
