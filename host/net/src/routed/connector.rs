//! TCP connections from a given source address.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use rand::seq::SliceRandom;
use tokio::net::{TcpSocket, TcpStream};
use tower_service::Service;

use super::names::Names;
use crate::egress::{EgressGuard, Refusal};
use crate::route::Family;

/// Connects from one address to hosts of its family.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    local: Option<IpAddr>,
    family: Family,
    names: Arc<Names>,
    egress: Arc<EgressGuard>,
    timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The system does not lend us the source address.
    #[error("{0}")]
    Bind(#[source] io::Error),
    /// The name has no address, or no address answers.
    #[error("{0}")]
    Connect(#[source] io::Error),
    /// The address is out of reach by rule.
    #[error("refused: {0}")]
    Egress(#[source] Refusal),
    /// No answer in time.
    #[error("no connection within {} ms", .0.as_millis())]
    Timeout(Duration),
}

impl Refused {
    /// The refusal behind a client's error.
    pub(super) fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(current) = cause {
            if let Some(refused) = current.downcast_ref() {
                return Some(refused);
            }
            cause = current.source();
        }
        None
    }
}

impl Connector {
    /// A connector from `local`, or from whatever address the system takes, to addresses of `family`.
    pub(super) fn new(
        local: Option<IpAddr>,
        family: Family,
        names: Arc<Names>,
        egress: Arc<EgressGuard>,
        timeout: Duration,
    ) -> Self {
        Self {
            local,
            family,
            names,
            egress,
            timeout,
        }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, Refused> {
        let default = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(default);
        let host = uri.host().unwrap_or_default();
        let found = self.names.look_up(host).await.map_err(Refused::Connect)?;
        // These very addresses are dialled below.
        let mut remotes = self.egress.permitted(host, found).map_err(Refused::Egress)?;
        remotes.retain(|address| Family::of(*address) == self.family);
        remotes.shuffle(&mut rand::rng());
        let mut last = io::Error::new(io::ErrorKind::NotFound, "Could not resolve host");
        for remote in remotes {
            match self.connect_to(SocketAddr::new(remote, port)).await {
                Ok(stream) => return Ok(TokioIo::new(stream)),
                Err(Refused::Connect(error)) => last = error,
                Err(other) => return Err(other),
            }
        }
        Err(Refused::Connect(last))
    }

    async fn connect_to(&self, remote: SocketAddr) -> Result<TcpStream, Refused> {
        let socket = match remote {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }
        .map_err(Refused::Connect)?;
        if let Some(local) = self.local {
            bind(&socket, local).map_err(Refused::Bind)?;
        }
        socket.set_nodelay(true).map_err(Refused::Connect)?;
        match socket.connect(remote).await {
            Ok(stream) => Ok(stream),
            // Some systems notice only now that the address is not ours.
            Err(error) if self.local.is_some() && error.kind() == io::ErrorKind::AddrNotAvailable => {
                Err(Refused::Bind(error))
            }
            Err(error) => Err(Refused::Connect(error)),
        }
    }
}

/// Binds a source address. It need not be assigned to an interface (`IP_FREEBIND`): of a routed block usually none is.
fn bind(socket: &TcpSocket, local: IpAddr) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(socket);
        match local {
            IpAddr::V4(_) => socket.set_freebind_v4(true)?,
            IpAddr::V6(_) => socket.set_freebind_v6(true)?,
        }
    }
    socket.bind(SocketAddr::new(local, 0))
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Refused>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let timeout = connector.timeout;
            tokio::time::timeout(timeout, connector.connect(uri))
                .await
                .unwrap_or(Err(Refused::Timeout(timeout)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_that_no_interface_has_can_be_bound() {
        // Documentation blocks: assigned nowhere.
        bind(&TcpSocket::new_v4().unwrap(), "203.0.113.77".parse().unwrap()).unwrap();
        match TcpSocket::new_v6() {
            Ok(socket) => bind(&socket, "2001:db8::77".parse().unwrap()).unwrap(),
            Err(error) => eprintln!("no IPv6 on this machine: {error}"),
        }
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_a_source_is_told_from_a_host_that_does_not_answer() {
        let connector = |local: &str| {
            let local: IpAddr = local.parse().unwrap();
            Connector::new(
                Some(local),
                Family::V4,
                Arc::new(Names::new(Arc::new(crate::SystemNames))),
                Arc::new(EgressGuard::allowing_private()),
                Duration::from_secs(5),
            )
        };
        // Nobody listens on port 1.
        let closed = Uri::from_static("http://127.0.0.1:1/");
        let refused = connector("127.0.0.9").connect(closed).await.unwrap_err();
        assert!(matches!(refused, Refused::Connect(_)), "{refused:?}");
        let other_family = Uri::from_static("http://[::1]:1/");
        let refused = connector("127.0.0.9").connect(other_family).await.unwrap_err();
        assert!(refused.to_string().contains("resolve"), "{refused:?}");
        let foreign = Connector {
            local: "::1".parse().ok(),
            ..connector("127.0.0.9")
        };
        let refused = foreign
            .connect_to(SocketAddr::from(([127, 0, 0, 1], 1)))
            .await
            .unwrap_err();
        assert!(matches!(refused, Refused::Bind(_)), "{refused:?}");
    }
}
