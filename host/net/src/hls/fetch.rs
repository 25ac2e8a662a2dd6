//! Fetching playlists and keys.

use std::time::Duration;

use reqwest::Url;

use super::HlsProblem;
use super::cipher::BLOCK;
use super::playlist::{MAX_PLAYLIST_BYTES, MediaPlaylist, Playlist, parse};
use super::select::choose;
use crate::{HttpClient, NetError, Request, Stage};

/// Longest time for one playlist or key, whatever trickles in.
const DEADLINE: Duration = Duration::from_secs(15);

/// Waits before a playlist or key is asked for again.
const BACK_OFF: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Bytes asked for at once.
const CHUNK: usize = 64 * 1024;

/// One rendition, resolved.
pub(super) struct Rendition {
    /// Where its playlist is, after redirects.
    pub(super) url: Url,
    pub(super) list: MediaPlaylist,
}

/// Fetches a playlist and, if it is a master, the one it leads to.
pub(super) async fn resolve(client: &HttpClient, request: &Request) -> Result<Rendition, NetError> {
    let (playlist, url) = playlist(client, request, &request.url).await?;
    let (list, url) = match playlist {
        Playlist::Media(list) => (list, url),
        Playlist::Master(master) => {
            let chosen = choose(&master).ok_or(HlsProblem::Empty)?;
            match self::playlist(client, request, chosen.as_str()).await? {
                (Playlist::Media(list), url) => (list, url),
                (Playlist::Master(_), _) => return Err(HlsProblem::Nested.into()),
            }
        }
    };
    if list.is_complete && list.segments.is_empty() {
        return Err(HlsProblem::Empty.into());
    }
    Ok(Rendition { url, list })
}

/// Fetches the playlist of a rendition again.
pub(super) async fn reload(
    client: &HttpClient,
    template: &Request,
    url: &Url,
) -> Result<MediaPlaylist, NetError> {
    match playlist(client, template, url.as_str()).await? {
        (Playlist::Media(list), _) => Ok(list),
        (Playlist::Master(_), _) => Err(HlsProblem::Nested.into()),
    }
}

async fn playlist(client: &HttpClient, template: &Request, url: &str) -> Result<(Playlist, Url), NetError> {
    let (bytes, from) = whole(client, template, url, MAX_PLAYLIST_BYTES).await?;
    let base = Url::parse(&from).map_err(|error| NetError::Url {
        reason: error.to_string(),
    })?;
    Ok((parse(&bytes, &base)?, base))
}

/// Fetches a key.
pub(super) async fn key(client: &HttpClient, template: &Request, url: &Url) -> Result<[u8; BLOCK], NetError> {
    // One byte more than a key may have shows that it is none.
    let limit = BLOCK as u64 + 1;
    let (bytes, _) = whole(client, template, url.as_str(), limit)
        .await
        .map_err(|error| match error {
            NetError::TooLarge { .. } => HlsProblem::Key { length: BLOCK + 1 }.into(),
            error => error,
        })?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| HlsProblem::Key { length }.into())
}

/// A whole body and where it came from; tried again while that may help.
async fn whole(
    client: &HttpClient,
    template: &Request,
    url: &str,
    limit: u64,
) -> Result<(Vec<u8>, String), NetError> {
    let mut waits = BACK_OFF.iter();
    loop {
        let request = Request {
            url: url.to_owned(),
            range: None,
            max_bytes: Some(limit),
            follow_redirects: true,
            ..template.clone()
        };
        let outcome = tokio::time::timeout(DEADLINE, once(client, request))
            .await
            .unwrap_or_else(|_| {
                Err(NetError::Timeout {
                    host: "the HLS server".to_owned(),
                    stage: Stage::Body,
                    after: DEADLINE,
                })
            });
        match (outcome, waits.next()) {
            (Err(error), Some(wait)) if error.is_retriable() => {
                tracing::debug!(%error, "asking for a playlist or key again");
                tokio::time::sleep(*wait).await;
            }
            (outcome, _) => return outcome,
        }
    }
}

async fn once(client: &HttpClient, request: Request) -> Result<(Vec<u8>, String), NetError> {
    let mut response = client.fetch(request).await?;
    if !(200..300).contains(&response.status()) {
        return Err(NetError::Status {
            host: response.host().to_owned(),
            status: response.status(),
        });
    }
    let mut body = Vec::new();
    loop {
        let bytes = response.chunk(CHUNK).await?;
        if bytes.is_empty() {
            return Ok((body, response.url().to_owned()));
        }
        body.extend_from_slice(&bytes);
    }
}
