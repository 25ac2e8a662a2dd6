//! The read-ahead reader: what its consumer sees, and what it asks of its origin.

mod memory;

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::Ordering;
use std::time::Duration;

use fake_services::{FakeServices, Resource};
use lavalink_net::{HttpClient, HttpOrigin, MediaReader, NetConfig, NetError, ReaderConfig, Request};
use memory::{Memory, noise};
use proptest::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};

/// Longest any test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

fn spawn(origin: Memory, config: ReaderConfig) -> MediaReader {
    MediaReader::spawn(&Handle::current(), Box::new(origin), config)
}

/// Reads until `length` bytes are there or the medium ends.
async fn take(reader: &mut MediaReader, length: usize) -> io::Result<Vec<u8>> {
    let mut all = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match reader.read(&mut all[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::task::yield_now().await,
            Err(error) => return Err(error),
        }
    }
    all.truncate(filled);
    Ok(all)
}

/// Lets the read-ahead task do all it can at this moment.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_there_is_would_block() {
    let origin = Memory::new(noise(1000));
    let gate = origin.close_gate();
    let mut reader = spawn(origin, ReaderConfig::default());
    reader.ready().await.unwrap();
    settle().await;
    assert_eq!(
        reader.read(&mut [0; 10]).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    gate.add_permits(1000);
    assert_eq!(take(&mut reader, 2000).await.unwrap(), noise(1000));
    assert_eq!(reader.read(&mut [0; 10]).unwrap(), 0);
}

#[tokio::test]
async fn length_and_seekability_are_known_once_ready() {
    let mut reader = spawn(Memory::new(noise(1000)), ReaderConfig::default());
    assert_eq!((reader.byte_len(), reader.is_seekable()), (None, false));
    reader.ready().await.unwrap();
    assert_eq!((reader.byte_len(), reader.is_seekable()), (Some(1000), true));
    reader.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_never_opens_is_a_timeout() {
    let mut reader = spawn(Memory::new(noise(10)).never_opening(), ReaderConfig::default());
    let error = reader.ready().await.unwrap_err();
    assert!(matches!(error, NetError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn no_more_than_the_read_ahead_is_fetched() {
    let config = ReaderConfig {
        read_ahead_bytes: 100_000,
        keep_behind_bytes: 20_000,
        ..ReaderConfig::default()
    };
    let origin = Memory::new(noise(2_000_000));
    let seen = origin.seen();
    let mut reader = spawn(origin, config);
    let mut read = 0;
    while read < 1_900_000 {
        settle().await;
        let delivered = seen.delivered.load(Ordering::Relaxed);
        assert!(
            delivered <= read + 100_000,
            "{delivered} fetched when {read} were read"
        );
        assert!(
            delivered >= read + 50_000,
            "only {delivered} fetched when {read} were read"
        );
        // Behind, ahead, and a block each for the ragged ends.
        assert!(
            reader.buffered_bytes() <= 120_000 + 2 * 8 * 1024,
            "{} held",
            reader.buffered_bytes()
        );
        let piece = take(&mut reader, 7777).await.unwrap();
        assert_eq!(piece, noise(2_000_000)[read..read + 7777]);
        read += 7777;
    }
    assert_eq!(seen.opens.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_origin_at_hand_is_read_less_far_until_it_keeps_us_waiting() {
    let config = ReaderConfig {
        read_ahead_bytes: 200_000,
        prompt_bytes: Some(20_000),
        keep_behind_bytes: 0,
        ..ReaderConfig::default()
    };
    let origin = Memory::new(noise(1_000_000));
    let gate = origin.close_gate();
    gate.add_permits(100);
    let mut reader = spawn(origin, config);
    reader.ready().await.unwrap();
    reader.read_ahead().set(150_000);
    settle().await;
    let small = reader.buffered_bytes();
    assert!((20_000..40_000).contains(&small), "{small}");

    gate.forget_permits(100);
    take(&mut reader, 18_000).await.unwrap();
    settle().await;
    tokio::time::sleep(Duration::from_millis(21)).await;
    gate.add_permits(100);
    settle().await;
    let large = reader.buffered_bytes();
    assert!((150_000..180_000).contains(&large), "{large}");
}

#[tokio::test]
async fn the_read_ahead_grows_when_told_and_when_it_was_too_little() {
    let config = ReaderConfig {
        read_ahead_bytes: 20_000,
        max_read_ahead_bytes: 100_000,
        ..ReaderConfig::default()
    };
    let mut reader = spawn(Memory::new(noise(1_000_000)), config);
    reader.ready().await.unwrap();
    settle().await;
    let small = reader.buffered_bytes();
    assert!((20_000..60_000).contains(&small), "{small}");
    reader.read_ahead().set(60_000);
    settle().await;
    let told = reader.buffered_bytes();
    assert!((60_000..100_000).contains(&told), "{told}");

    // Drained faster than it is filled: it asks to be woken, and from then on more is held.
    take(&mut reader, 60_000).await.unwrap();
    while reader.read(&mut [0; 50_000]).is_ok() {}
    reader.wake_on_bytes(std::task::Waker::noop());
    settle().await;
    let grown = reader.buffered_bytes();
    assert!(grown > told && grown < 260_000, "{grown} after {told}");
}

#[tokio::test]
async fn whoever_finds_nothing_is_woken_by_bytes_and_by_the_end() {
    struct Count(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let origin = Memory::new(noise(1000));
    let gate = origin.close_gate();
    let mut reader = spawn(origin, ReaderConfig::default());
    reader.ready().await.unwrap();
    settle().await;
    let count = std::sync::Arc::new(Count(std::sync::atomic::AtomicUsize::new(0)));
    let waker = std::task::Waker::from(count.clone());
    assert!(reader.read(&mut [0; 10]).is_err());
    reader.wake_on_bytes(&waker);
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    gate.add_permits(1000);
    assert_eq!(take(&mut reader, 1000).await.unwrap().len(), 1000);
    assert_eq!(count.0.load(Ordering::Relaxed), 1, "once");
}

#[tokio::test]
async fn short_jumps_need_no_second_open() {
    let config = ReaderConfig {
        read_ahead_bytes: 200_000,
        ..ReaderConfig::default()
    };
    let bytes = noise(2_000_000);
    let origin = Memory::new(bytes.clone());
    let seen = origin.seen();
    let mut reader = spawn(origin, config);
    take(&mut reader, 300_000).await.unwrap();
    settle().await;
    // Back inside what is kept, forward inside the buffer, forward by less than 512 KiB beyond it.
    for target in [300_000 - 60_000, 450_000, 500_000 + 500_000] {
        assert_eq!(reader.seek(SeekFrom::Start(target)).unwrap(), target);
        let from = target as usize;
        assert_eq!(
            take(&mut reader, 100).await.unwrap(),
            bytes[from..from + 100],
            "at {target}"
        );
    }
    assert_eq!(seen.opens.load(Ordering::Relaxed), 1);
    // Far in both directions.
    for (opens, target) in [(2, 1_900_000), (3, 5)] {
        reader.seek(SeekFrom::Start(target)).unwrap();
        let from = target as usize;
        assert_eq!(
            take(&mut reader, 100).await.unwrap(),
            bytes[from..from + 100],
            "at {target}"
        );
        assert_eq!(seen.opens.load(Ordering::Relaxed), opens);
    }
}

#[tokio::test]
async fn seeks_count_from_everywhere() {
    let bytes = noise(50_000);
    let mut reader = spawn(Memory::new(bytes.clone()), ReaderConfig::default());
    reader.ready().await.unwrap();
    assert_eq!(reader.seek(SeekFrom::End(-10)).unwrap(), 49_990);
    assert_eq!(take(&mut reader, 100).await.unwrap(), bytes[49_990..]);
    assert_eq!(reader.seek(SeekFrom::Current(-20)).unwrap(), 49_980);
    assert_eq!(reader.seek(SeekFrom::End(100)).unwrap(), 50_100);
    assert!(take(&mut reader, 100).await.unwrap().is_empty());
    assert_eq!(
        reader.seek(SeekFrom::Current(-60_000)).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
    assert_eq!(
        reader.stream_position().unwrap(),
        50_100,
        "a refused seek moves nothing"
    );
}

#[tokio::test]
async fn a_medium_that_cannot_jump_is_read_on() {
    let bytes = noise(3_000_000);
    let origin = Memory::new(bytes.clone()).not_seekable();
    let seen = origin.seen();
    let mut reader = spawn(
        origin,
        ReaderConfig {
            read_ahead_bytes: 100_000,
            ..ReaderConfig::default()
        },
    );
    reader.ready().await.unwrap();
    reader.seek(SeekFrom::Start(2_500_000)).unwrap();
    assert_eq!(
        take(&mut reader, 1000).await.unwrap(),
        bytes[2_500_000..2_501_000]
    );
    assert_eq!(
        reader.seek(SeekFrom::Start(0)).unwrap_err().kind(),
        io::ErrorKind::Unsupported
    );
    assert_eq!(
        reader.seek(SeekFrom::Start(u64::MAX)).unwrap_err().kind(),
        io::ErrorKind::Unsupported
    );
    assert_eq!(
        reader.seek(SeekFrom::End(0)).unwrap_err().kind(),
        io::ErrorKind::Unsupported
    );
    assert_eq!(
        take(&mut reader, 1000).await.unwrap(),
        bytes[2_501_000..2_502_000]
    );
    assert_eq!(seen.opens.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn bytes_before_a_failure_are_delivered_and_a_jump_tries_again() {
    let bytes = noise(100_000);
    let mut reader = spawn(
        Memory::new(bytes.clone()).failing_once_at(30_000),
        ReaderConfig::default(),
    );
    let mut received = Vec::new();
    let error = loop {
        match take(&mut reader, 1000).await {
            Ok(piece) => received.extend(piece),
            Err(error) => break error,
        }
        assert!(received.len() <= 30_000);
    };
    assert_eq!(received, bytes[..30_000]);
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<NetError>());
    assert!(matches!(inner, Some(NetError::Origin { .. })), "{error}");
    reader.seek(SeekFrom::Start(90_000)).unwrap();
    assert_eq!(take(&mut reader, 20_000).await.unwrap(), bytes[90_000..]);
}

#[tokio::test]
async fn an_origin_that_panics_is_an_error_not_a_wait() {
    let mut reader = spawn(
        Memory::new(noise(100_000)).panicking_at(30_000),
        ReaderConfig::default(),
    );
    let error = tokio::time::timeout(PATIENCE, take(&mut reader, 100_000))
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.to_string().contains("ended"), "{error}");
    assert!(reader.seek(SeekFrom::Start(90_000)).is_err());
}

#[tokio::test]
async fn a_jump_cuts_a_pending_read_short_only_where_it_may() {
    for cancellable in [true, false] {
        let mut origin = Memory::new(noise(1_000_000));
        if !cancellable {
            origin = origin.not_cancellable();
        }
        let gate = origin.close_gate();
        let seen = origin.seen();
        let mut reader = spawn(origin, ReaderConfig::default());
        reader.ready().await.unwrap();
        settle().await;
        reader.seek(SeekFrom::Start(900_000)).unwrap();
        settle().await;
        assert_eq!(
            seen.opens.load(Ordering::Relaxed),
            if cancellable { 2 } else { 1 }
        );
        gate.add_permits(100);
        assert_eq!(
            take(&mut reader, 1000).await.unwrap(),
            noise(1_000_000)[900_000..901_000]
        );
        assert_eq!(seen.opens.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn dropping_the_reader_drops_the_origin() {
    let origin = Memory::new(noise(100_000));
    let gate = origin.close_gate();
    let seen = origin.seen();
    let reader = spawn(origin, ReaderConfig::default());
    gate.add_permits(10);
    settle().await;
    assert!(!seen.dropped.load(Ordering::Relaxed));
    drop(reader);
    settle().await;
    assert!(seen.dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn dropping_the_reader_hangs_up() {
    let services = FakeServices::start().await.unwrap();
    services.serve(
        "/m",
        Resource::bytes("audio/mpeg", noise(3_000_000)).stall_after(50_000, 1),
    );
    let client = HttpClient::new(open()).unwrap();
    let origin = HttpOrigin::new(client, Request::get(services.url("/m")));
    let mut reader = MediaReader::spawn(&Handle::current(), Box::new(origin), ReaderConfig::default());
    assert_eq!(take(&mut reader, 50_000).await.unwrap(), noise(50_000));
    assert_eq!(services.open_bodies(), 1);
    drop(reader);
    let hung_up = async {
        while services.open_bodies() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, hung_up)
        .await
        .expect("the connection is closed");
}

#[tokio::test]
async fn a_long_pause_is_survived_when_the_server_hangs_up() {
    let services = FakeServices::start().await.unwrap();
    // Larger than reader, socket buffers and the server's own together, so that the server is really held up.
    let bytes = noise(12_000_000);
    services.serve(
        "/m",
        Resource::bytes("audio/mpeg", bytes.clone()).cut_after(9_000_000, 1),
    );
    let client = HttpClient::new(open()).unwrap();
    let origin = HttpOrigin::new(client, Request::get(services.url("/m")));
    let config = ReaderConfig {
        read_ahead_bytes: 64 * 1024,
        ..ReaderConfig::default()
    };
    let mut reader = MediaReader::spawn(&Handle::current(), Box::new(origin), config);
    take(&mut reader, 1000).await.unwrap();
    assert_eq!(services.open_bodies(), 1, "the server waits for the reader");
    assert_eq!(take(&mut reader, 20_000_000).await.unwrap(), bytes[1000..]);
    assert_eq!(services.hits("/m"), 2);
}

#[test]
fn a_blocking_reader_waits_and_gives_up() {
    let runtime = runtime();
    let origin = Memory::new(noise(1000));
    let gate = origin.close_gate();
    let reader = MediaReader::spawn(runtime.handle(), Box::new(origin), ReaderConfig::default());
    let mut reader = reader.into_blocking(Duration::from_millis(50));
    assert_eq!(
        reader.read(&mut [0; 10]).unwrap_err().kind(),
        io::ErrorKind::TimedOut
    );
    // It stays usable, and what it has read stays for the reader it turns back into.
    gate.add_permits(1000);
    let mut reader = reader.into_inner().into_blocking(PATIENCE);
    let mut half = vec![0; 500];
    reader.read_exact(&mut half).unwrap();
    assert_eq!(half, noise(1000)[..500]);
    assert_eq!((reader.byte_len(), reader.is_seekable()), (Some(1000), true));
    reader.seek(SeekFrom::Start(0)).unwrap();
    let mut reader = reader.into_inner();
    let mut again = vec![0; 500];
    assert_eq!(reader.read(&mut again).unwrap(), 500);
    assert_eq!(again, half);
}

#[test]
fn a_runtime_that_goes_away_ends_the_wait() {
    let runtime = runtime();
    let origin = Memory::new(noise(1000));
    let gate = origin.close_gate();
    let reader = MediaReader::spawn(runtime.handle(), Box::new(origin), ReaderConfig::default());
    drop(runtime);
    drop(gate);
    let error = reader.into_blocking(PATIENCE).read(&mut [0; 10]).unwrap_err();
    assert!(error.to_string().contains("ended"), "{error}");
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Read(usize),
    Seek(SeekFrom),
}

fn steps(length: i64) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0usize..60_000).prop_map(Step::Read),
        1 => (0..length as u64 + 1000).prop_map(|target| Step::Seek(SeekFrom::Start(target))),
        1 => (-100_000..100_000i64).prop_map(|delta| Step::Seek(SeekFrom::Current(delta))),
        1 => (-length..1000).prop_map(|delta| Step::Seek(SeekFrom::End(delta))),
    ];
    prop::collection::vec(step, 1..30)
}

/// Does the steps on the reader and on the bytes themselves, which must agree. Seeks the reader refuses are left out.
fn compare(reader: MediaReader, bytes: &[u8], steps: &[Step]) -> Result<(), TestCaseError> {
    let mut reader = reader.into_blocking(PATIENCE);
    let mut reference = io::Cursor::new(bytes);
    for step in steps {
        match step {
            Step::Seek(target) => {
                let before = reference.position();
                match (reader.seek(*target), reference.seek(*target)) {
                    (Ok(position), Ok(expected)) => prop_assert_eq!(position, expected),
                    (Err(_), _) => reference.set_position(before),
                    (Ok(position), Err(error)) => {
                        prop_assert!(false, "moved to {} instead of {}", position, error)
                    }
                }
            }
            Step::Read(length) => {
                let mut expected = Vec::new();
                reference
                    .by_ref()
                    .take(*length as u64)
                    .read_to_end(&mut expected)
                    .unwrap();
                let mut actual = Vec::new();
                reader
                    .by_ref()
                    .take(*length as u64)
                    .read_to_end(&mut actual)
                    .unwrap();
                prop_assert!(actual == expected, "other bytes before {}", reference.position());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_jumps_read_the_right_bytes(
        steps in steps(400_000),
        read_ahead_bytes in 1usize..200_000,
        keep_behind_bytes in 0usize..100_000,
        skip_bytes in 0u64..100_000,
        seekable: bool,
        cancellable: bool,
        chunk in 1usize..20_000,
    ) {
        let runtime = runtime();
        let bytes = noise(400_000);
        let mut origin = Memory::new(bytes.clone()).in_chunks(chunk);
        if !seekable {
            origin = origin.not_seekable();
        }
        if !cancellable {
            origin = origin.not_cancellable();
        }
        let config = ReaderConfig { read_ahead_bytes, keep_behind_bytes, skip_bytes, ..ReaderConfig::default() };
        let mut reader = MediaReader::spawn(runtime.handle(), Box::new(origin), config);
        runtime.block_on(reader.ready()).unwrap();
        compare(reader, &bytes, &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_jumps_read_the_right_bytes_from_a_flaky_server(
        steps in steps(400_000),
        cut in 20_000usize..300_000,
        ranges: bool,
    ) {
        let runtime = runtime();
        let bytes = noise(400_000);
        let services = runtime.block_on(FakeServices::start()).unwrap();
        // Without ranges every resume starts at 0, so that only the first few answers may be cut.
        let resource = Resource::bytes("audio/mpeg", bytes.clone());
        let resource = if ranges {
            resource.cut_after(cut, usize::MAX)
        } else {
            resource.without_ranges().cut_after(cut, 2)
        };
        services.serve("/m", resource);
        let client = HttpClient::new(open()).unwrap();
        let origin = HttpOrigin::new(client, Request::get(services.url("/m")));
        let config = ReaderConfig { read_ahead_bytes: 64 * 1024, skip_bytes: 64 * 1024, ..ReaderConfig::default() };
        let mut reader = MediaReader::spawn(runtime.handle(), Box::new(origin), config);
        runtime.block_on(reader.ready()).unwrap();
        prop_assert!(reader.is_seekable());
        compare(reader, &bytes, &steps)?;
    }
}

/// Settings that let the servers of these tests, on loopback, be reached.
fn open() -> NetConfig {
    NetConfig {
        egress: std::sync::Arc::new(lavalink_net::EgressGuard::allowing_private()),
        ..NetConfig::default()
    }
}
