//! HTTP Live Streaming (RFC 8216): the segments of one rendition as a stream of bytes.
//!
//! [`HlsOrigin`] resolves a master playlist to one rendition, follows a live playlist, decrypts, and joins the segments
//! to bytes a demuxer can read on and on. Playlists that are complete can be opened at any segment; which one plays at a
//! time tells [`crate::PieceIndex`].

mod cipher;
mod fetch;
mod origin;
mod playlist;
mod segment;
mod select;
mod tags;

use std::time::Duration;

use crate::{HttpClient, NetError, Request};

pub use origin::HlsOrigin;

/// Why a playlist cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HlsProblem {
    /// Not the syntax of a playlist.
    #[error("the HLS playlist cannot be read")]
    Unreadable,
    /// Nothing in it.
    #[error("the HLS playlist lists nothing to play")]
    Empty,
    /// An entry is no URL.
    #[error("the HLS playlist has an entry that is no address")]
    Address,
    /// A master playlist that lists master playlists.
    #[error("the HLS playlist leads from one master playlist to another")]
    Nested,
    /// More segments than are kept.
    #[error("the HLS playlist has more than {limit} segments")]
    TooLong {
        /// Most segments kept.
        limit: usize,
    },
    /// An initialisation section that is none.
    #[error("the HLS stream has an initialisation section of more than {limit} bytes")]
    Section {
        /// Most bytes of one.
        limit: u64,
    },
    /// Digital rights management.
    #[error("the HLS stream is encrypted with {method}, which cannot be played")]
    Encryption {
        /// Method or key format.
        method: String,
    },
    /// The key does not fit the segment.
    #[error("a segment of the HLS stream cannot be decrypted with its key")]
    Undecipherable,
    /// A key of another length.
    #[error("the key of the HLS stream has {length} bytes instead of 16")]
    Key {
        /// Bytes received.
        length: usize,
    },
}

impl From<HlsProblem> for NetError {
    fn from(problem: HlsProblem) -> Self {
        Self::Origin {
            reason: problem.to_string(),
            retriable: false,
        }
    }
}

/// What a playlist promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HlsDescription {
    /// Playing time; `None` for a live stream.
    pub length: Option<Duration>,
}

/// Fetches a playlist, and the rendition it leads to, to tell what it promises. No segment is fetched.
///
/// # Errors
/// When a playlist cannot be had, read or played.
pub async fn describe_hls(client: &HttpClient, request: Request) -> Result<HlsDescription, NetError> {
    let rendition = fetch::resolve(client, &request).await?;
    let list = rendition.list;
    Ok(HlsDescription {
        length: list
            .is_complete
            .then(|| list.length())
            .filter(|length| !length.is_zero()),
    })
}

/// Reads a playlist and chooses a rendition of it; for [`crate::fuzzing`].
pub(crate) fn read_playlist(bytes: &[u8], base: &reqwest::Url) {
    if let Ok(playlist::Playlist::Master(master)) = playlist::parse(bytes, base) {
        let _ = select::choose(&master);
    }
}

/// Reads a segment that arrives in pieces of `piece` bytes, in the clear and encrypted; for [`crate::fuzzing`].
pub(crate) fn read_segment(bytes: &[u8], piece: usize) {
    segment::read_pieces(bytes, piece);
}
