//! A reader for threads that may wait.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use super::MediaReader;

/// A [`MediaReader`] whose reads wait. For plain threads and the blocking pool, never for async tasks.
#[derive(Debug)]
pub struct BlockingReader {
    reader: MediaReader,
    timeout: Duration,
}

impl BlockingReader {
    pub(super) fn new(reader: MediaReader, timeout: Duration) -> Self {
        Self { reader, timeout }
    }

    /// The reader that does not wait, at the same position, with what it holds.
    pub fn into_inner(self) -> MediaReader {
        self.reader
    }

    /// Bytes of the whole medium; `None` while not known.
    pub fn byte_len(&self) -> Option<u64> {
        self.reader.byte_len()
    }

    /// Whether any position can be reached; `false` before the origin is open.
    pub fn is_seekable(&self) -> bool {
        self.reader.is_seekable()
    }
}

impl Read for BlockingReader {
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when no byte came in time; otherwise an error that holds a [`crate::NetError`].
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.shared.read_waiting(buffer, self.timeout)
    }
}

impl Seek for BlockingReader {
    /// # Errors
    /// As [`MediaReader`]'s; never waits.
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        self.reader.seek(target)
    }
}
