//! Why a track string could not be read or written.

/// A track string that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The text is no base64.
    #[error("track string is not base64: {0}")]
    Base64(#[from] Base64Error),
    /// The bytes end inside a field.
    #[error("track data ends inside '{field}'; the string was cut off")]
    EndOfData {
        /// The field being read.
        field: &'static str,
    },
    /// The header announces a body of 0 bytes.
    #[error("track data is empty")]
    EmptyMessage,
    /// A text is not modified UTF-8.
    #[error("text of '{field}' in the track data is broken: {error}")]
    Text {
        /// The field being read.
        field: &'static str,
        /// What is wrong with it.
        error: TextError,
    },
    /// The source is not loaded, or does not know its own details.
    #[error("source '{source_name}' of the track is not loaded or refuses the track; install its plugin")]
    SourceNotAvailable {
        /// Name of the source.
        source_name: String,
    },
}

impl DecodeError {
    /// The REST `message` of the Java server, with status 500 (spec section 3.6).
    #[must_use]
    pub fn java_message(&self) -> String {
        const FAILED: &str = "Request processing failed: ";
        match self {
            Self::Base64(error) => format!("{FAILED}java.lang.IllegalArgumentException: {error}"),
            Self::EndOfData { .. } => crate::error::ErrorBody::NO_MESSAGE.to_owned(),
            Self::EmptyMessage => format!(
                "{FAILED}java.lang.NullPointerException: Cannot read field \"decodedTrack\" because the return value of \
                 \"com.sedmelluq.discord.lavaplayer.player.AudioPlayerManager.decodeTrack(\
                 com.sedmelluq.discord.lavaplayer.tools.io.MessageInput)\" is null"
            ),
            Self::Text { error, .. } => error.to_string(),
            Self::SourceNotAvailable { .. } => format!(
                "{FAILED}java.lang.IllegalStateException: Failed to decode track due to a mismatching version or \
                 missing source manager"
            ),
        }
    }
}

/// A text that is no base64; the texts are those of `java.util.Base64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// A character outside the alphabet. Java prints the byte signed, so Latin-1 letters read negative.
    #[error("Illegal base64 character {}{:x}", if *.0 < 0 { "-" } else { "" }, .0.unsigned_abs())]
    IllegalCharacter(i8),
    /// A single character.
    #[error("Input byte[] should at least have 2 bytes for base64 bytes")]
    TooShort,
    /// Padding where none belongs, or half of it.
    #[error("Input byte array has wrong 4-byte ending unit")]
    WrongEndingUnit,
    /// One character left over.
    #[error("Last unit does not have enough valid bits")]
    NotEnoughBits,
    /// Something after the padding, at this byte.
    #[error("Input byte array has incorrect ending byte at {0}")]
    IncorrectEndingByte(usize),
}

/// Bytes that are no modified UTF-8; the texts are those of `java.io.DataInputStream`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A lead byte without its continuation, or a byte that cannot lead, at this byte of the text.
    #[error("malformed input around byte {0}")]
    Malformed(usize),
    /// The text ends inside a character.
    #[error("malformed input: partial character at end")]
    PartialCharacter,
}

/// A track that cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text does not fit its 16-bit length.
    #[error("'{field}' takes {bytes} bytes in a track string, 65535 are possible; shorten it")]
    TextTooLong {
        /// The field being written.
        field: &'static str,
        /// Its size in modified UTF-8.
        bytes: usize,
    },
    /// The whole does not fit its 30-bit size.
    #[error("track data takes {bytes} bytes, 2^30 - 1 are possible; shorten the source's details")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}
