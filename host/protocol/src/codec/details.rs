//! How the sources of lavaplayer and of the LavaSrc plugin lay out what they store after their name.
//!
//! A track string gives no length for that part, so whoever wants the position behind it has to know the layout. Of
//! sources not listed here the position is taken to be the last 8 bytes, as nothing ever follows it.

use std::borrow::Cow;

use serde::Serialize;

use super::error::DecodeError;
use super::reader::BodyReader;

/// What a source stores after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Nothing.
    Empty,
    /// One text: the probe's name, with `|` and its parameters behind it where it has some.
    ProbeInfo,
    /// [`ExtendedDetails`], or nothing in strings older than them. Later versions append fields.
    Extended,
    /// Nothing, or [`ExtendedDetails`]: two implementations share the name.
    EmptyOrExtended,
}

impl Layout {
    /// The layout of the source of this name; `None` when it is of neither lavaplayer nor LavaSrc.
    #[must_use]
    pub fn of(source: &str) -> Option<Self> {
        Some(match source {
            // youtube-source stores nothing, LavaSrc's yt-dlp source of the same name does.
            "youtube" => Self::EmptyOrExtended,
            "soundcloud" | "bandcamp" | "twitch" | "vimeo" | "niconico" | "getyarn.io" | "beam.pro"
            | "yandex-music" | "flowery-tts" => Self::Empty,
            "http" | "local" => Self::ProbeInfo,
            "spotify" | "applemusic" | "deezer" | "yandexmusic" | "vkmusic" | "tidal" | "qobuz"
            | "jiosaavn" => Self::Extended,
            _ => return None,
        })
    }
}

/// Size of the position, which ends a track.
const POSITION: usize = size_of::<i64>();

/// Splits what follows the name of `source` into details and position.
pub(super) fn split<'a>(source: &str, rest: &'a [u8]) -> Result<(&'a [u8], i64), DecodeError> {
    let details = match Layout::of(source) {
        Some(Layout::Empty) => 0,
        Some(Layout::ProbeInfo) => {
            let mut reader = BodyReader::new(rest);
            reader.utf("probe info")?;
            rest.len() - reader.left()
        }
        Some(Layout::EmptyOrExtended) if !ends_with_position(rest) => 0,
        Some(Layout::Extended | Layout::EmptyOrExtended) | None => rest.len().saturating_sub(POSITION),
    };
    let (details, rest) = rest
        .split_at_checked(details)
        .ok_or(DecodeError::EndOfData { field: "details" })?;
    let position = BodyReader::new(rest).i64("position")?;
    Ok((details, position))
}

/// Whether `rest` is whole [`ExtendedDetails`] and a position.
fn ends_with_position(rest: &[u8]) -> bool {
    let mut reader = BodyReader::new(rest);
    ExtendedDetails::read(&mut reader).is_ok() && reader.left() == POSITION
}

/// What LavaSrc stores; as JSON its `pluginInfo`, in the order Java's hash map gives it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtendedDetails {
    /// Name of the album.
    pub album_name: Option<String>,
    /// Address of the album.
    pub album_url: Option<String>,
    /// Address of a sample of the track.
    pub preview_url: Option<String>,
    /// Whether the track is that sample.
    pub is_preview: bool,
    /// Address of the artist.
    pub artist_url: Option<String>,
    /// Picture of the artist.
    pub artist_artwork_url: Option<String>,
}

impl ExtendedDetails {
    /// Reads a track's details. None at all are those of a track from before they existed; what later versions append
    /// is passed over.
    ///
    /// # Errors
    /// [`DecodeError::EndOfData`] or [`DecodeError::Text`].
    pub fn parse(details: &[u8]) -> Result<Self, DecodeError> {
        if details.is_empty() {
            return Ok(Self::default());
        }
        Self::read(&mut BodyReader::new(details))
    }

    fn read(reader: &mut BodyReader<'_>) -> Result<Self, DecodeError> {
        // The order of the fields as stored.
        let mut text = |field| reader.nullable_utf(field).map(|text| text.map(Cow::into_owned));
        let album_name = text("album name")?;
        let album_url = text("album URL")?;
        let artist_url = text("artist URL")?;
        let artist_artwork_url = text("artist artwork URL")?;
        let preview_url = text("preview URL")?;
        let is_preview = reader.bool("isPreview")?;
        Ok(Self {
            album_name,
            album_url,
            preview_url,
            is_preview,
            artist_url,
            artist_artwork_url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION_7: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 7];

    fn rest(details: &[u8], behind: &[u8]) -> Vec<u8> {
        [details, &POSITION_7, behind].concat()
    }

    #[test]
    fn the_position_follows_a_known_layout_whatever_comes_behind() {
        let probe: &[u8] = b"\0\x03mp3";
        for (source, details) in [("soundcloud", b"".as_slice()), ("http", probe), ("local", probe)] {
            for behind in [b"".as_slice(), b"junk", &[0; 20]] {
                assert_eq!(
                    split(source, &rest(details, behind)),
                    Ok((details, 7)),
                    "{source} {behind:?}"
                );
            }
        }
    }

    #[test]
    fn the_position_ends_tracks_of_unknown_and_growing_layouts() {
        for source in ["reddit", "spotify"] {
            for details in [b"".as_slice(), b"\0\0\0\0\0\0", b"\0\0\0\0\0\x01\0\x02xy", b"?"] {
                assert_eq!(
                    split(source, &rest(details, b"")),
                    Ok((details, 7)),
                    "{source} {details:?}"
                );
            }
        }
    }

    #[test]
    fn youtube_is_told_apart_by_what_fits() {
        let extended: &[u8] = b"\x01\0\x01A\0\0\0\0\x01";
        assert_eq!(split("youtube", &rest(b"", b"")), Ok((b"".as_slice(), 7)));
        assert_eq!(split("youtube", &rest(extended, b"")), Ok((extended, 7)));
        assert_eq!(split("youtube", &rest(b"", b"junk")), Ok((b"".as_slice(), 7)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let end = |field| Err(DecodeError::EndOfData { field });
        assert_eq!(split("vimeo", &[0; 7]), end("position"));
        assert_eq!(split("deezer", &[0; 7]), end("position"));
        assert_eq!(split("reddit", &[0; 7]), end("position"));
        assert_eq!(split("http", b"\0\x09mp3"), end("probe info"));
        assert_eq!(split("http", b"\0\x03mp3\0\0\0\0\0\0\0"), end("position"));
    }

    #[test]
    fn extended_details_print_as_plugin_info() {
        let details = b"\x01\0\x05Album\x01\0\x01b\x01\0\x01c\x01\0\x01d\x01\0\x01e\x01later";
        let parsed = ExtendedDetails::parse(details).unwrap();
        assert_eq!(
            crate::json::to_string(&parsed),
            r#"{"albumName":"Album","albumUrl":"b","previewUrl":"e","isPreview":true,"artistUrl":"c","artistArtworkUrl":"d"}"#
        );
        assert_eq!(ExtendedDetails::parse(b"").unwrap(), ExtendedDetails::default());
        assert_eq!(
            ExtendedDetails::parse(b"\0\0\0"),
            Err(DecodeError::EndOfData {
                field: "artist artwork URL"
            })
        );
    }
}
