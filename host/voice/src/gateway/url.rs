//! The address of a voice gateway.

use crate::error::VoiceError;

/// Version of the voice gateway spoken here.
const VERSION: u8 = 8;

/// Builds the WebSocket URL of `endpoint`, which is `host` or `host:port`; a path behind it is kept, as Java's library
/// does.
pub(crate) fn gateway_url(endpoint: &str) -> Result<String, VoiceError> {
    let refuse = |why| VoiceError::Endpoint {
        endpoint: endpoint.to_owned(),
        why,
    };
    if endpoint.is_empty() {
        return Err(refuse("it is empty"));
    }
    let (host, path) = endpoint
        .split_once('/')
        .map_or((endpoint, ""), |(host, path)| (host, path));
    // Everything else could end the host part of the URL and change where the token is sent.
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(in_host) {
        return Err(refuse("it has characters that no host name or port has"));
    }
    if path.starts_with('/') {
        return Err(refuse("it has a scheme"));
    }
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
    if !path.bytes().all(in_path) {
        return Err(refuse(
            "its path has characters that are neither letters, digits nor -._~/%",
        ));
    }
    Ok(format!("wss://{endpoint}/?v={VERSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_taken_verbatim() {
        for endpoint in [
            "russia123.discord.media:443",
            "localhost:9000",
            "127.0.0.1",
            "[::1]:2048",
        ] {
            assert_eq!(gateway_url(endpoint).unwrap(), format!("wss://{endpoint}/?v=8"));
        }
    }

    #[test]
    fn a_path_is_kept() {
        assert_eq!(
            gateway_url("localhost:9000/voice/1").unwrap(),
            "wss://localhost:9000/voice/1/?v=8"
        );
        assert_eq!(gateway_url("localhost/").unwrap(), "wss://localhost//?v=8");
    }

    #[test]
    fn anything_beyond_host_port_and_path_is_refused() {
        for endpoint in [
            "",
            "/path",
            "host/a b",
            "host/?v=4",
            "host/..#x",
            "user@host",
            "host?x",
            "host#x",
            "ho st",
            "höst",
            "wss://host",
        ] {
            assert!(
                matches!(gateway_url(endpoint), Err(VoiceError::Endpoint { .. })),
                "{endpoint}"
            );
        }
    }
}
