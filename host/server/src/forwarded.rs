//! The client's address as a proxy tells it, for `server.forward-headers-strategy`.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

/// The first address of `Forwarded` (RFC 7239), else of `X-Forwarded-For`, else the one that connected.
pub fn client(headers: &HeaderMap, connected: SocketAddr) -> SocketAddr {
    let first = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let named = match first("forwarded") {
        Some(value) => value
            .split([',', ';'])
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
            .map(|(_, node)| node),
        None => first("x-forwarded-for").and_then(|value| value.split(',').next()),
    };
    named
        .and_then(address)
        .map_or(connected, |ip| SocketAddr::new(ip, 0))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `"[2001:db8::1]:80"`; names and `unknown` are no addresses.
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    if let Ok(ip) = node.trim_matches(['[', ']']).parse() {
        return Some(ip);
    }
    node.parse::<SocketAddr>().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_first_address_counts() {
        let connected = SocketAddr::from(([127, 0, 0, 1], 5));
        for (headers, expected) in [
            (vec![], "127.0.0.1"),
            (vec![("x-forwarded-for", "192.0.2.1, 10.0.0.1")], "192.0.2.1"),
            (vec![("x-forwarded-for", "192.0.2.1:99")], "192.0.2.1"),
            (vec![("x-forwarded-for", "2001:db8::1")], "2001:db8::1"),
            (vec![("x-forwarded-for", "unknown")], "127.0.0.1"),
            (
                vec![(
                    "forwarded",
                    "proto=https;For=\"[2001:db8::2]:4711\", for=10.0.0.1",
                )],
                "2001:db8::2",
            ),
            (
                vec![("forwarded", "for=192.0.2.9"), ("x-forwarded-for", "192.0.2.1")],
                "192.0.2.9",
            ),
            (vec![("forwarded", "for=_hidden")], "127.0.0.1"),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                map.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(client(&map, connected).ip().to_string(), expected, "{headers:?}");
        }
    }
}
