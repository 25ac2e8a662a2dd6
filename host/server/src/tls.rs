//! TLS of the server: certificate and key from PEM, client certificates if asked for.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier};
use tokio_rustls::TlsAcceptor;

use crate::config::{ClientAuth, TlsConfig};

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{key}: cannot read {path}: {source}")]
    Read {
        /// The setting that names it.
        key: &'static str,
        /// As written.
        path: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file is not PEM, or holds nothing of the kind.
    #[error("{key}: there is no {wanted} in PEM form in it")]
    Empty {
        /// The setting.
        key: &'static str,
        /// What was looked for.
        wanted: &'static str,
    },
    /// The key is encrypted.
    #[error(
        "server.ssl.certificate-private-key: the key is encrypted; decrypt it with `openssl pkey -in <file> -out key.pem`"
    )]
    Encrypted,
    /// Certificate and key do not go together, or are of a kind nobody accepts.
    #[error("server.ssl: the certificate cannot be used: {0}")]
    Unusable(String),
}

/// Makes what accepts TLS connections.
///
/// # Errors
/// When the certificate or its key cannot be used.
pub fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: &dyn std::fmt::Display| TlsError::Unusable(error.to_string());
    let chain = certificates("server.ssl.certificate", &config.certificate)?;
    let key = private_key(&config.private_key)?;
    let clients: Arc<dyn ClientCertVerifier> = match (&config.trust, config.client_auth) {
        (Some(trust), ClientAuth::Want | ClientAuth::Need) => {
            let mut roots = RootCertStore::empty();
            for root in certificates("server.ssl.trust-certificate", trust)? {
                roots.add(root).map_err(|error| unusable(&error))?;
            }
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            let builder = match config.client_auth {
                ClientAuth::Want => builder.allow_unauthenticated(),
                _ => builder,
            };
            builder.build().map_err(|error| unusable(&error))?
        }
        _ => Arc::new(NoClientAuth),
    };
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&error))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(key: &'static str, place: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = pem(key, place)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .filter_map(Result::ok)
        .collect();
    if found.is_empty() {
        let wanted = "certificate";
        return Err(TlsError::Empty { key, wanted });
    }
    Ok(found)
}

fn private_key(place: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = "server.ssl.certificate-private-key";
    let pem = pem(key, place)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let text = String::from_utf8_lossy(&pem);
        match text.contains("ENCRYPTED") {
            true => TlsError::Encrypted,
            false => TlsError::Empty {
                key,
                wanted: "private key",
            },
        }
    })
}

/// The setting may be PEM itself, as in Spring.
fn pem(key: &'static str, place: &str) -> Result<Vec<u8>, TlsError> {
    if place.contains("-----BEGIN") {
        return Ok(place.as_bytes().to_vec());
    }
    let path = place.trim();
    let path = path.strip_prefix("file:").unwrap_or(path);
    std::fs::read(path).map_err(|source| TlsError::Read {
        key,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(certificate: &str, private_key: &str) -> TlsConfig {
        TlsConfig {
            certificate: certificate.to_owned(),
            private_key: private_key.to_owned(),
            client_auth: ClientAuth::None,
            trust: None,
        }
    }

    fn signed() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn pem_comes_from_files_or_from_the_setting() {
        let (certificate, key) = signed();
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("all.pem");
        std::fs::write(&path, format!("{certificate}{key}")).expect("write");
        let path = format!("file:{}", path.display());
        assert!(acceptor(&config(&path, &path)).is_ok());
        let mutual = TlsConfig {
            client_auth: ClientAuth::Need,
            trust: Some(certificate.clone()),
            ..config(&certificate, &key)
        };
        assert!(acceptor(&mutual).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (certificate, key) = signed();
        let (_, other) = signed();
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        for (certificate, key, words) in [
            (
                "/nowhere.pem",
                key.as_str(),
                vec!["server.ssl.certificate", "/nowhere.pem"],
            ),
            (
                &key,
                &key,
                vec!["server.ssl.certificate", "certificate in PEM form"],
            ),
            (
                &certificate,
                &certificate,
                vec!["certificate-private-key", "private key in PEM form"],
            ),
            (&certificate, encrypted, vec!["openssl pkey"]),
            (&certificate, &other, vec!["cannot be used"]),
        ] {
            let Err(error) = acceptor(&config(certificate, key)) else {
                panic!("{words:?}");
            };
            let error = error.to_string();
            for word in words {
                assert!(error.contains(word), "{error}");
            }
            assert!(!error.contains("BEGIN"), "{error}");
        }
    }
}
