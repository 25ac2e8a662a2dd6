//! Which rendition of a master playlist is played: the one with the best audio for the fewest bytes.

use reqwest::Url;

use super::playlist::{Master, Variant};

/// Prefixes of audio codecs (RFC 6381) the audio engine decodes.
const PLAYABLE: [&str; 8] = [
    "mp4a.40.", "mp4a.67", "mp4a.69", "mp4a.6b", "mp4a", "opus", "flac", "mp3",
];

/// Prefixes of other audio codecs.
const OTHER_AUDIO: [&str; 5] = ["ac-3", "ec-3", "ac-4", "dts", "alac"];

/// What a `CODECS` attribute says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    /// Audio that cannot be decoded, or no audio at all.
    Unplayable,
    /// Nothing is known.
    Unknown,
    /// Playable audio with pictures.
    WithVideo,
    /// Playable audio and nothing else.
    AudioOnly,
}

/// The address of the rendition to play.
pub(super) fn choose(master: &Master) -> Option<&Url> {
    own_rendition(master).or_else(|| variant(master).map(|variant| &variant.url))
}

/// An audio rendition with its own segments, of the best variant that has one. Where the rendition to be chosen is among
/// the segments of the variant, there is none.
fn own_rendition(master: &Master) -> Option<&Url> {
    let mut variants: Vec<&Variant> = master
        .variants
        .iter()
        .filter(|variant| content(variant) != Content::Unplayable)
        .collect();
    variants.sort_by_key(|variant| std::cmp::Reverse(variant.bandwidth));
    variants.into_iter().find_map(|variant| {
        let group = variant.audio_group.as_ref()?;
        let of_group = || master.audio.iter().filter(|rendition| rendition.group == *group);
        of_group()
            .find(|rendition| rendition.is_default)
            .or_else(|| of_group().find(|rendition| rendition.autoselect))
            .or_else(|| of_group().next())?
            .url
            .as_ref()
    })
}

/// Among audio-only variants the best, among those with pictures the smallest.
fn variant(master: &Master) -> Option<&Variant> {
    let best = master.variants.iter().map(content).max()?;
    let of_kind = master.variants.iter().filter(|variant| content(variant) == best);
    if best == Content::AudioOnly {
        // The first of equals: `max_by_key` would take the last.
        of_kind.reduce(|best, next| {
            if next.bandwidth > best.bandwidth {
                next
            } else {
                best
            }
        })
    } else {
        of_kind.min_by_key(|variant| variant.bandwidth)
    }
}

fn content(variant: &Variant) -> Content {
    let Some(codecs) = &variant.codecs else {
        return if variant.has_resolution {
            Content::WithVideo
        } else {
            Content::Unknown
        };
    };
    let codecs: Vec<String> = codecs
        .split(',')
        .map(|codec| codec.trim().to_ascii_lowercase())
        .collect();
    let starts = |codec: &str, known: &[&str]| known.iter().any(|prefix| codec.starts_with(prefix));
    if !codecs.iter().any(|codec| starts(codec, &PLAYABLE)) {
        let has_other = codecs.iter().any(|codec| starts(codec, &OTHER_AUDIO));
        // Some lists leave it to the group's renditions to say what their audio is.
        return if variant.audio_group.is_some() && !has_other {
            Content::WithVideo
        } else {
            Content::Unplayable
        };
    }
    if codecs
        .iter()
        .all(|codec| starts(codec, &PLAYABLE) || starts(codec, &OTHER_AUDIO))
    {
        Content::AudioOnly
    } else {
        Content::WithVideo
    }
}

#[cfg(test)]
mod tests {
    use super::super::playlist::{Playlist, parse};
    use super::*;

    fn chosen(text: &str) -> String {
        let base = Url::parse("http://a.test/m.m3u8").expect("a URL");
        let Ok(Playlist::Master(master)) = parse(text.as_bytes(), &base) else {
            panic!("no master: {text}")
        };
        choose(&master).expect("a choice").path().to_owned()
    }

    fn stream(attributes: &str, uri: &str) -> String {
        format!("#EXT-X-STREAM-INF:{attributes}\n{uri}\n")
    }

    #[test]
    fn audio_only_beats_pictures_and_more_bits_win_among_audio() {
        let text = format!(
            "#EXTM3U\n{}{}{}",
            stream(
                "BANDWIDTH=900000,CODECS=\"avc1.4d,mp4a.40.2\",RESOLUTION=640x360",
                "video"
            ),
            stream("BANDWIDTH=64000,CODECS=\"mp4a.40.5\"", "small"),
            stream("BANDWIDTH=128000,CODECS=\"mp4a.40.2\"", "audio"),
        );
        assert_eq!(chosen(&text), "/audio");
    }

    #[test]
    fn the_smallest_picture_is_taken_where_there_is_no_audio_alone() {
        let text = format!(
            "#EXTM3U\n{}{}{}",
            stream("BANDWIDTH=900000,CODECS=\"avc1.4d,mp4a.40.2\"", "big"),
            stream("BANDWIDTH=300000,CODECS=\"avc1.4d,mp4a.40.2\"", "small"),
            stream("BANDWIDTH=100,CODECS=\"avc1.4d\"", "silent"),
        );
        assert_eq!(chosen(&text), "/small");
        assert_eq!(
            chosen(&format!(
                "#EXTM3U\n{}{}",
                stream("BANDWIDTH=2", "a"),
                stream("BANDWIDTH=1", "b")
            )),
            "/b"
        );
    }

    #[test]
    fn a_rendition_of_its_own_comes_first() {
        let text = format!(
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"lo\",NAME=\"x\",URI=\"lo\"\n\
             #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"hi\",NAME=\"y\",URI=\"hi-other\"\n\
             #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"hi\",NAME=\"x\",DEFAULT=YES,URI=\"hi\"\n{}{}",
            stream("BANDWIDTH=300000,CODECS=\"avc1.4d,mp4a.40.2\",AUDIO=\"lo\"", "v1"),
            stream("BANDWIDTH=900000,CODECS=\"avc1.4d,mp4a.40.2\",AUDIO=\"hi\"", "v2"),
        );
        assert_eq!(chosen(&text), "/hi");
    }

    #[test]
    fn a_rendition_without_segments_of_its_own_is_in_the_variant() {
        let group = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",DEFAULT=YES,AUTOSELECT=YES\n\
                     #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"French\",AUTOSELECT=YES,URI=\"french\"\n";
        let text = format!(
            "#EXTM3U\n{group}{}{}",
            stream("BANDWIDTH=900000,CODECS=\"avc1.4d,mp4a.40.2\",AUDIO=\"a\"", "big"),
            stream(
                "BANDWIDTH=300000,CODECS=\"avc1.4d,mp4a.40.2\",AUDIO=\"a\"",
                "small"
            ),
        );
        assert_eq!(chosen(&text), "/small");
    }

    #[test]
    fn a_group_tells_of_audio_where_the_codecs_do_not() {
        let text = format!(
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"audio\"\n{}",
            stream("BANDWIDTH=900000,CODECS=\"avc1.4d\",AUDIO=\"a\"", "pictures"),
        );
        assert_eq!(chosen(&text), "/audio");
    }

    #[test]
    fn undecodable_audio_is_the_last_resort() {
        let text = format!(
            "#EXTM3U\n{}{}",
            stream("BANDWIDTH=9,CODECS=\"ec-3\"", "surround"),
            stream("BANDWIDTH=5,CODECS=\"mp4a.40.2,avc1.4d\"", "stereo"),
        );
        assert_eq!(chosen(&text), "/stereo");
    }
}
