//! Shows track strings without asking anybody. Nearly all requests to decode tracks are about sources that are not loaded, or
//! about tails their source has seen before; then nothing has to be kept of a track but its line in the answer.

use std::borrow::Cow;

use lavalink_plugins::{Plugins, Tail};
use lavalink_protocol::codec::{DecodeError, TrackBuffer, TrackFields};
use lavalink_protocol::json::{self, JsonObject};
use lavalink_protocol::track::ShownTrack;

use super::decode::known_plugin_info;
use super::track::plugin_info;

/// Most answers of sources kept for one request.
const MAX_ANSWERS: usize = 32;

/// Shows the tracks of one request.
pub struct Showcase<'a> {
    plugins: &'a Plugins,
    buffer: TrackBuffer,
    answers: Vec<Answer>,
}

/// What a source made of a tail.
struct Answer {
    source: String,
    tail: Tail,
    plugin_info: JsonObject,
}

/// A source, or a modifier, has to be asked about one of the tracks.
#[derive(Debug, PartialEq, Eq)]
pub struct MustAsk;

impl<'a> Showcase<'a> {
    /// Without any answers yet.
    pub fn new(plugins: &'a Plugins) -> Self {
        Self {
            plugins,
            buffer: TrackBuffer::default(),
            answers: Vec::new(),
        }
    }

    /// Appends the tracks as JSON, each with a comma behind it; nothing when somebody must be asked about one of them.
    ///
    /// # Errors
    /// That of the first string that is broken, or whose source is not loaded and nothing is known of.
    pub fn append(
        &mut self,
        out: &mut Vec<u8>,
        texts: &[Cow<'_, str>],
    ) -> Result<Result<(), MustAsk>, DecodeError> {
        if self.plugins.has_modifiers() {
            return Ok(Err(MustAsk));
        }
        let start = out.len();
        for text in texts {
            let fields = self.buffer.decode(text)?;
            let Some(info) = info_of(self.plugins, &mut self.answers, &fields)? else {
                out.truncate(start);
                return Ok(Err(MustAsk));
            };
            json::append(out, &ShownTrack::new(text, &fields, &info));
            out.push(b',');
        }
        Ok(Ok(()))
    }
}

/// The `pluginInfo` of a track, `None` when its source must be asked.
fn info_of<'a>(
    plugins: &Plugins,
    answers: &'a mut Vec<Answer>,
    fields: &TrackFields<'_>,
) -> Result<Option<Cow<'a, JsonObject>>, DecodeError> {
    let source = fields.source_name.as_ref();
    let is_same = |answer: &Answer| {
        answer.source == source
            && answer.tail.version == fields.version
            && answer.tail.details == fields.details
    };
    if let Some(at) = answers.iter().position(is_same) {
        return Ok(Some(Cow::Borrowed(&answers[at].plugin_info)));
    }
    if !plugins.has_source(source) {
        let info = known_plugin_info(source, &fields.identifier, fields.details)?;
        return Ok(Some(Cow::Owned(info)));
    }
    let tail = Tail {
        version: fields.version,
        details: fields.details.to_vec(),
    };
    let Some(details) = plugins.known_details(source, &tail) else {
        return Ok(None);
    };
    let info = plugin_info(details.plugin_info.as_deref());
    if answers.len() == MAX_ANSWERS {
        return Ok(Some(Cow::Owned(info)));
    }
    answers.push(Answer {
        source: source.to_owned(),
        tail,
        plugin_info: info,
    });
    Ok(answers.last().map(|answer| Cow::Borrowed(&answer.plugin_info)))
}
