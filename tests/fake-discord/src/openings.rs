//! Listeners that go wrong before there is a WebSocket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::gateway::link::serve;
use crate::state::Shared;

/// Longest time one such connection is kept.
const KEPT: Duration = Duration::from_secs(120);
/// Bytes written by those that write without end.
const ENDLESS: usize = 1 << 30;

/// How a listener treats those who connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Accepts TCP and never says anything.
    Silent,
    /// Completes TLS and never answers the upgrade.
    SilentAfterTls,
    /// Sends 1 GB that is not TLS.
    Garbage,
    /// Answers the upgrade with 1 GB of header fields.
    EndlessHead,
    /// Answers the upgrade with this HTTP status.
    Status(u16),
    /// Goes on as the gateway after this time.
    Late(Duration),
}

/// Opens such a listener on a free port of `ip`. Must be called within the server's runtime.
pub(crate) fn open(
    ip: IpAddr,
    opening: Opening,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((ip, 0))?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    let listener = TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, shared) = (acceptor.clone(), shared.clone());
            // How it ends is the client's affair.
            tokio::spawn(async move { timeout(KEPT, meet(stream, opening, acceptor, shared)).await.ok() });
        }
    });
    Ok(addr)
}

async fn meet(
    mut stream: TcpStream,
    opening: Opening,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
) -> io::Result<()> {
    match opening {
        Opening::Silent => drain(&mut stream).await,
        Opening::Garbage => write_endlessly(&mut stream, &[0xA5; 16 << 10]).await,
        Opening::Late(delay) => {
            sleep(delay).await;
            serve(stream, acceptor, shared).await;
            Ok(())
        }
        Opening::SilentAfterTls => drain(&mut acceptor.accept(stream).await?).await,
        Opening::EndlessHead => {
            let mut tls = acceptor.accept(stream).await?;
            tls.write_all(b"HTTP/1.1 101 Switching Protocols\r\n").await?;
            write_endlessly(&mut tls, &b"x-filler: 0123456789abcdef\r\n".repeat(500)).await
        }
        Opening::Status(status) => {
            let mut tls = acceptor.accept(stream).await?;
            let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
            tls.write_all(answer.as_bytes()).await?;
            drain(&mut tls).await
        }
    }
}

/// Reads until the client goes.
async fn drain(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

async fn write_endlessly(stream: &mut (impl AsyncWrite + Unpin), piece: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while written < ENDLESS {
        stream.write_all(piece).await?;
        written += piece.len();
    }
    Ok(())
}
