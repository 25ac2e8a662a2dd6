//! The fields of a track string where they lie.

use std::borrow::Cow;

use super::error::DecodeError;
use super::reader::BodyReader;
use super::{FLAG_VERSIONED, MAX_BODY, SIZE_BITS, base64_text, details};

/// What [`EncodedTrack`](super::EncodedTrack) has, borrowed from a [`TrackBuffer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackFields<'a> {
    /// Version it was read from.
    pub version: u8,
    /// Title.
    pub title: Cow<'a, str>,
    /// Author.
    pub author: Cow<'a, str>,
    /// Length in ms.
    pub length: i64,
    /// Identifier within the source.
    pub identifier: Cow<'a, str>,
    /// Whether it is a live stream.
    pub is_stream: bool,
    /// Address for people.
    pub uri: Option<Cow<'a, str>>,
    /// Cover picture.
    pub artwork_url: Option<Cow<'a, str>>,
    /// International Standard Recording Code.
    pub isrc: Option<Cow<'a, str>>,
    /// Name of the source.
    pub source_name: Cow<'a, str>,
    /// What the source stored after its name.
    pub details: &'a [u8],
    /// Position in ms.
    pub position: i64,
}

/// Memory that track strings are decoded into, one after another.
#[derive(Debug, Default)]
pub struct TrackBuffer(Vec<u8>);

impl TrackBuffer {
    /// Decodes a track string. Allocations are bounded by the length of `text`.
    ///
    /// # Errors
    /// [`DecodeError`] when the text is no base64, or its bytes are no track.
    pub fn decode(&mut self, text: &str) -> Result<TrackFields<'_>, DecodeError> {
        self.0.clear();
        base64_text::decode_onto(text, &mut self.0)?;
        TrackFields::read(&self.0)
    }
}

impl<'a> TrackFields<'a> {
    fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = BodyReader::new(message);
        let header = reader.u32("header")?;
        let size = (header & MAX_BODY as u32) as usize;
        if size == 0 {
            return Err(DecodeError::EmptyMessage);
        }
        let mut body = reader.part(size);
        let version = if header >> SIZE_BITS & FLAG_VERSIONED != 0 {
            body.u8("version")?
        } else {
            1
        };
        let mut track = Self {
            version,
            title: body.utf("title")?,
            author: body.utf("author")?,
            length: body.i64("length")?,
            identifier: body.utf("identifier")?,
            is_stream: body.bool("isStream")?,
            uri: if version >= 2 {
                body.nullable_utf("uri")?
            } else {
                None
            },
            artwork_url: if version >= 3 {
                body.nullable_utf("artworkUrl")?
            } else {
                None
            },
            isrc: if version >= 3 {
                body.nullable_utf("isrc")?
            } else {
                None
            },
            source_name: body.utf("source name")?,
            details: &[],
            position: 0,
        };
        if reader.is_short_of(size) {
            return Err(DecodeError::EndOfData { field: "body" });
        }
        (track.details, track.position) = details::split(&track.source_name, body.rest())?;
        Ok(track)
    }
}
