//! TLS settings: the platform's trusted roots, read once and shared by all connections.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::sync::OnceCell;

use crate::error::VoiceError;

/// Client settings made when the first connection needs them.
#[derive(Default)]
pub(crate) struct TlsSettings {
    config: OnceCell<Arc<ClientConfig>>,
}

impl TlsSettings {
    /// Settings that trust the given roots only; for tests with a certificate authority of their own.
    #[cfg(test)]
    pub(crate) fn trusting(roots: RootCertStore) -> Self {
        Self {
            config: OnceCell::new_with(Some(client_config(roots).unwrap())),
        }
    }

    /// The settings. A failure is not remembered, so a repaired certificate store works at the next connection.
    pub(crate) async fn get(&self) -> Result<Arc<ClientConfig>, VoiceError> {
        let load = || async {
            // Reading a bundle takes tens of milliseconds of file access and parsing.
            let roots = tokio::task::spawn_blocking(platform_roots)
                .await
                .map_err(|error| VoiceError::Tls(error.to_string()))??;
            client_config(roots)
        };
        self.config.get_or_try_init(load).await.map(Arc::clone)
    }
}

fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, VoiceError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| VoiceError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The platform's store; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace it.
fn platform_roots() -> Result<RootCertStore, VoiceError> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(loaded.certs);
    tracing::debug!(added, ignored, "read the platform's root certificates");
    for error in &loaded.errors {
        tracing::warn!(%error, "reading root certificates");
    }
    if added == 0 {
        let why = loaded
            .errors
            .first()
            .map_or_else(|| "the store is empty".to_owned(), ToString::to_string);
        return Err(VoiceError::Tls(why));
    }
    Ok(roots)
}
