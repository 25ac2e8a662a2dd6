//! The server's own certificate authority, made anew for every instance.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::FakeError;

/// Names and addresses the server certificate is valid for.
const SUBJECT_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

/// A certificate authority and the TLS configuration of a server certified by it.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    pub(crate) tls: Arc<ServerConfig>,
}

impl Certificates {
    /// Generates both key pairs and certificates (ECDSA P-256).
    pub(crate) fn generate() -> Result<Self, FakeError> {
        let failed = |error: rcgen::Error| FakeError::Certificate(error.to_string());
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "fake-discord test authority");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate().map_err(failed)?;
        let ca = params.self_signed(&ca_key).map_err(failed)?;
        let issuer = Issuer::new(params, ca_key);

        let names: Vec<String> = SUBJECT_NAMES.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "fake-discord");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &issuer).map_err(failed)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate.der().clone()], key)
            })
            .map_err(|error| FakeError::Certificate(error.to_string()))?;
        Ok(Self {
            ca_pem: ca.pem(),
            tls: Arc::new(tls),
        })
    }
}

/// Writes the platform's trusted roots followed by `ca_pem`, for `SSL_CERT_FILE`, which replaces the platform's store.
pub(crate) fn write_bundle(ca_pem: &str, path: &Path) -> Result<(), FakeError> {
    let failed = |source| FakeError::Write {
        path: path.to_owned(),
        source,
    };
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
    for root in rustls_native_certs::load_native_certs().certs {
        file.write_all(pem(&root).as_bytes()).map_err(failed)?;
    }
    file.write_all(ca_pem.as_bytes()).map_err(failed)?;
    file.flush().map_err(failed)
}

/// PEM text of one DER certificate, 64 columns (RFC 7468).
fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 64);
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::server::ParsedCertificate;

    use super::*;

    #[test]
    fn bundle_ends_with_the_authority() {
        let certificates = Certificates::generate().unwrap();
        let path = std::env::temp_dir().join(format!("fake-discord-bundle-{}.pem", std::process::id()));
        write_bundle(&certificates.ca_pem, &path).unwrap();
        let parsed: Vec<_> = CertificateDer::pem_file_iter(&path)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        std::fs::remove_file(&path).unwrap();
        let ours = CertificateDer::from_pem_slice(certificates.ca_pem.as_bytes()).unwrap();
        assert_eq!(parsed.last(), Some(&ours));
    }

    #[test]
    fn pem_is_reversible() {
        let der: Vec<u8> = (0..=255).cycle().take(1000).collect();
        assert_eq!(
            CertificateDer::from_pem_slice(pem(&der).as_bytes())
                .unwrap()
                .as_ref(),
            der
        );
    }

    #[test]
    fn server_certificate_is_valid_for_loopback_names() {
        let certificates = Certificates::generate().unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(certificates.ca_pem.as_bytes()).unwrap())
            .unwrap();
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::new(rustls::crypto::ring::default_provider()),
        )
        .build()
        .unwrap();
        let mut server = rustls::ServerConnection::new(certificates.tls.clone()).unwrap();
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_webpki_verifier(verifier)
                .with_no_client_auth();
        for name in SUBJECT_NAMES {
            let mut client =
                rustls::ClientConnection::new(Arc::new(config.clone()), ServerName::try_from(name).unwrap())
                    .unwrap();
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut wire = wire.as_slice();
            while !wire.is_empty() {
                client.read_tls(&mut wire).unwrap();
                client.process_new_packets().unwrap();
            }
            assert!(client.peer_certificates().is_some(), "{name}");
            assert!(ParsedCertificate::try_from(&client.peer_certificates().unwrap()[0]).is_ok());
            server = rustls::ServerConnection::new(certificates.tls.clone()).unwrap();
        }
        assert!(UnixTime::now().as_secs() > 0);
    }
}
