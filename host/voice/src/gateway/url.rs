//! The address of a voice gateway.

use crate::error::VoiceError;

/// Version of the voice gateway spoken here.
const VERSION: u8 = 8;

/// Builds the WebSocket URL of `endpoint`, which is `host` or `host:port`.
pub(crate) fn gateway_url(endpoint: &str) -> Result<String, VoiceError> {
    let refuse = |why| VoiceError::Endpoint {
        endpoint: endpoint.to_owned(),
        why,
    };
    if endpoint.is_empty() {
        return Err(refuse("it is empty"));
    }
    // Everything else could end the host part of the URL and change where the token is sent.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if !endpoint.bytes().all(allowed) {
        return Err(refuse("it has characters that no host name or port has"));
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
    fn anything_beyond_host_and_port_is_refused() {
        for endpoint in [
            "",
            "a/b",
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
