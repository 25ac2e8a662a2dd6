//! A TCP connection that breaks when the peer stops reading.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Fails a write that makes no progress for too long.
#[derive(Debug)]
pub struct DeadlineStream<S> {
    stream: S,
    limit: Duration,
    peer: SocketAddr,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> DeadlineStream<S> {
    /// Wraps the connection to `peer`; `limit` is the longest time without progress.
    pub fn new(stream: S, limit: Duration, peer: SocketAddr) -> Self {
        Self {
            stream,
            limit,
            peer,
            stalled: None,
        }
    }

    /// What a write comes to, given what the connection says.
    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.limit;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        tracing::warn!(
            "{} does not read what it is sent: no progress for {limit:?}, it is disconnected",
            self.peer
        );
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for DeadlineStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for DeadlineStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_given_up() {
        let (_peer, stream) = duplex(16);
        let mut stream = DeadlineStream::new(stream, LIMIT, ([127, 0, 0, 1], 1).into());
        let error = stream.write_all(&[0; 64]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_that_reads_at_last_gets_everything() {
        let (mut peer, stream) = duplex(16);
        let mut stream = DeadlineStream::new(stream, Duration::from_secs(60), ([127, 0, 0, 1], 1).into());
        let writing = tokio::spawn(async move {
            let outcome = stream.write_all(&[7; 64]).await;
            (outcome, stream.stalled.is_none())
        });
        tokio::time::sleep(LIMIT).await;
        let mut got = vec![0; 64];
        peer.read_exact(&mut got).await.expect("the bytes");
        let (outcome, is_reset) = writing.await.expect("no panic");
        assert!(outcome.is_ok() && is_reset && got == [7; 64]);
    }
}
