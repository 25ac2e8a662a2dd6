//! A TCP proxy in front of a node, so that a client's connections can be cut without the client's help.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Time between the cut on the node's side and on the client's.
const NOTICE: Duration = Duration::from_millis(300);

/// A running proxy. Dropping it cuts everything.
pub struct Proxy {
    address: SocketAddr,
    cuts: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and hands every connection on to `target`.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (cuts, cut) = watch::channel(0);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), cut.clone()));
            }
        });
        Self {
            address,
            cuts,
            accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts all connections there are; new ones are let through.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(mut client: TcpStream, target: String, mut cut: watch::Receiver<u64>) {
    // Cuts from before this connection do not concern it.
    cut.mark_unchanged();
    let Ok(mut node) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        // How it ends, an end of file or a reset, the other side has seen already.
        _ = tokio::io::copy_bidirectional(&mut client, &mut node) => {}
        _ = cut.changed() => {
            // The node is to see it first: a session that seems connected is not resumed.
            drop(node);
            tokio::time::sleep(NOTICE).await;
        }
    }
}
