//! Fetches files over HTTP, bounded in size and time.

use std::time::Duration;

use lavalink_net::{HttpClient, NetError, Request, Response};
use lavalink_plugins::Sha256;
use tokio::task::spawn_blocking;
use url::Url;

use crate::declared::without_credentials;
use crate::error::SupplyError;
use crate::store::{Complete, Incoming, Store};

/// Largest plugin, bytes: more than any component the node would load.
const MAX_PLUGIN: u64 = 64 * 1024 * 1024;

/// Largest text (checksum, list of versions), bytes.
const MAX_TEXT: u64 = 256 * 1024;

/// Time for one file from the first to the last byte.
const FILE_TIME: Duration = Duration::from_secs(300);

/// Time for one text.
const TEXT_TIME: Duration = Duration::from_secs(15);

/// Bytes collected before they are written.
const PIECE: usize = 256 * 1024;

/// Fetches a plugin into the store's directory; `None` when the server does not have it.
pub(crate) async fn file(
    client: &HttpClient,
    store: &Store,
    url: &Url,
) -> Result<Option<Complete>, SupplyError> {
    within(FILE_TIME, url, async {
        let Some(response) = get(client, url, MAX_PLUGIN).await? else {
            return Ok(None);
        };
        receive(response, store, url).await.map(Some)
    })
    .await
}

async fn receive(mut response: Response, store: &Store, url: &Url) -> Result<Complete, SupplyError> {
    let failed = {
        let folder = store.folder().display().to_string();
        move |error| SupplyError::Store {
            folder: folder.clone(),
            error,
        }
    };
    let mut incoming = {
        let store = store.clone();
        off_thread(move || store.begin()).await.map_err(&failed)?
    };
    loop {
        let mut piece = Vec::new();
        let is_last = loop {
            let bytes = response.chunk(PIECE).await.map_err(|error| net(url, error))?;
            if bytes.is_empty() {
                break true;
            }
            piece.extend_from_slice(&bytes);
            if piece.len() >= PIECE {
                break false;
            }
        };
        incoming = off_thread(move || {
            incoming.write(&piece)?;
            Ok::<Incoming, std::io::Error>(incoming)
        })
        .await
        .map_err(&failed)?;
        if is_last {
            return off_thread(move || incoming.finish()).await.map_err(&failed);
        }
    }
}

/// Runs file work where it may block.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// Fetches a text; `None` when the server does not have it.
pub(crate) async fn text(client: &HttpClient, url: &Url) -> Result<Option<String>, SupplyError> {
    within(TEXT_TIME, url, async {
        let Some(mut response) = get(client, url, MAX_TEXT).await? else {
            return Ok(None);
        };
        let mut text = Vec::new();
        loop {
            let bytes = response.chunk(PIECE).await.map_err(|error| net(url, error))?;
            if bytes.is_empty() {
                return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
            }
            text.extend_from_slice(&bytes);
        }
    })
    .await
}

/// Whether the server has something there.
pub(crate) async fn is_there(client: &HttpClient, url: &Url) -> bool {
    let mut request = Request::get(url.as_str());
    request.method = "HEAD".to_owned();
    let answer = tokio::time::timeout(TEXT_TIME, client.fetch(request)).await;
    matches!(answer, Ok(Ok(response)) if response.status() == 200)
}

/// The hash a repository gives for a file; `None` when it gives none that can be read.
pub(crate) async fn checksum(client: &HttpClient, file: &Url) -> Result<Option<Sha256>, SupplyError> {
    let mut url = file.clone();
    url.set_path(&format!("{}.sha256", file.path()));
    let Some(text) = text(client, &url).await? else {
        return Ok(None);
    };
    // Either the hash alone, or as `sha256sum` writes it, with the name of the file.
    let first = text.split_whitespace().next().unwrap_or_default();
    Ok(first.parse().ok())
}

async fn get(client: &HttpClient, url: &Url, max: u64) -> Result<Option<Response>, SupplyError> {
    let mut request = Request::get(url.as_str());
    request.max_bytes = Some(max);
    let response = client.fetch(request).await.map_err(|error| net(url, error))?;
    match response.status() {
        200 => Ok(Some(response)),
        404 | 410 => Ok(None),
        status => Err(SupplyError::Status {
            from: without_credentials(url),
            status,
        }),
    }
}

fn net(url: &Url, error: NetError) -> SupplyError {
    SupplyError::Net {
        from: without_credentials(url),
        error,
    }
}

async fn within<T>(
    limit: Duration,
    url: &Url,
    work: impl Future<Output = Result<T, SupplyError>>,
) -> Result<T, SupplyError> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SupplyError::TooSlow {
            from: without_credentials(url),
            seconds: limit.as_secs(),
        }),
    }
}
