//! The text of a playlist as addresses and times (RFC 8216).

use std::sync::Arc;
use std::time::Duration;

use m3u8_rs::{AlternativeMediaType, ByteRange, KeyMethod, MediaSegment, Playlist as Parsed};
use reqwest::Url;

use super::HlsProblem;

/// Most bytes of a playlist: ten hours in segments of two seconds with long addresses.
pub(super) const MAX_PLAYLIST_BYTES: u64 = 8 * 1024 * 1024;

/// Most segments of one playlist.
const MAX_SEGMENTS: usize = 50_000;

/// Longest segment believed; longer ones come from nonsense in `EXTINF`.
const MAX_SEGMENT: Duration = Duration::from_secs(24 * 3600);

/// Shortest and longest time between two looks at a live playlist.
const TARGET_RANGE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// What a playlist turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Playlist {
    /// A choice of renditions.
    Master(Master),
    /// The segments of one rendition.
    Media(MediaPlaylist),
}

/// Renditions to choose from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Master {
    /// In the order listed.
    pub(super) variants: Vec<Variant>,
    /// Audio renditions with an address of their own.
    pub(super) audio: Vec<AudioRendition>,
}

/// `EXT-X-STREAM-INF`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variant {
    pub(super) url: Url,
    /// Peak bits per second.
    pub(super) bandwidth: u64,
    pub(super) codecs: Option<String>,
    pub(super) has_resolution: bool,
    /// Group of audio renditions that belong to it.
    pub(super) audio_group: Option<String>,
}

/// `EXT-X-MEDIA:TYPE=AUDIO` with a `URI`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AudioRendition {
    pub(super) url: Url,
    pub(super) group: String,
    pub(super) is_default: bool,
    pub(super) autoselect: bool,
}

/// One rendition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MediaPlaylist {
    /// Longest segment, and the time between two looks at a live playlist.
    pub(super) target: Duration,
    /// Number of the first segment listed.
    pub(super) sequence: u64,
    /// Nothing will be added any more.
    pub(super) is_complete: bool,
    pub(super) segments: Vec<Segment>,
}

impl MediaPlaylist {
    /// Playing time of all segments.
    pub(super) fn length(&self) -> Duration {
        self.segments.iter().map(|segment| segment.duration).sum()
    }
}

/// One piece of the medium.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment {
    pub(super) resource: Resource,
    pub(super) duration: Duration,
    pub(super) key: Option<Arc<Key>>,
    /// What has to be read before it (`EXT-X-MAP`).
    pub(super) map: Option<Arc<Map>>,
    /// It does not go on where the one before ended: container, codec and times may be others (`EXT-X-DISCONTINUITY`).
    pub(super) is_discontinuous: bool,
}

/// An initialisation section.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Map {
    pub(super) resource: Resource,
    pub(super) key: Option<Arc<Key>>,
}

/// A file or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resource {
    pub(super) url: Url,
    /// First byte and count of bytes.
    pub(super) range: Option<(u64, u64)>,
}

/// `EXT-X-KEY:METHOD=AES-128`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) url: Url,
    /// Without one the number of the segment is the vector.
    pub(super) iv: Option<[u8; 16]>,
}

/// Reads a playlist that came from `base`.
pub(super) fn parse(text: &[u8], base: &Url) -> Result<Playlist, HlsProblem> {
    let text = text
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(text)
        .trim_ascii_start();
    let mut whole = Vec::with_capacity(text.len() + 16);
    if text.starts_with(b"#EXTINF") || text.starts_with(b"#EXT-X-") {
        // Some servers leave out the first line.
        whole.extend_from_slice(b"#EXTM3U\n");
    }
    whole.extend_from_slice(text);
    // The parser takes an unterminated last line for nothing.
    whole.push(b'\n');
    match m3u8_rs::parse_playlist_res(&whole) {
        Ok(Parsed::MasterPlaylist(master)) => read_master(master, base).map(Playlist::Master),
        Ok(Parsed::MediaPlaylist(media)) => read_media(media, base).map(Playlist::Media),
        Err(_) => Err(HlsProblem::Unreadable),
    }
}

fn read_master(master: m3u8_rs::MasterPlaylist, base: &Url) -> Result<Master, HlsProblem> {
    let variants: Vec<Variant> = master
        .variants
        .into_iter()
        .filter(|variant| !variant.is_i_frame && !variant.uri.trim().is_empty())
        .filter_map(|variant| {
            Some(Variant {
                url: base.join(variant.uri.trim()).ok()?,
                bandwidth: variant.bandwidth,
                codecs: variant.codecs.filter(|codecs| !codecs.trim().is_empty()),
                has_resolution: variant.resolution.is_some(),
                audio_group: variant.audio,
            })
        })
        .collect();
    let audio = master
        .alternatives
        .into_iter()
        .filter(|media| media.media_type == AlternativeMediaType::Audio)
        .filter_map(|media| {
            Some(AudioRendition {
                url: base.join(media.uri?.trim()).ok()?,
                group: media.group_id,
                is_default: media.default,
                autoselect: media.autoselect,
            })
        })
        .collect();
    if variants.is_empty() {
        return Err(HlsProblem::Empty);
    }
    Ok(Master { variants, audio })
}

fn read_media(media: m3u8_rs::MediaPlaylist, base: &Url) -> Result<MediaPlaylist, HlsProblem> {
    if media.segments.len() > MAX_SEGMENTS {
        return Err(HlsProblem::TooLong { limit: MAX_SEGMENTS });
    }
    let mut reader = SegmentReader {
        base,
        key: None,
        map: None,
        range_end: None,
    };
    let mut segments = Vec::with_capacity(media.segments.len());
    for segment in media.segments {
        segments.push(reader.read(segment)?);
    }
    let longest = segments.iter().map(|segment| segment.duration).max();
    let declared = Duration::from_secs(media.target_duration.min(3600));
    let target = if declared.is_zero() {
        longest.unwrap_or_default()
    } else {
        declared
    };
    Ok(MediaPlaylist {
        target: target.clamp(TARGET_RANGE.0, TARGET_RANGE.1),
        sequence: media.media_sequence,
        is_complete: media.end_list,
        segments,
    })
}

/// Carries what applies to all segments that follow a tag.
struct SegmentReader<'a> {
    base: &'a Url,
    key: Option<Arc<Key>>,
    map: Option<Arc<Map>>,
    /// Where a range without an offset begins: behind the one before it in the same file.
    range_end: Option<(Url, u64)>,
}

impl SegmentReader<'_> {
    fn read(&mut self, segment: MediaSegment) -> Result<Segment, HlsProblem> {
        // The parser demands a vector even where there is no key, and takes such a tag for an unknown one.
        if segment.unknown_tags.iter().any(|tag| tag.tag == "X-KEY") {
            self.key = None;
        }
        if let Some(key) = segment.key {
            self.key = self.read_key(key)?;
        }
        if let Some(map) = segment.map {
            let resource = self.resource(&map.uri, map.byte_range)?;
            self.map = Some(Arc::new(Map {
                resource,
                key: self.key.clone(),
            }));
            self.range_end = None;
        }
        let resource = self.resource(&segment.uri, segment.byte_range)?;
        let seconds = f64::from(segment.duration);
        let duration = Duration::try_from_secs_f64(seconds)
            .unwrap_or_default()
            .min(MAX_SEGMENT);
        Ok(Segment {
            resource,
            duration,
            key: self.key.clone(),
            map: self.map.clone(),
            is_discontinuous: segment.discontinuity,
        })
    }

    fn resource(&mut self, uri: &str, range: Option<ByteRange>) -> Result<Resource, HlsProblem> {
        let url = self.base.join(uri.trim()).map_err(|_| HlsProblem::Address)?;
        let Some(range) = range else {
            self.range_end = None;
            return Ok(Resource { url, range: None });
        };
        let follows = self.range_end.take().filter(|(before, _)| *before == url);
        let start = range.offset.or(follows.map(|(_, end)| end)).unwrap_or(0);
        let end = start.checked_add(range.length).ok_or(HlsProblem::Unreadable)?;
        self.range_end = Some((url.clone(), end));
        Ok(Resource {
            url,
            range: Some((start, range.length)),
        })
    }

    fn read_key(&self, key: m3u8_rs::Key) -> Result<Option<Arc<Key>>, HlsProblem> {
        let refuse = |method: &str| HlsProblem::Encryption {
            method: method.to_owned(),
        };
        match &key.method {
            KeyMethod::None => return Ok(None),
            KeyMethod::AES128 => {}
            KeyMethod::SampleAES => return Err(refuse("SAMPLE-AES")),
            KeyMethod::Other(other) => return Err(refuse(other)),
        }
        if let Some(format) = key.keyformat.filter(|format| format != "identity") {
            return Err(refuse(&format));
        }
        let uri = key.uri.ok_or(HlsProblem::Unreadable)?;
        let url = self.base.join(uri.trim()).map_err(|_| HlsProblem::Address)?;
        let iv = match key.iv {
            Some(text) => Some(parse_iv(&text).ok_or(HlsProblem::Unreadable)?),
            None => None,
        };
        Ok(Some(Arc::new(Key { url, iv })))
    }
}

/// A hexadecimal sequence `0x…` of at most 16 bytes, right-aligned.
fn parse_iv(text: &str) -> Option<[u8; 16]> {
    let digits = text
        .trim()
        .strip_prefix("0x")
        .or_else(|| text.trim().strip_prefix("0X"))?;
    if digits.is_empty() || digits.len() > 32 || digits.starts_with(['+', '-']) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base() -> Url {
        Url::parse("https://cdn.test/live/index.m3u8?token=1").expect("a URL")
    }

    fn media(text: &str) -> MediaPlaylist {
        match parse(text.as_bytes(), &base()) {
            Ok(Playlist::Media(media)) => media,
            other => panic!("no media playlist: {other:?}"),
        }
    }

    #[test]
    fn segments_with_addresses_and_times() {
        let list = media(
            "#EXTM3U\r\n#EXT-X-VERSION:3\r\n#EXT-X-TARGETDURATION:10\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n#EXTINF:9.009,Title\r\n\
             first.ts\r\n#EXT-X-DISCONTINUITY\r\n#EXTINF:3,\r\n/other/second.ts\r\n#EXTINF:1.5\r\nhttp://x.test/3.ts?a=b\r\n#EXT-X-ENDLIST",
        );
        let urls: Vec<&str> = list
            .segments
            .iter()
            .map(|segment| segment.resource.url.as_str())
            .collect();
        assert_eq!(
            urls,
            [
                "https://cdn.test/live/first.ts",
                "https://cdn.test/other/second.ts",
                "http://x.test/3.ts?a=b"
            ]
        );
        assert_eq!(
            (list.sequence, list.is_complete, list.target),
            (7, true, Duration::from_secs(10))
        );
        assert_eq!(list.length().as_secs_f32(), 13.509);
    }

    #[test]
    fn a_list_without_the_first_line_or_a_last_line_end() {
        let list = media("\u{feff}#EXTINF:2,\na.ts\n#EXTINF:2,\nb.ts");
        assert_eq!(list.segments.len(), 2);
        assert!(!list.is_complete);
        assert_eq!(list.target, Duration::from_secs(2), "from the longest segment");
    }

    #[test]
    fn keys_and_maps_apply_until_replaced() {
        let list = media(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"600@0\"\n#EXTINF:2,\n0.m4s\n\
             #EXT-X-KEY:METHOD=AES-128,URI=\"key\",IV=0x0A\n#EXTINF:2,\n1.m4s\n#EXTINF:2,\n2.m4s\n#EXT-X-KEY:METHOD=NONE\n\
             #EXT-X-MAP:URI=\"init2.mp4\"\n#EXTINF:2,\n3.m4s\n",
        );
        let mut iv = [0; 16];
        iv[15] = 10;
        let keys: Vec<Option<[u8; 16]>> = list
            .segments
            .iter()
            .map(|s| s.key.as_ref().and_then(|key| key.iv))
            .collect();
        assert_eq!(keys, [None, Some(iv), Some(iv), None]);
        let maps: Vec<&str> = list
            .segments
            .iter()
            .map(|s| s.map.as_ref().expect("a map").resource.url.path())
            .collect();
        assert_eq!(
            maps,
            [
                "/live/init.mp4",
                "/live/init.mp4",
                "/live/init.mp4",
                "/live/init2.mp4"
            ]
        );
        assert_eq!(
            list.segments[0].map.as_ref().expect("a map").resource.range,
            Some((0, 600))
        );
    }

    #[test]
    fn ranges_without_an_offset_follow_the_one_before() {
        let list = media(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n#EXT-X-BYTERANGE:100@20\nall.ts\n#EXTINF:2,\n#EXT-X-BYTERANGE:50\nall.ts\n\
             #EXTINF:2,\n#EXT-X-BYTERANGE:7\nnext.ts\n",
        );
        let ranges: Vec<_> = list
            .segments
            .iter()
            .map(|segment| segment.resource.range)
            .collect();
        assert_eq!(ranges, [Some((20, 100)), Some((120, 50)), Some((0, 7))]);
    }

    #[test]
    fn what_cannot_be_played_is_said() {
        let with_key =
            |key: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:{key}\n#EXTINF:2,\na.ts\n");
        for (text, expected) in [
            (
                with_key("METHOD=SAMPLE-AES,URI=\"k\""),
                HlsProblem::Encryption {
                    method: "SAMPLE-AES".into(),
                },
            ),
            (
                with_key("METHOD=AES-128,URI=\"k\",KEYFORMAT=\"com.apple.streamingkeydelivery\""),
                HlsProblem::Encryption {
                    method: "com.apple.streamingkeydelivery".into(),
                },
            ),
            (
                with_key("METHOD=AES-128,URI=\"k\",IV=0xZZ"),
                HlsProblem::Unreadable,
            ),
            (
                "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n".to_owned(),
                HlsProblem::Empty,
            ),
        ] {
            assert_eq!(parse(text.as_bytes(), &base()), Err(expected), "{text}");
        }
    }

    #[test]
    fn master_with_renditions() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aud\",NAME=\"en\",DEFAULT=YES,AUTOSELECT=YES,URI=\"en.m3u8\"\n\
            #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"en\",URI=\"s.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1280000,CODECS=\"avc1.4d401f,mp4a.40.2\",RESOLUTION=640x360,AUDIO=\"aud\"\nlow.m3u8\n\
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI=\"i.m3u8\"\n";
        let Ok(Playlist::Master(master)) = parse(text.as_bytes(), &base()) else {
            panic!("no master")
        };
        assert_eq!(master.variants.len(), 1);
        assert_eq!(master.variants[0].url.path(), "/live/low.m3u8");
        assert!(master.variants[0].has_resolution);
        assert_eq!(master.audio.len(), 1);
        assert!(master.audio[0].is_default && master.audio[0].group == "aud");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes, &base());
        }

        #[test]
        fn never_panics_on_tags(lines in proptest::collection::vec(
            prop_oneof![
                "#EXT-X-(KEY|MAP|MEDIA|STREAM-INF|BYTERANGE|TARGETDURATION|START|DATERANGE):[A-Z]{0,6}=?[\"a-z0-9@,=x-]{0,20}",
                "#EXTINF:[-0-9.e]{0,12},?.{0,5}",
                "[a-z:/.?]{0,12}",
            ], 0..30)) {
            let _ = parse(lines.join("\n").as_bytes(), &base());
        }
    }
}
