//! Title, artist and ISRC from whatever tag format the container has.

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{MetadataRevision, StandardTag, Tag};

/// The tags that are shown to users.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) isrc: Option<String>,
    /// Title of something the track belongs to; Matroska writers put the track's there.
    group_title: Option<String>,
}

/// Longest tag text kept, in characters; anything longer is cut.
const MAX_CHARS: usize = 1_000;

/// Reads the tags of the medium and of its track `track_id`; the first value of each wins.
pub(super) fn read(reader: &mut dyn FormatReader, track_id: u32) -> Tags {
    let mut tags = Tags::default();
    let mut metadata = reader.metadata();
    loop {
        if let Some(revision) = metadata.current() {
            tags.add(revision, track_id);
        }
        if metadata.is_latest() || metadata.pop().is_none() {
            tags.title = tags.title.or(tags.group_title.take());
            return tags;
        }
    }
}

impl Tags {
    fn add(&mut self, revision: &MetadataRevision, track_id: u32) {
        let of_track = revision
            .per_track
            .iter()
            .filter(|track| track.track_id == u64::from(track_id));
        for tag in revision
            .media
            .tags
            .iter()
            .chain(of_track.flat_map(|track| &track.metadata.tags))
        {
            let (slot, value) = match &tag.std {
                Some(StandardTag::TrackTitle(value)) => (&mut self.title, value.to_string()),
                Some(StandardTag::Artist(value)) => (&mut self.author, value.to_string()),
                Some(StandardTag::IdentIsrc(value)) => (&mut self.isrc, value.to_string()),
                _ => match self.raw(tag) {
                    Some(found) => found,
                    None => continue,
                },
            };
            let value: String = value
                .trim_matches(['\0', ' ', '\n', '\r', '\t'])
                .chars()
                .take(MAX_CHARS)
                .collect();
            if slot.is_none() && !value.is_empty() {
                *slot = Some(value);
            }
        }
    }

    /// Tags some readers do not translate.
    fn raw(&mut self, tag: &Tag) -> Option<(&mut Option<String>, String)> {
        // Matroska keys are `LEVEL@NAME` when a tag is aimed at a level.
        let key = tag.raw.key.to_ascii_uppercase();
        let slot = match key.rsplit('@').next().unwrap_or_default() {
            "TITLE" if key.contains('@') => &mut self.group_title,
            "TITLE" => &mut self.title,
            "ARTIST" => &mut self.author,
            "ISRC" => &mut self.isrc,
            _ => return None,
        };
        Some((slot, tag.raw.value.to_string()))
    }
}
