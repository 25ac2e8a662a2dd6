//! Decodes track strings with the help of their sources, and without it where their layout is known.

use futures_util::future::try_join_all;
use lavalink_plugin_api::probe_info::ProbeInfo;
use lavalink_plugins::{Plugins, Tail};
use lavalink_protocol::codec::{DecodeError, EncodedTrack, ExtendedDetails, Layout};
use lavalink_protocol::json::{self, JsonObject};

use super::track::{LoadedTrack, plugin_info};

/// What to do with a track whose source no plugin offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbsentSource {
    /// Refuse it: it is to be played.
    Refused,
    /// Show it as far as what its source stores is known: it is to be looked at.
    Shown,
}

/// Decodes one track string; see [`decode_all`].
///
/// # Errors
/// When the string is broken, or its source is not loaded or refuses it.
pub async fn decode(text: &str, plugins: &Plugins, absent: AbsentSource) -> Result<LoadedTrack, DecodeError> {
    let mut tracks = decode_all(&[text], plugins, absent).await?;
    // One string gives one track or an error.
    tracks.pop().ok_or(DecodeError::EmptyMessage)
}

/// Decodes track strings and lets their sources check the parts that are theirs: all tracks of a source in one call.
///
/// # Errors
/// That of the first string that is broken, or whose source is not loaded or refuses it.
pub async fn decode_all(
    texts: &[impl AsRef<str>],
    plugins: &Plugins,
    absent: AbsentSource,
) -> Result<Vec<LoadedTrack>, DecodeError> {
    let mut tracks = Vec::with_capacity(texts.len());
    let mut batches: Vec<Batch> = Vec::new();
    let mut broken = None;
    for text in texts {
        match decode_one(text.as_ref(), plugins, absent) {
            Ok((encoded, Some(plugin_info))) => tracks.push(LoadedTrack::decoded(encoded, plugin_info)),
            Ok((encoded, None)) => {
                Batch::of(&mut batches, &encoded).add(tracks.len(), &encoded);
                tracks.push(LoadedTrack::decoded(encoded, JsonObject::default()));
            }
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
    }
    // Sources are asked only about tracks before the broken one, so what they refuse comes first.
    let checked = try_join_all(batches.into_iter().map(|batch| batch.check(plugins))).await?;
    for (index, details, plugin_info) in checked.into_iter().flatten() {
        tracks[index].set_details(details, plugin_info);
    }
    broken.map_or(Ok(tracks), Err)
}

/// One string; with its `pluginInfo` unless its source has to be asked.
fn decode_one(
    text: &str,
    plugins: &Plugins,
    absent: AbsentSource,
) -> Result<(EncodedTrack, Option<JsonObject>), DecodeError> {
    let encoded = EncodedTrack::decode(text)?;
    let plugin_info = if plugins.has_source(&encoded.source_name) {
        None
    } else if absent == AbsentSource::Shown {
        Some(known_plugin_info(
            &encoded.source_name,
            &encoded.identifier,
            &encoded.details,
        )?)
    } else {
        return Err(not_available(&encoded.source_name));
    };
    Ok((encoded, plugin_info))
}

fn not_available(source: &str) -> DecodeError {
    DecodeError::SourceNotAvailable {
        source_name: source.to_owned(),
    }
}

/// The `pluginInfo` that Java gives a track when its source is loaded.
pub(super) fn known_plugin_info(
    source: &str,
    identifier: &str,
    details: &[u8],
) -> Result<JsonObject, DecodeError> {
    match Layout::of(source) {
        None => Err(not_available(source)),
        Some(Layout::Empty) => Ok(JsonObject::default()),
        Some(Layout::EmptyOrExtended) if details.is_empty() => Ok(JsonObject::default()),
        Some(Layout::ProbeInfo) => {
            let details = ProbeInfo::from_details(details).and_then(|probe| probe.details());
            let details = details.map_err(|_| not_available(source))?;
            Ok(plugin_info(details.plugin_info.as_deref()))
        }
        Some(Layout::Extended | Layout::EmptyOrExtended) => {
            let details = ExtendedDetails::parse(details)?;
            let mut info = plugin_info(Some(&json::to_string(&details)));
            if source == "spotify" {
                let local = format!(r#"{{"isLocal":{}}}"#, identifier == "local");
                info.merge(&plugin_info(Some(&local)));
            }
            Ok(info)
        }
    }
}

/// The tracks of one source.
struct Batch {
    source: String,
    /// Index of each track, and of its tail in `tails`.
    tracks: Vec<(usize, usize)>,
    /// All different: what a source makes of a tail depends on nothing else, and most tracks of a source have the same.
    tails: Vec<Tail>,
}

impl Batch {
    fn of<'a>(batches: &'a mut Vec<Self>, track: &EncodedTrack) -> &'a mut Self {
        let found = batches.iter().position(|batch| batch.source == track.source_name);
        let index = found.unwrap_or_else(|| {
            batches.push(Self {
                source: track.source_name.clone(),
                tracks: Vec::new(),
                tails: Vec::new(),
            });
            batches.len() - 1
        });
        &mut batches[index]
    }

    fn add(&mut self, index: usize, track: &EncodedTrack) {
        let is_this = |tail: &Tail| tail.version == track.version && tail.details == track.details;
        let tail = self.tails.iter().position(is_this).unwrap_or_else(|| {
            self.tails.push(Tail {
                version: track.version,
                details: track.details.clone(),
            });
            self.tails.len() - 1
        });
        self.tracks.push((index, tail));
    }

    /// Index, details and `pluginInfo` of each track.
    async fn check(
        self,
        plugins: &Plugins,
    ) -> Result<impl Iterator<Item = (usize, Vec<u8>, JsonObject)>, DecodeError> {
        let checked = plugins.decode_details(&self.source, self.tails).await;
        let details = checked.map_err(|failure| {
            tracing::debug!(source = self.source, %failure, "the source refuses an encoded track");
            not_available(&self.source)
        })?;
        let answers: Vec<_> = details
            .into_iter()
            .map(|details| (plugin_info(details.plugin_info.as_deref()), details.details))
            .collect();
        let answered = self.tracks.into_iter().map(move |(index, tail)| {
            let (plugin_info, details) = &answers[tail];
            (index, details.clone(), plugin_info.clone())
        });
        Ok(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, identifier: &str, details: &[u8]) -> Result<String, DecodeError> {
        let track = EncodedTrack {
            version: 3,
            source_name: source.to_owned(),
            identifier: identifier.to_owned(),
            details: details.to_vec(),
            ..EncodedTrack::default()
        };
        known_plugin_info(&track.source_name, &track.identifier, &track.details)
            .map(|info| info.as_str().to_owned())
    }

    #[test]
    fn what_absent_sources_stored_is_shown_as_java_shows_it() {
        assert_eq!(shown("youtube", "x", b"").as_deref(), Ok("{}"));
        assert_eq!(shown("soundcloud", "O:x", b"").as_deref(), Ok("{}"));
        assert_eq!(
            shown("http", "x", b"\0\x0dm3u|hls-outer").as_deref(),
            Ok(r#"{"probeInfo":"m3u|hls-outer"}"#)
        );
        let none = r#"{"albumName":null,"albumUrl":null,"previewUrl":null,"isPreview":false,"artistUrl":null,"artistArtworkUrl":null}"#;
        assert_eq!(shown("deezer", "x", b"").as_deref(), Ok(none));
        assert_eq!(shown("youtube", "x", b"\0\0\0\0\0\0").as_deref(), Ok(none));
        let spotify = r#"{"albumName":"A","albumUrl":null,"previewUrl":null,"isPreview":true,"artistUrl":null,"artistArtworkUrl":null,"isLocal":false}"#;
        assert_eq!(
            shown("spotify", "x", b"\x01\0\x01A\0\0\0\0\x01").as_deref(),
            Ok(spotify)
        );
        assert!(
            shown("spotify", "local", b"")
                .unwrap()
                .ends_with(r#""isLocal":true}"#)
        );
    }

    #[test]
    fn what_java_refuses_is_refused() {
        assert_eq!(shown("reddit", "x", b""), Err(not_available("reddit")));
        assert_eq!(shown("http", "x", b"\0\x03xyz"), Err(not_available("http")));
        assert!(matches!(
            shown("tidal", "x", b"\0\0"),
            Err(DecodeError::EndOfData { .. })
        ));
    }
}
