//! An origin in memory that can be held up, made to fail, and watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lavalink_net::{ByteOrigin, NetError, Opened};
use tokio::sync::Semaphore;

/// Bytes that differ from place to place.
pub fn noise(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8 ^ (i / 4096) as u8)
        .collect()
}

/// What the reader did with the origin.
#[derive(Debug, Default)]
pub struct Seen {
    pub opens: AtomicUsize,
    pub delivered: AtomicUsize,
    pub dropped: AtomicBool,
}

pub struct Memory {
    bytes: Vec<u8>,
    position: usize,
    seekable: bool,
    opening: bool,
    cancellable: bool,
    /// Set while a read is under way; stays set when its future is dropped.
    reading: bool,
    chunk: usize,
    fail_at: Option<usize>,
    panic_at: Option<usize>,
    gate: Arc<Semaphore>,
    seen: Arc<Seen>,
}

impl Memory {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            position: 0,
            seekable: true,
            opening: true,
            cancellable: true,
            reading: false,
            chunk: 10_000,
            fail_at: None,
            panic_at: None,
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS / 2)),
            seen: Arc::default(),
        }
    }

    /// Cannot be opened anywhere but at 0, and does not know its length.
    pub fn not_seekable(mut self) -> Self {
        self.seekable = false;
        self
    }

    pub fn not_cancellable(mut self) -> Self {
        self.cancellable = false;
        self
    }

    pub fn never_opening(mut self) -> Self {
        self.opening = false;
        self
    }

    pub fn in_chunks(mut self, bytes: usize) -> Self {
        self.chunk = bytes;
        self
    }

    pub fn failing_once_at(mut self, offset: usize) -> Self {
        self.fail_at = Some(offset);
        self
    }

    pub fn panicking_at(mut self, offset: usize) -> Self {
        self.panic_at = Some(offset);
        self
    }

    /// From now on each read takes a permit from what is returned.
    pub fn close_gate(&self) -> Arc<Semaphore> {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
        self.gate.clone()
    }

    pub fn seen(&self) -> Arc<Seen> {
        self.seen.clone()
    }

    async fn next(&mut self, max: usize) -> Result<Bytes, NetError> {
        self.reading = true;
        self.gate.acquire().await.unwrap().forget();
        tokio::task::yield_now().await;
        self.reading = false;
        let start = self.position.min(self.bytes.len());
        let mut end = start.saturating_add(max.min(self.chunk)).min(self.bytes.len());
        if let Some(fault) = self.fail_at.or(self.panic_at).filter(|fault| *fault >= start) {
            end = end.min(fault);
            if start == fault {
                assert!(self.panic_at.is_none(), "as planned");
                self.fail_at = None;
                return Err(NetError::Origin {
                    reason: "as planned".to_owned(),
                    retriable: false,
                });
            }
        }
        self.position = end;
        self.seen.delivered.fetch_add(end - start, Ordering::Relaxed);
        Ok(Bytes::copy_from_slice(&self.bytes[start..end]))
    }
}

impl ByteOrigin for Memory {
    fn open(&mut self, offset: u64) -> BoxFuture<'_, Result<Opened, NetError>> {
        if !self.opening {
            return std::future::pending().boxed();
        }
        self.seen.opens.fetch_add(1, Ordering::Relaxed);
        assert!(
            self.seekable || offset == 0,
            "opened at {offset} although it cannot jump"
        );
        assert!(self.cancellable || !self.reading, "a read was cut short");
        self.reading = false;
        self.position = usize::try_from(offset).unwrap();
        let total = self.seekable.then_some(self.bytes.len() as u64);
        let opened = Opened {
            offset,
            total,
            seekable: self.seekable,
        };
        std::future::ready(Ok(opened)).boxed()
    }

    fn read(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, NetError>> {
        self.next(max).boxed()
    }

    fn is_cancellable(&self) -> bool {
        self.cancellable
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.seen.dropped.store(true, Ordering::Relaxed);
    }
}
