//! The base64 track string (spec section 3): an envelope with a body of big-endian fields.
//!
//! Versions 1 to 3 are read, version 3 is written. What a source stores after its name comes back byte for byte, whether
//! the source is known or not (see [`Layout`]).

mod base64_text;
mod details;
mod error;
mod fields;
mod modified_utf8;
mod reader;

use std::borrow::Cow;

pub use details::{ExtendedDetails, Layout};
pub use error::{Base64Error, DecodeError, EncodeError, TextError};
pub use fields::{TrackBuffer, TrackFields};
pub use modified_utf8::{read_utf, write_utf};

/// Body begins with a version byte; without the flag the version is 1.
const FLAG_VERSIONED: u32 = 1;
/// The upper two bits of the header hold flags, the rest the body size.
const SIZE_BITS: u32 = 30;
/// Largest body the header can announce, bytes.
const MAX_BODY: usize = (1 << SIZE_BITS) - 1;
/// The version written.
const CURRENT_VERSION: u8 = 3;

/// The fields of a track string.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedTrack {
    /// Version it was read from. Writing ignores it: the current version is always written.
    pub version: u8,
    /// Title.
    pub title: String,
    /// Author.
    pub author: String,
    /// Length in ms; [`Self::UNKNOWN_LENGTH`] for streams.
    pub length: i64,
    /// Identifier within the source.
    pub identifier: String,
    /// Whether it is a live stream.
    pub is_stream: bool,
    /// Address for people (version 2 and later).
    pub uri: Option<String>,
    /// Cover picture (version 3 and later).
    pub artwork_url: Option<String>,
    /// International Standard Recording Code (version 3 and later).
    pub isrc: Option<String>,
    /// Name of the source.
    pub source_name: String,
    /// What the source stored after its name.
    pub details: Vec<u8>,
    /// Position in ms.
    pub position: i64,
}

impl EncodedTrack {
    /// Length of a stream in ms, `Long.MAX_VALUE` in Java.
    pub const UNKNOWN_LENGTH: i64 = i64::MAX;

    /// Decodes a track string. Allocations are bounded by the length of `text`.
    ///
    /// # Errors
    /// [`DecodeError`] when the text is no base64, or its bytes are no track.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        TrackBuffer::default().decode(text).map(Self::from)
    }

    /// Encodes the fields as a version 3 track string.
    ///
    /// # Errors
    /// [`EncodeError`] when a text is longer than 65535 bytes, or the whole than 2^30 - 1.
    pub fn encode(&self) -> Result<String, EncodeError> {
        let mut message = Vec::with_capacity(self.size_hint());
        message.extend_from_slice(&[0; 4]);
        message.push(CURRENT_VERSION);
        write_utf(&mut message, "title", &self.title)?;
        write_utf(&mut message, "author", &self.author)?;
        message.extend_from_slice(&self.length.to_be_bytes());
        write_utf(&mut message, "identifier", &self.identifier)?;
        message.push(u8::from(self.is_stream));
        write_nullable_utf(&mut message, "uri", self.uri.as_deref())?;
        write_nullable_utf(&mut message, "artworkUrl", self.artwork_url.as_deref())?;
        write_nullable_utf(&mut message, "isrc", self.isrc.as_deref())?;
        write_utf(&mut message, "source name", &self.source_name)?;
        message.extend_from_slice(&self.details);
        message.extend_from_slice(&self.position.to_be_bytes());
        let size = message.len() - 4;
        if size > MAX_BODY {
            return Err(EncodeError::TooLarge { bytes: size });
        }
        let header = FLAG_VERSIONED << SIZE_BITS | size as u32;
        message[..4].copy_from_slice(&header.to_be_bytes());
        Ok(base64_simd::STANDARD.encode_to_string(message))
    }

    /// Size of the message in bytes if all text is ASCII.
    fn size_hint(&self) -> usize {
        const FIXED: usize = 64;
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        FIXED
            + self.title.len()
            + self.author.len()
            + self.identifier.len()
            + optional(&self.uri)
            + optional(&self.artwork_url)
            + optional(&self.isrc)
            + self.source_name.len()
            + self.details.len()
    }
}

impl From<TrackFields<'_>> for EncodedTrack {
    fn from(fields: TrackFields<'_>) -> Self {
        Self {
            version: fields.version,
            title: fields.title.into_owned(),
            author: fields.author.into_owned(),
            length: fields.length,
            identifier: fields.identifier.into_owned(),
            is_stream: fields.is_stream,
            uri: fields.uri.map(Cow::into_owned),
            artwork_url: fields.artwork_url.map(Cow::into_owned),
            isrc: fields.isrc.map(Cow::into_owned),
            source_name: fields.source_name.into_owned(),
            details: fields.details.to_vec(),
            position: fields.position,
        }
    }
}

fn write_nullable_utf(out: &mut Vec<u8>, field: &'static str, text: Option<&str>) -> Result<(), EncodeError> {
    out.push(u8::from(text.is_some()));
    text.map_or(Ok(()), |text| write_utf(out, field, text))
}
