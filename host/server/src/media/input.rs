//! The readers of the network crate as inputs of the audio crate.

use std::io::{self, Read, Seek, SeekFrom};
use std::task::Waker;
use std::time::{Duration, Instant};

use lavalink_audio::{MediaInput, MediaPiece};
use lavalink_net::{BlockingReader, MediaReader};

/// A medium that is being played: `read` answers `WouldBlock` while no bytes are there.
#[derive(Debug)]
pub struct PlaybackInput(pub MediaReader);

/// A medium that is being looked at: `read` waits, until a deadline for all reads together. Without it a server that
/// sends a byte now and then would keep the thread for good.
#[derive(Debug)]
pub struct ProbeInput {
    reader: BlockingReader,
    deadline: Instant,
}

impl ProbeInput {
    /// An input that gives nothing any more after `deadline`.
    pub fn new(reader: MediaReader, deadline: Instant) -> Self {
        let remaining = deadline.saturating_duration_since(Instant::now());
        Self {
            reader: reader.into_blocking(remaining),
            deadline,
        }
    }
}

impl Read for PlaybackInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for PlaybackInput {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl MediaInput for PlaybackInput {
    fn byte_len(&self) -> Option<u64> {
        self.0.byte_len()
    }

    fn is_seekable(&self) -> bool {
        self.0.is_seekable()
    }

    fn is_in_pieces(&self) -> bool {
        self.0.is_in_pieces()
    }

    fn piece_at(&self, time: Duration) -> Option<MediaPiece> {
        let piece = self.0.piece_at(time)?;
        Some(MediaPiece {
            offset: piece.offset,
            start: piece.start,
        })
    }

    fn next_part(&mut self) -> bool {
        self.0.next_part()
    }

    fn wake_on_bytes(&mut self, waker: &Waker) -> bool {
        self.0.wake_on_bytes(waker);
        true
    }
}

impl Read for ProbeInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the medium comes too slowly",
            ));
        }
        self.reader.read(buffer)
    }
}

impl Seek for ProbeInput {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

impl MediaInput for ProbeInput {
    fn byte_len(&self) -> Option<u64> {
        self.reader.byte_len()
    }

    fn is_seekable(&self) -> bool {
        self.reader.is_seekable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use lavalink_net::{ByteOrigin, NetError, Opened, ReaderConfig};

    /// One byte after the other, without end.
    struct Drip;

    impl ByteOrigin for Drip {
        fn open(&mut self, offset: u64) -> BoxFuture<'_, Result<Opened, NetError>> {
            let opened = Opened {
                offset,
                total: None,
                seekable: false,
            };
            std::future::ready(Ok(opened)).boxed()
        }

        fn read(&mut self, _: usize) -> BoxFuture<'_, Result<Bytes, NetError>> {
            std::future::ready(Ok(Bytes::from_static(b"x"))).boxed()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_dripping_medium_ends_at_the_deadline() {
        let runtime = tokio::runtime::Handle::current();
        let mut reader = MediaReader::spawn(&runtime, Box::new(Drip), ReaderConfig::default());
        reader.ready().await.expect("open");
        let mut input = ProbeInput::new(reader, Instant::now() + Duration::from_millis(50));
        let outcome = tokio::task::spawn_blocking(move || io::copy(&mut input, &mut io::sink()));
        let error = outcome
            .await
            .expect("no panic")
            .expect_err("never ends by itself");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
