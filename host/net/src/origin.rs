//! Where the bytes of a medium come from, whatever it is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::{NetError, PieceIndex, StreamTitles};

/// What an origin says once it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Offset of the first byte the next read delivers: the one asked for, except that the first open of a medium in
    /// pieces may begin with the piece playback begins with.
    pub offset: u64,
    /// Bytes of the whole medium, when known.
    pub total: Option<u64>,
    /// Whether it can be opened again at any other offset.
    pub seekable: bool,
}

/// A source of bytes in order that can be opened at an offset. All waits inside have deadlines of their own.
pub trait ByteOrigin: Send + 'static {
    /// Opens at `offset` bytes from the start, dropping whatever was open before. An offset at or behind the end is
    /// no error: the next read then delivers the end.
    ///
    /// # Errors
    /// When the bytes from there on cannot be had. The call may be repeated.
    fn open(&mut self, offset: u64) -> BoxFuture<'_, Result<Opened, NetError>>;

    /// The next bytes, at most `max`; empty is the end of the medium.
    ///
    /// # Errors
    /// When the bytes cannot be had, reconnects included.
    fn read(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, NetError>>;

    /// Whether a pending `open` or `read` may be dropped for an `open` elsewhere. When not, a jump waits for it.
    fn is_cancellable(&self) -> bool {
        false
    }

    /// Playback begins at this time. Told before the first open, so that a medium in pieces need not open any before it.
    fn begin_at(&mut self, start: Duration) {
        let _ = start;
    }

    /// Whether the bytes read last are the first of a part that is a medium of its own: what reads the bytes before them
    /// must not read on into them. Asked once after each read.
    fn begins_part(&mut self) -> bool {
        false
    }

    /// For media in timed pieces, where the pieces are; filled at the first open at the latest.
    fn pieces(&self) -> Option<Arc<PieceIndex>> {
        None
    }

    /// For stations that were asked for them, what they call their songs.
    fn titles(&self) -> Option<Arc<StreamTitles>> {
        None
    }
}
