//! `server`: where and how the node listens.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::findings::Findings;
use super::keys;
use super::reader::Reader;
use super::tree::Node;

/// Settings of the server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Address to bind; all interfaces by default.
    pub address: IpAddr,
    /// TCP port; 0 picks a free one.
    pub port: u16,
    /// Prefix of all routes: empty, or with a leading and without a trailing slash.
    pub context_path: String,
    /// Whether proxies say where requests come from.
    pub trusts_forwarded_headers: bool,
    /// How long requests under way may take when the node stops; `None` ends them with it.
    pub graceful_shutdown: Option<Duration>,
    /// Set when TLS is spoken.
    pub tls: Option<TlsConfig>,
}

/// Where certificates come from; each is a path, a `file:` URL, or PEM text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificate and chain.
    pub certificate: String,
    /// Key of the certificate.
    pub private_key: String,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Authorities of client certificates.
    pub trust: Option<String>,
}

/// `server.ssl.client-auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// They are asked; a certificate that is shown has to be good.
    Want,
    /// They need one.
    Need,
}

/// Reads the settings.
pub fn read(reader: &Reader<'_>, findings: &mut Findings) -> ServerConfig {
    ServerConfig {
        address: reader
            .address(&keys::SERVER_ADDRESS)
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: u16::try_from(reader.integer(&keys::SERVER_PORT)).unwrap_or_default(),
        context_path: context_path(reader, findings),
        trusts_forwarded_headers: reader.choice(&keys::FORWARD_HEADERS) != "none",
        graceful_shutdown: (reader.choice(&keys::SHUTDOWN) == "graceful")
            .then(|| reader.time(&keys::SHUTDOWN_TIMEOUT)),
        tls: tls(reader, findings),
    }
}

fn context_path(reader: &Reader<'_>, findings: &mut Findings) -> String {
    let key = &keys::CONTEXT_PATH;
    let path = reader.text(key).unwrap_or_default();
    let path = path.trim().trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    if path.is_empty() {
        return String::new();
    }
    if !path.starts_with('/') || path.contains("//") || !path.chars().all(is_plain) {
        findings.error(
            &reader.origin(key),
            format!(
                "{} is `{path}`, but must be a path such as /music, of letters, digits and -._~",
                key.name
            ),
        );
    }
    path.to_owned()
}

fn tls(reader: &Reader<'_>, findings: &mut Findings) -> Option<TlsConfig> {
    if !reader.boolean(&keys::SSL_ENABLED) {
        return None;
    }
    let (mut certificate, mut private_key, mut trust) = (
        reader.text(&keys::SSL_CERTIFICATE),
        reader.text(&keys::SSL_PRIVATE_KEY),
        reader.text(&keys::SSL_TRUST_CERTIFICATE),
    );
    if let Some(bundle) = reader.text(&keys::SSL_BUNDLE) {
        let part = |name: &str| {
            reader
                .tree()
                .at("spring.ssl.bundle.pem")
                .and_then(|bundles| bundles.get(bundle.trim()))
                .and_then(|bundle| bundle.at(name))
                .and_then(Node::text)
        };
        certificate = part("keystore.certificate");
        private_key = part("keystore.private-key");
        trust = part("truststore.certificate");
        if certificate.is_none() {
            findings.error(
                &reader.origin(&keys::SSL_BUNDLE),
                format!(
                    "{} names the bundle `{bundle}`, but spring.ssl.bundle.pem.{bundle}.keystore.certificate is not set",
                    keys::SSL_BUNDLE.name
                ),
            );
            return None;
        }
    }
    let store = reader.text(&keys::SSL_KEY_STORE);
    let (certificate, private_key) = match (certificate, private_key, store) {
        (Some(certificate), Some(private_key), _) => (certificate, private_key),
        (Some(_), None, _) => {
            findings.error(
                &reader.origin(&keys::SSL_CERTIFICATE),
                format!(
                    "{} also needs {}",
                    keys::SSL_CERTIFICATE.name,
                    keys::SSL_PRIVATE_KEY.name
                ),
            );
            return None;
        }
        (None, _, Some(store)) => {
            let store = store.trim_start_matches("file:");
            findings.error(
                &reader.origin(&keys::SSL_KEY_STORE),
                format!(
                    "{} cannot be read here; turn it into PEM with `openssl pkcs12 -in {store} -nodes -out server.pem` (a JKS \
                     store first with `keytool -importkeystore -srckeystore {store} -destkeystore server.p12 -deststoretype \
                     PKCS12`), then set {} and {} to server.pem",
                    keys::SSL_KEY_STORE.name,
                    keys::SSL_CERTIFICATE.name,
                    keys::SSL_PRIVATE_KEY.name
                ),
            );
            return None;
        }
        (None, Some(_), None) => {
            findings.error(
                &reader.origin(&keys::SSL_PRIVATE_KEY),
                format!(
                    "{} also needs {}",
                    keys::SSL_PRIVATE_KEY.name,
                    keys::SSL_CERTIFICATE.name
                ),
            );
            return None;
        }
        (None, None, None) => {
            // Asked for, but without anything to do it with.
            if reader
                .tree()
                .at(keys::SSL_ENABLED.name)
                .is_some_and(|node| !node.is_null())
            {
                findings.error(
                    &reader.origin(&keys::SSL_ENABLED),
                    format!(
                        "{} is true, but {} is not set",
                        keys::SSL_ENABLED.name,
                        keys::SSL_CERTIFICATE.name
                    ),
                );
            }
            return None;
        }
    };
    let client_auth = match reader.choice(&keys::SSL_CLIENT_AUTH) {
        "need" => ClientAuth::Need,
        "want" => ClientAuth::Want,
        _ => ClientAuth::None,
    };
    if client_auth != ClientAuth::None && trust.is_none() {
        findings.error(
            &reader.origin(&keys::SSL_CLIENT_AUTH),
            format!(
                "{} also needs {}",
                keys::SSL_CLIENT_AUTH.name,
                keys::SSL_TRUST_CERTIFICATE.name
            ),
        );
        return None;
    }
    Some(TlsConfig {
        certificate,
        private_key,
        client_auth,
        trust,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origin::Origin;
    use serde_json::json;

    fn server(settings: serde_json::Value) -> (ServerConfig, String) {
        let tree = Node::from_json(settings, &Origin::BuiltIn).expanded();
        let mut findings = Findings::default();
        let config = read(&Reader::new(&tree), &mut findings);
        (config, findings.to_string())
    }

    #[test]
    fn context_paths_are_brought_into_one_form() {
        for (written, expected) in [("/", ""), ("", ""), ("/a/", "/a"), ("/a/b-1", "/a/b-1")] {
            let (config, findings) = server(json!({"server.servlet.context-path": written}));
            assert_eq!(
                (config.context_path.as_str(), findings.as_str()),
                (expected, ""),
                "{written}"
            );
        }
        for wrong in ["a", "/a//b", "/{x}", "/a b", "/%41"] {
            let (_, findings) = server(json!({"server.servlet.context-path": wrong}));
            assert!(
                findings.contains("server.servlet.context-path"),
                "{wrong}: {findings}"
            );
        }
    }

    #[test]
    fn tls_needs_pem_files() {
        let (config, findings) =
            server(json!({"server.ssl": {"certificate": "c.pem", "certificatePrivateKey": "k.pem"}}));
        let tls = config.tls.expect("TLS");
        assert_eq!(
            (
                tls.certificate.as_str(),
                tls.private_key.as_str(),
                findings.as_str()
            ),
            ("c.pem", "k.pem", "")
        );
        assert_eq!(tls.client_auth, ClientAuth::None);
        let bundle = json!({"server.ssl.bundle": "web", "spring.ssl.bundle.pem.web":
            {"keystore": {"certificate": "c", "private-key": "k"}, "truststore.certificate": "t"}, "server.ssl.client-auth": "NEED"});
        let tls = server(bundle).0.tls.expect("TLS");
        assert_eq!(
            (tls.private_key.as_str(), tls.trust.as_deref(), tls.client_auth),
            ("k", Some("t"), ClientAuth::Need)
        );
        let off = json!({"server.ssl": {"certificate": "c.pem", "certificatePrivateKey": "k.pem", "enabled": false}});
        assert_eq!(server(off).0.tls, None);
        for (settings, word) in [
            (json!({"server.ssl.certificate": "c"}), "certificate-private-key"),
            (
                json!({"server.ssl.certificate-private-key": "c"}),
                "server.ssl.certificate",
            ),
            (
                json!({"server.ssl.key-store": "file:k.p12"}),
                "openssl pkcs12 -in k.p12",
            ),
            (json!({"server.ssl.enabled": true}), "server.ssl.certificate"),
            (json!({"server.ssl.bundle": "x"}), "spring.ssl.bundle.pem.x"),
            (
                json!({"server.ssl": {"certificate": "c", "certificate-private-key": "k", "client-auth": "want"}}),
                "trust-certificate",
            ),
        ] {
            let (config, findings) = server(settings);
            assert!(config.tls.is_none() && findings.contains(word), "{findings}");
        }
        let (config, findings) = server(json!({"server.ssl.enabled": false, "server.ssl.key-store": "k"}));
        assert!(config.tls.is_none() && findings.is_empty());
    }

    #[test]
    fn shutdown_and_proxies() {
        let (config, _) =
            server(json!({"server.shutdown": "GRACEFUL", "server.forward-headers-strategy": "framework"}));
        assert_eq!(config.graceful_shutdown, Some(Duration::from_secs(30)));
        assert!(config.trusts_forwarded_headers);
        let (config, _) = server(json!({}));
        assert_eq!(config.graceful_shutdown, None);
        assert!(!config.trusts_forwarded_headers);
        assert_eq!(config.port, 8080);
    }
}
