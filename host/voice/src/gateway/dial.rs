//! TCP to a voice gateway: name lookup and the addresses one after the other.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    sync::Semaphore,
    time::timeout,
};

/// Name lookups under way at a time. Each holds a thread of the runtime's blocking pool, which reads files as well, for
/// as long as the name server lets it wait.
const MAX_LOOKUPS: usize = 64;

/// Time for one address when others are left to try.
const ADDRESS_LIMIT: Duration = Duration::from_secs(3);

static LOOKUPS: Semaphore = Semaphore::const_new(MAX_LOOKUPS);

/// Connects to `host` (a name, an IPv4 address, or an IPv6 address in brackets) at `port`.
pub(super) async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = connect(&resolve(host, port).await?).await?;
    // Heartbeats and key messages are small and must not wait for each other.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let name = bare.to_owned();
    // A task of its own: the thread stays busy when nobody waits any more, and the permit has to stay with it.
    let lookup = tokio::spawn(async move {
        let found = lookup_host((name.as_str(), port)).await.map(Vec::from_iter);
        drop(permit);
        found
    });
    lookup.await.map_err(io::Error::other)?
}

async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (index, address) in addresses.iter().enumerate() {
        let is_last = index + 1 == addresses.len();
        let attempt = TcpStream::connect(address);
        // The caller's deadline covers the last one.
        let outcome = if is_last {
            attempt.await
        } else {
            timeout(ADDRESS_LIMIT, attempt)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        match outcome {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn names_and_addresses_of_both_families() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost"] {
            assert!(dial(host, port).await.is_ok(), "{host}");
        }
        assert_eq!(
            resolve("[::1]", 7).await.unwrap(),
            ["[::1]:7".parse::<SocketAddr>().unwrap()]
        );
    }

    #[tokio::test]
    async fn the_next_address_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let refused = "127.0.0.1:1".parse().unwrap();
        assert_eq!(
            connect(&[refused, good]).await.unwrap().peer_addr().unwrap(),
            good
        );
        assert!(connect(&[good, refused]).await.is_ok());
        let error = connect(&[refused]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(connect(&[]).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
