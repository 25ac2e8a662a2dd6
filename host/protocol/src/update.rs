//! Request bodies of the player and session endpoints, read with Java's leniency.

use std::borrow::Cow;

use crate::filters::Filters;
use crate::json::reader::Reader;
use crate::json::{JsonObject, ParseError};
use crate::secret::Secret;

/// A member that may be left out, which is not the same as `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Omissible<T> {
    /// The member was not there.
    #[default]
    Omitted,
    /// The member was there.
    Present(T),
}

impl<T> Omissible<T> {
    /// The value, if present.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Omitted => None,
            Self::Present(value) => Some(value),
        }
    }

    /// Borrows the value.
    pub fn as_ref(&self) -> Omissible<&T> {
        match self {
            Self::Omitted => Omissible::Omitted,
            Self::Present(value) => Omissible::Present(value),
        }
    }

    /// Whether the member was there.
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Present(_))
    }
}

/// Body of `PATCH /v4/sessions/{sessionId}/players/{guildId}` (spec section 1.9).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlayerUpdate {
    /// Deprecated form of `track.encoded`.
    pub encoded_track: Omissible<Option<String>>,
    /// Deprecated form of `track.identifier`.
    pub identifier: Omissible<String>,
    /// What to play.
    pub track: Omissible<TrackUpdate>,
    /// Position in ms.
    pub position: Omissible<i64>,
    /// Stop position in ms.
    pub end_time: Omissible<Option<i64>>,
    /// Volume in percent; not clamped here.
    pub volume: Omissible<i32>,
    /// Pause state.
    pub paused: Omissible<bool>,
    /// The new filter set.
    pub filters: Omissible<Filters>,
    /// Voice server data.
    pub voice: Omissible<VoiceUpdate>,
}

/// `track` of a player update.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackUpdate {
    /// Track string; `null` stops.
    pub encoded: Omissible<Option<String>>,
    /// Identifier to load.
    pub identifier: Omissible<String>,
    /// What the client attaches to the track.
    pub user_data: Omissible<JsonObject>,
}

/// `voice` of a player update.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VoiceUpdate {
    /// Voice token.
    pub token: Secret,
    /// Voice server, `host[:port]`.
    pub endpoint: String,
    /// Discord's voice session id.
    pub session_id: String,
    /// The voice channel, as sent.
    pub channel_id: Option<String>,
}

impl VoiceUpdate {
    /// Whether all four members have text that is not blank.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let channel_id = self.channel_id.as_deref().unwrap_or_default();
        [self.token.expose(), &self.endpoint, &self.session_id, channel_id]
            .iter()
            .all(|text| !text.trim().is_empty())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let (mut token, mut endpoint, mut session_id, mut channel_id) = (None, None, None, None);
        reader.object(|reader, key| {
            match key {
                "token" => token = Some(Secret::from(reader.string()?.into_owned())),
                "endpoint" => endpoint = Some(reader.string()?.into_owned()),
                "sessionId" => session_id = Some(reader.string()?.into_owned()),
                "channelId" => channel_id = Some(reader.nullable(Reader::string)?.map(Cow::into_owned)),
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(Self {
            token: token.ok_or_else(|| reader.missing("token"))?,
            endpoint: endpoint.ok_or_else(|| reader.missing("endpoint"))?,
            session_id: session_id.ok_or_else(|| reader.missing("sessionId"))?,
            channel_id: channel_id.ok_or_else(|| reader.missing("channelId"))?,
        })
    }
}

impl TrackUpdate {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let mut track = Self::default();
        reader.object(|reader, key| {
            match key {
                "encoded" => track.encoded = nullable_string(reader)?,
                "identifier" => track.identifier = Omissible::Present(reader.string()?.into_owned()),
                "userData" => track.user_data = Omissible::Present(reader.members()?.into()),
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(track)
    }
}

fn nullable_string(reader: &mut Reader<'_>) -> Result<Omissible<Option<String>>, ParseError> {
    Ok(Omissible::Present(
        reader.nullable(Reader::string)?.map(Cow::into_owned),
    ))
}

impl PlayerUpdate {
    /// Parses a request body.
    ///
    /// # Errors
    /// [`ParseError`] when the body is not the expected JSON; the answer is then 400 `Bad Request`.
    pub fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let mut update = Self::default();
        let mut reader = Reader::new(body)?;
        reader.object(|reader, key| {
            match key {
                "encodedTrack" => update.encoded_track = nullable_string(reader)?,
                "identifier" => update.identifier = Omissible::Present(reader.string()?.into_owned()),
                "track" => update.track = Omissible::Present(TrackUpdate::read(reader)?),
                "position" => update.position = Omissible::Present(reader.i64()?),
                "endTime" => update.end_time = Omissible::Present(reader.nullable(Reader::i64)?),
                "volume" => update.volume = Omissible::Present(reader.i32()?),
                "paused" => update.paused = Omissible::Present(reader.bool()?),
                "filters" => update.filters = Omissible::Present(Filters::read(reader)?),
                "voice" => update.voice = Omissible::Present(VoiceUpdate::read(reader)?),
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        reader.end()?;
        Ok(update)
    }

    /// Checks what can be checked before the player is touched (steps 2, 4-7 of spec section 1.9, in this order).
    /// `is_disabled` answers for a filter name whether the configuration forbids it.
    ///
    /// # Errors
    /// [`Conflict`], whose text is the REST `message` of a 400.
    pub fn check(&self, is_disabled: impl Fn(&str) -> bool) -> Result<(), Conflict> {
        let deprecated = self.encoded_track.is_present() || self.identifier.is_present();
        let (encoded, identifier) = match &self.track {
            Omissible::Present(_) if deprecated => return Err(Conflict::TrackAndDeprecated),
            Omissible::Present(track) => (track.encoded.is_present(), track.identifier.is_present()),
            Omissible::Omitted => (self.encoded_track.is_present(), self.identifier.is_present()),
        };
        if encoded && identifier {
            return Err(Conflict::EncodedAndIdentifier);
        }
        if let Omissible::Present(filters) = &self.filters {
            let disabled: Vec<&str> = filters.present_names().filter(|name| is_disabled(name)).collect();
            if !disabled.is_empty() {
                return Err(Conflict::DisabledFilters(disabled.join(", ")));
            }
        }
        if matches!(&self.voice, Omissible::Present(voice) if !voice.is_complete()) {
            return Err(Conflict::IncompleteVoice);
        }
        if matches!(self.end_time, Omissible::Present(Some(end_time)) if end_time <= 0) {
            return Err(Conflict::EndTime);
        }
        Ok(())
    }

    /// What the update asks to play, the deprecated members merged in; `None` when it is no track request.
    #[must_use]
    pub fn track_request(&self) -> Option<TrackRequest<'_>> {
        let (encoded, identifier) = match &self.track {
            Omissible::Present(track) => (&track.encoded, &track.identifier),
            Omissible::Omitted => (&self.encoded_track, &self.identifier),
        };
        match (encoded, identifier) {
            (Omissible::Present(Some(encoded)), _) => Some(TrackRequest::Encoded(encoded)),
            (Omissible::Present(None), _) => Some(TrackRequest::Stop),
            (_, Omissible::Present(identifier)) => Some(TrackRequest::Identifier(identifier)),
            _ => None,
        }
    }

    /// The user data of `track`, if given.
    #[must_use]
    pub fn user_data(&self) -> Option<&JsonObject> {
        self.track
            .as_ref()
            .into_option()?
            .user_data
            .as_ref()
            .into_option()
    }
}

/// What a player update asks to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackRequest<'a> {
    /// Play this track string.
    Encoded(&'a str),
    /// Stop.
    Stop,
    /// Load and play this identifier.
    Identifier(&'a str),
}

/// A well-formed player update that contradicts itself or the configuration; the text is the REST `message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Both the new and the deprecated form.
    #[error("Cannot specify both track and encodedTrack/identifier")]
    TrackAndDeprecated,
    /// Two tracks at once.
    #[error("Cannot specify both encodedTrack and identifier")]
    EncodedAndIdentifier,
    /// Names joined by `, `.
    #[error("Following filters are disabled in the config: {0}")]
    DisabledFilters(String),
    /// A blank member in `voice`.
    #[error("token, endpoint, sessionId and channelId must be provided in voice state")]
    IncompleteVoice,
    /// `endTime` of 0 or less.
    #[error("End time must be greater than 0")]
    EndTime,
}

/// Body of `PATCH /v4/sessions/{sessionId}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionUpdate {
    /// Whether players survive a lost socket.
    pub resuming: Omissible<bool>,
    /// Seconds to wait for the client.
    pub timeout: Omissible<i64>,
}

impl SessionUpdate {
    /// Parses a request body.
    ///
    /// # Errors
    /// [`ParseError`] when the body is not the expected JSON; the answer is then 400 `Bad Request`.
    pub fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let mut update = Self::default();
        let mut reader = Reader::new(body)?;
        reader.object(|reader, key| {
            match key {
                "resuming" => update.resuming = Omissible::Present(reader.bool()?),
                "timeout" => update.timeout = Omissible::Present(reader.i64()?),
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        reader.end()?;
        Ok(update)
    }
}

/// Parses the body of `POST /v4/decodetracks`: an array of strings.
///
/// Strings without escapes are borrowed, so memory is bounded by a small multiple of the body.
///
/// # Errors
/// [`ParseError`] when the body is anything else; the answer is then 400 `Bad Request`.
pub fn parse_string_array(body: &[u8]) -> Result<Vec<Cow<'_, str>>, ParseError> {
    let mut strings = Vec::new();
    let mut reader = Reader::new(body)?;
    reader.array(|reader| {
        strings.push(reader.string()?);
        Ok(())
    })?;
    reader.end()?;
    Ok(strings)
}
