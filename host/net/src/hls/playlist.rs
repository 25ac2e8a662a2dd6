//! The text of a playlist as addresses and times (RFC 8216).

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::HlsProblem;
use super::tags::{Line, attribute, is_yes, lines, number};

/// Most bytes of a playlist: ten hours in segments of two seconds with long addresses.
pub(super) const MAX_PLAYLIST_BYTES: u64 = 8 * 1024 * 1024;

/// Most segments of one playlist.
const MAX_SEGMENTS: usize = 50_000;

/// Most renditions of one playlist that are looked at.
const MAX_RENDITIONS: usize = 1_000;

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
    /// Audio renditions the variants name by their groups.
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

/// `EXT-X-MEDIA:TYPE=AUDIO`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AudioRendition {
    /// Without an address of its own it is the audio among the segments of the variants.
    pub(super) url: Option<Url>,
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
    /// It is missing and not to be asked for (`EXT-X-GAP`).
    pub(super) is_gap: bool,
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
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    // Some servers leave out the first line.
    if !["#EXTM3U", "#EXTINF", "#EXT-X-"]
        .iter()
        .any(|start| text.starts_with(start))
    {
        return Err(HlsProblem::Unreadable);
    }
    if lines(text).any(|line| matches!(line, Line::Tag("EXT-X-STREAM-INF", _))) {
        read_master(text, base).map(Playlist::Master)
    } else {
        read_media(text, base).map(Playlist::Media)
    }
}

fn read_master(text: &str, base: &Url) -> Result<Master, HlsProblem> {
    let (mut variants, mut audio) = (Vec::new(), Vec::new());
    let mut described = None;
    for line in lines(text) {
        if variants.len() + audio.len() >= MAX_RENDITIONS {
            break;
        }
        match line {
            Line::Tag("EXT-X-STREAM-INF", attributes) => described = Some(attributes),
            Line::Tag("EXT-X-MEDIA", attributes) if attribute(attributes, "TYPE") == Some("AUDIO") => {
                audio.push(AudioRendition {
                    url: attribute(attributes, "URI").and_then(|uri| base.join(uri).ok()),
                    group: attribute(attributes, "GROUP-ID").unwrap_or_default().to_owned(),
                    is_default: is_yes(attributes, "DEFAULT"),
                    autoselect: is_yes(attributes, "AUTOSELECT"),
                });
            }
            Line::Tag(..) => {}
            Line::Address(uri) => {
                let Some((attributes, url)) = described.take().zip(base.join(uri).ok()) else {
                    continue;
                };
                let owned = |name| attribute(attributes, name).map(str::to_owned);
                variants.push(Variant {
                    url,
                    bandwidth: attribute(attributes, "BANDWIDTH").and_then(number).unwrap_or(0),
                    codecs: owned("CODECS"),
                    has_resolution: attribute(attributes, "RESOLUTION").is_some(),
                    audio_group: owned("AUDIO"),
                });
            }
        }
    }
    if variants.is_empty() {
        return Err(HlsProblem::Empty);
    }
    Ok(Master { variants, audio })
}

fn read_media(text: &str, base: &Url) -> Result<MediaPlaylist, HlsProblem> {
    let mut reader = SegmentReader::new(base);
    let mut segments = Vec::new();
    let mut declared = Duration::ZERO;
    let (mut sequence, mut is_complete) = (0, false);
    for line in lines(text) {
        match line {
            Line::Tag("EXT-X-TARGETDURATION", value) => declared = seconds(value),
            Line::Tag("EXT-X-MEDIA-SEQUENCE", value) => sequence = number(value).unwrap_or(0),
            Line::Tag("EXT-X-ENDLIST", _) => is_complete = true,
            Line::Tag(name, value) => reader.take(name, value)?,
            Line::Address(uri) => {
                if segments.len() >= MAX_SEGMENTS {
                    return Err(HlsProblem::TooLong { limit: MAX_SEGMENTS });
                }
                segments.push(reader.segment(uri)?);
            }
        }
    }
    let target = if declared.is_zero() {
        let longest = segments.iter().map(|segment: &Segment| segment.duration).max();
        longest.unwrap_or_default()
    } else {
        declared
    };
    Ok(MediaPlaylist {
        target: target.clamp(TARGET_RANGE.0, TARGET_RANGE.1),
        sequence,
        is_complete,
        segments,
    })
}

/// Carries what applies to all segments that follow a tag, and what tags say about the next.
struct SegmentReader<'a> {
    base: &'a Url,
    key: Result<Option<Arc<Key>>, HlsProblem>,
    /// A key that can be used was named since the last segment; others for the same segment do not matter then.
    has_key: bool,
    map: Option<Arc<Map>>,
    /// Where a range without an offset begins: behind the one before it in the same file.
    range_end: Option<(Url, u64)>,
    duration: Duration,
    range: Option<ByteRange>,
    is_discontinuous: bool,
    is_gap: bool,
}

/// Count of bytes, and the first of them when it is told.
type ByteRange = (u64, Option<u64>);

impl<'a> SegmentReader<'a> {
    fn new(base: &'a Url) -> Self {
        Self {
            base,
            key: Ok(None),
            has_key: false,
            map: None,
            range_end: None,
            duration: Duration::ZERO,
            range: None,
            is_discontinuous: false,
            is_gap: false,
        }
    }

    /// Takes a tag that stands before a segment.
    fn take(&mut self, name: &str, value: &str) -> Result<(), HlsProblem> {
        match name {
            "EXTINF" => self.duration = seconds(value),
            "EXT-X-BYTERANGE" => self.range = byte_range(value),
            "EXT-X-DISCONTINUITY" => self.is_discontinuous = true,
            "EXT-X-GAP" => self.is_gap = true,
            "EXT-X-KEY" => match self.read_key(value) {
                Ok(key) => {
                    self.key = Ok(key);
                    self.has_key = true;
                }
                Err(problem) if !self.has_key => self.key = Err(problem),
                Err(_) => {}
            },
            "EXT-X-MAP" => {
                let uri = attribute(value, "URI").ok_or(HlsProblem::Address)?;
                let range = attribute(value, "BYTERANGE").and_then(byte_range);
                let resource = self.resource(uri, range)?;
                self.map = Some(Arc::new(Map {
                    resource,
                    key: self.key.clone()?,
                }));
                self.range_end = None;
            }
            _ => {}
        }
        Ok(())
    }

    /// The segment at `uri`, with what was said before it.
    fn segment(&mut self, uri: &str) -> Result<Segment, HlsProblem> {
        self.has_key = false;
        let range = self.range.take();
        let is_gap = std::mem::take(&mut self.is_gap);
        let duration = std::mem::take(&mut self.duration);
        Ok(Segment {
            resource: self.resource(uri, range)?,
            // What is not played takes no time.
            duration: if is_gap { Duration::ZERO } else { duration },
            key: self.key.clone()?,
            map: self.map.clone(),
            is_discontinuous: std::mem::take(&mut self.is_discontinuous),
            is_gap,
        })
    }

    fn resource(&mut self, uri: &str, range: Option<ByteRange>) -> Result<Resource, HlsProblem> {
        let url = self.base.join(uri).map_err(|_| HlsProblem::Address)?;
        let Some((count, offset)) = range else {
            self.range_end = None;
            return Ok(Resource { url, range: None });
        };
        let follows = self.range_end.take().filter(|(before, _)| *before == url);
        let start = offset.or(follows.map(|(_, end)| end)).unwrap_or(0);
        let end = start.checked_add(count).ok_or(HlsProblem::Unreadable)?;
        self.range_end = Some((url.clone(), end));
        Ok(Resource {
            url,
            range: Some((start, count)),
        })
    }

    fn read_key(&self, attributes: &str) -> Result<Option<Arc<Key>>, HlsProblem> {
        let refuse = |method: &str| HlsProblem::Encryption {
            method: method.to_owned(),
        };
        match attribute(attributes, "METHOD").ok_or(HlsProblem::Unreadable)? {
            "NONE" => return Ok(None),
            "AES-128" => {}
            other => return Err(refuse(other)),
        }
        if let Some(format) = attribute(attributes, "KEYFORMAT").filter(|format| *format != "identity") {
            return Err(refuse(format));
        }
        let uri = attribute(attributes, "URI").ok_or(HlsProblem::Unreadable)?;
        let url = self.base.join(uri).map_err(|_| HlsProblem::Address)?;
        let iv = match attribute(attributes, "IV") {
            Some(text) => Some(parse_iv(text).ok_or(HlsProblem::Unreadable)?),
            None => None,
        };
        Ok(Some(Arc::new(Key { url, iv })))
    }
}

/// The seconds a value begins with; none for nonsense.
fn seconds(value: &str) -> Duration {
    let text = value.split([',', ' ']).next().unwrap_or_default();
    let seconds = text.parse().unwrap_or(0.0);
    Duration::try_from_secs_f64(seconds)
        .unwrap_or_default()
        .min(MAX_SEGMENT)
}

/// `count[@offset]`.
fn byte_range(value: &str) -> Option<ByteRange> {
    let (count, offset) = match value.split_once('@') {
        Some((count, offset)) => (count, Some(number(offset.trim())?)),
        None => (value, None),
    };
    Some((number(count.trim())?, offset))
}

/// A hexadecimal sequence `0x…` of at most 16 bytes, right-aligned.
fn parse_iv(text: &str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
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

    #[test]
    fn what_servers_write_besides_the_standard_is_read() {
        let list = media(
            "#EXTM3U\n#EXT-X-TARGETDURATION:9.6\n#EXT-X-MEDIA-SEQUENCE: 5 \n#EXT-X-MAP:URI=init.mp4\n\
             #EXTINF:10,title=\"One, two\",artist=\"Three, four\"\n#EXT-X-PROGRAM-DATE-TIME:yesterday\na.ts\n\
             #EXT-X-KEY:METHOD=AES-128,URI=key.bin,IV=\"0x01\"\n#EXTINF: 4.5 ,\nb.ts\n#EXTINF:-1,\nc.ts\n",
        );
        let paths: Vec<&str> = list.segments.iter().map(|s| s.resource.url.path()).collect();
        assert_eq!(paths, ["/live/a.ts", "/live/b.ts", "/live/c.ts"]);
        let millis: Vec<u128> = list.segments.iter().map(|s| s.duration.as_millis()).collect();
        assert_eq!(millis, [10_000, 4_500, 0]);
        assert_eq!((list.sequence, list.target.as_millis()), (5, 9_600));
        let section = list.segments[0].map.as_ref().expect("a map");
        assert_eq!(section.resource.url.path(), "/live/init.mp4");
        let key = list.segments[1].key.as_ref().expect("a key");
        assert_eq!(
            (key.url.path(), key.iv.map(|iv| iv[15])),
            ("/live/key.bin", Some(1))
        );
    }

    #[test]
    fn a_missing_segment_takes_no_time() {
        let list = media(
            "#EXTM3U\n#EXTINF:2,\na.ts\n#EXT-X-GAP\n#EXTINF:2,\nb.ts\n#EXTINF:2,\nc.ts\n#EXT-X-ENDLIST\n",
        );
        let gaps: Vec<bool> = list.segments.iter().map(|segment| segment.is_gap).collect();
        assert_eq!(gaps, [false, true, false]);
        assert_eq!(list.length(), Duration::from_secs(4));
    }

    #[test]
    fn of_several_keys_for_a_segment_the_usable_one_counts() {
        let both = "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n\
                    #EXT-X-KEY:METHOD=AES-128,URI=\"skd://x\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n";
        let list = media(&format!("#EXTM3U\n{both}#EXTINF:2,\na.ts\n"));
        assert_eq!(
            list.segments[0].key.as_ref().expect("a key").url.path(),
            "/live/k"
        );
    }

    #[test]
    fn a_variant_that_says_little_keeps_its_own_address() {
        let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=5,CODECS=\"\"\na.m3u8\n#EXT-X-STREAM-INF:PROGRAM-ID=1\nb.m3u8\n";
        let Ok(Playlist::Master(master)) = parse(text.as_bytes(), &base()) else {
            panic!("no master")
        };
        let found: Vec<(&str, u64)> = master
            .variants
            .iter()
            .map(|v| (v.url.path(), v.bandwidth))
            .collect();
        assert_eq!(found, [("/live/a.m3u8", 5), ("/live/b.m3u8", 0)]);
        assert_eq!(master.variants[0].codecs, None);
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
