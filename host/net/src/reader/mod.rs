//! Compressed bytes kept in memory ahead of a consumer that reads and seeks without ever waiting.

mod blocking;
mod fill;
mod shared;
mod window;

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub use blocking::BlockingReader;
use shared::{Readiness, Shared};

use crate::{ByteOrigin, NetError, Piece, PieceIndex, Stage, StreamTitles};

/// Bounds of a [`MediaReader`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderConfig {
    /// Most bytes held ahead of the position, until [`ReadAhead::set`] says otherwise or they turn out to be too few.
    pub read_ahead_bytes: usize,
    /// What that may grow to when the consumer runs out of bytes, doubling each time.
    pub max_read_ahead_bytes: usize,
    /// Most bytes held ahead as long as every read took less than 20 ms and the consumer never ran out of bytes: what is at
    /// hand need not be kept. `None` where the origin is not to be trusted with that.
    pub prompt_bytes: Option<usize>,
    /// Bytes behind the position that stay, so that a short step back needs no reconnect. Rounded up to whole blocks of
    /// 8 KiB.
    pub keep_behind_bytes: usize,
    /// A jump of at most this many bytes beyond what is held reads on instead of reconnecting.
    pub skip_bytes: u64,
    /// Longest wait of [`MediaReader::ready`].
    pub open_timeout: Duration,
    /// Time playback begins at: media in pieces are opened there instead of at their first byte.
    pub start: Duration,
}

impl Default for ReaderConfig {
    /// 512 KiB ahead, 64 KiB behind, jumps of 512 KiB read on (as Lavalink has it), 20 s to open.
    fn default() -> Self {
        Self {
            read_ahead_bytes: 512 * 1024,
            max_read_ahead_bytes: 512 * 1024,
            prompt_bytes: None,
            keep_behind_bytes: 64 * 1024,
            skip_bytes: 512 * 1024,
            open_timeout: Duration::from_secs(20),
            start: Duration::ZERO,
        }
    }
}

/// The consumer's end: [`Read`] gives [`io::ErrorKind::WouldBlock`] instead of waiting, [`Seek`] returns at once.
///
/// A task on the runtime it was spawned on fills the buffer; it sleeps while the buffer is full and ends when the
/// reader is dropped, which also closes the connection and frees the memory.
#[derive(Debug)]
pub struct MediaReader {
    shared: Arc<Shared>,
    task: AbortHandle,
    open_timeout: Duration,
    pieces: Option<Arc<PieceIndex>>,
    titles: Option<Arc<StreamTitles>>,
}

impl MediaReader {
    /// Starts to open `origin`, at byte 0 unless it is in pieces and playback begins later, and to read ahead.
    pub fn spawn(runtime: &Handle, mut origin: Box<dyn ByteOrigin>, config: ReaderConfig) -> Self {
        origin.begin_at(config.start);
        let shared = Arc::new(Shared::new(config));
        let pieces = origin.pieces();
        let titles = origin.titles();
        let task = runtime.spawn(fill::fill(shared.clone(), origin)).abort_handle();
        Self {
            shared,
            task,
            open_timeout: config.open_timeout,
            pieces,
            titles,
        }
    }

    /// Waits until the origin is open for the first time: from then on length and seekability are known.
    ///
    /// # Errors
    /// What opening failed with, or [`NetError::Timeout`] after the configured time.
    pub async fn ready(&mut self) -> Result<(), NetError> {
        let deadline = Instant::now() + self.open_timeout;
        loop {
            match self.shared.readiness() {
                Readiness::Ready => return Ok(()),
                Readiness::Failed(error) => return Err(error),
                Readiness::Opening => {}
            }
            if tokio::time::timeout_at(deadline, self.shared.settled())
                .await
                .is_err()
            {
                let after = self.open_timeout;
                return Err(NetError::Timeout {
                    host: "the origin".to_owned(),
                    stage: Stage::Open,
                    after,
                });
            }
        }
    }

    /// Bytes of the whole medium; `None` while not known.
    pub fn byte_len(&self) -> Option<u64> {
        self.shared.opened().and_then(|opened| opened.total)
    }

    /// Whether any position can be reached; `false` before the origin is open.
    pub fn is_seekable(&self) -> bool {
        self.shared.opened().is_some_and(|opened| opened.seekable)
    }

    /// Whether the medium is cut into timed pieces, known or still to be found.
    pub fn is_in_pieces(&self) -> bool {
        self.pieces.is_some()
    }

    /// The piece to seek to for a time, when the medium is cut into timed pieces.
    pub fn piece_at(&self, time: Duration) -> Option<Piece> {
        self.pieces.as_ref()?.at(time)
    }

    /// After a read that gave the end: goes over to the next part of a medium made of several, each with a beginning of
    /// its own. `false` when it was the end of the medium.
    pub fn next_part(&mut self) -> bool {
        self.shared.next_part()
    }

    /// What the station calls its songs, if it was asked; follows what is read.
    pub fn titles(&self) -> Option<Arc<StreamTitles>> {
        self.titles.clone()
    }

    /// A handle to change how much is read ahead, which may outlive the reader.
    pub fn read_ahead(&self) -> ReadAhead {
        ReadAhead(self.shared.clone())
    }

    /// Bytes held in memory for this medium, behind and ahead of the position.
    pub fn buffered_bytes(&self) -> usize {
        self.shared.held_bytes()
    }

    /// Has `waker` woken once when there are new bytes, the end or an error. To be followed by a read, which sees what
    /// came before.
    pub fn wake_on_bytes(&mut self, waker: &Waker) {
        self.shared.wake_on_bytes(waker);
    }

    /// The same reader for a thread that may wait, each read at most `timeout`.
    pub fn into_blocking(self, timeout: Duration) -> BlockingReader {
        BlockingReader::new(self, timeout)
    }
}

/// Changes how much a [`MediaReader`] reads ahead.
#[derive(Debug, Clone)]
pub struct ReadAhead(Arc<Shared>);

impl ReadAhead {
    /// Most bytes to hold ahead of the position from now on. What is held beyond that is used up, not dropped.
    pub fn set(&self, bytes: usize) {
        self.0.set_read_ahead(bytes);
    }
}

impl Read for MediaReader {
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when no byte is there yet; otherwise an error that holds a [`NetError`].
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.shared.read(buffer)?;
        if let Some(titles) = &self.titles {
            titles.reach(self.shared.position());
        }
        Ok(length)
    }
}

impl Seek for MediaReader {
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] when the position cannot be reached, [`io::ErrorKind::InvalidInput`] before byte 0.
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        self.shared.seek(target)
    }
}

impl Drop for MediaReader {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.close();
    }
}
