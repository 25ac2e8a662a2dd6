//! Recognising a medium by its first bytes, in the order of the Java server.

use super::mpeg;
use super::playlist::PlaylistKind;
use crate::MediaHint;
use crate::container::Container;
use crate::mpeg_ts::is_transport_stream;

/// Bytes looked at: enough for an MPEG frame that starts within [`SYNC_WINDOW`] and the header behind it.
pub(crate) const HEAD_BYTES: usize = 8 * 1024;

/// Longest ID3 tag that is read through to see what is behind it; longer ones are believed to stand before MP3.
const MAX_TAG_BYTES: u64 = 1024 * 1024;

/// MPEG and ADTS sync words are searched in this many first bytes.
const SYNC_WINDOW: usize = 1_000;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A container of audio.
    Container(Container),
    /// A text that points to other media.
    Playlist(PlaylistKind),
}

/// One recogniser. The order of [`ORDER`] decides between several that match.
type Recogniser = (Kind, fn(&[u8]) -> bool);

const ORDER: [Recogniser; 13] = [
    (Kind::Container(Container::Wav), is_wav),
    (Kind::Container(Container::Matroska), |head| {
        head.starts_with(b"\x1a\x45\xdf\xa3")
    }),
    (Kind::Container(Container::Mp4), is_mp4),
    (Kind::Container(Container::Flac), |head| {
        behind_tags(head).is_some_and(|audio| audio.starts_with(b"fLaC"))
    }),
    (Kind::Container(Container::Ogg), |head| head.starts_with(b"OggS")),
    (Kind::Playlist(PlaylistKind::M3u), PlaylistKind::is_m3u),
    (Kind::Playlist(PlaylistKind::Pls), PlaylistKind::is_pls),
    (Kind::Playlist(PlaylistKind::Plain), PlaylistKind::is_plain),
    (Kind::Container(Container::Mp3), is_mp3),
    (Kind::Container(Container::Adts), is_adts),
    (Kind::Container(Container::MpegTs), is_transport_stream),
    // The Java server does not know these.
    (Kind::Container(Container::Aiff), is_aiff),
    (Kind::Container(Container::Caf), |head| head.starts_with(b"caff")),
];

/// How many of a medium's first bytes [`detect`] needs, given the first [`HEAD_BYTES`]: what an ID3 tag stands before
/// decides, unless it is known to be MP3.
pub(crate) fn head_wanted(head: &[u8], hint: &MediaHint) -> usize {
    let tag = mpeg::id3_length(head);
    let is_known = hint.container.as_deref() == Some(Container::Mp3.name());
    if is_known || tag > MAX_TAG_BYTES || tag < HEAD_BYTES as u64 / 2 {
        return HEAD_BYTES;
    }
    usize::try_from(tag).map_or(HEAD_BYTES, |tag| tag + HEAD_BYTES)
}

/// Recognises `head`, the first [`HEAD_BYTES`] of a medium or all of a shorter one. Recognisers whose hints match
/// are asked first, then the others. A stored container name decides when the bytes say nothing.
pub(crate) fn detect(head: &[u8], hint: &MediaHint) -> Option<Kind> {
    let find = |hinted: bool| {
        ORDER
            .iter()
            .find(|(kind, recognises)| hint_matches(*kind, hint) == hinted && recognises(head))
    };
    let stored = || {
        hint.container
            .as_deref()
            .and_then(Container::from_name)
            .filter(|_| !head.is_empty())
    };
    find(true)
        .or_else(|| find(false))
        .map(|&(kind, _)| kind)
        .or_else(|| stored().map(Kind::Container))
}

fn hint_matches(kind: Kind, hint: &MediaHint) -> bool {
    let (mime, extension) = match kind {
        Kind::Container(Container::Mp3) => (Some("audio/mpeg"), "mp3"),
        Kind::Container(Container::Adts) => (Some("audio/aac"), "aac"),
        Kind::Container(Container::MpegTs) => (None, "ts"),
        _ => return false,
    };
    let equal = |given: &Option<String>, wanted: &str| {
        given
            .as_deref()
            .is_some_and(|given| given.eq_ignore_ascii_case(wanted))
    };
    mime.is_some_and(|mime| equal(&hint.mime, mime)) || equal(&hint.extension, extension)
}

fn is_wav(head: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WAVE")
}

fn is_aiff(head: &[u8]) -> bool {
    head.starts_with(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC"))
}

fn is_mp4(head: &[u8]) -> bool {
    head.starts_with(&[0, 0, 0]) && head.get(4..8) == Some(b"ftyp")
}

fn is_mp3(head: &[u8]) -> bool {
    if head.starts_with(b"ID3") {
        // A tag may also stand before ADTS; behind a tag longer than the head MP3 is taken for granted.
        return behind_tags(head).is_none_or(|audio| audio.is_empty() || !is_adts(audio));
    }
    mpeg::find_frame(head, SYNC_WINDOW, mpeg::layer3_frame_length)
}

/// What follows the ID3 tags in front; `None` when they go on beyond `head`.
fn behind_tags(mut head: &[u8]) -> Option<&[u8]> {
    while let length @ 1.. = mpeg::id3_length(head) {
        head = head.get(usize::try_from(length).ok()?..)?;
    }
    Some(head)
}

fn is_adts(head: &[u8]) -> bool {
    behind_tags(head).is_some_and(|audio| mpeg::find_frame(audio, SYNC_WINDOW, mpeg::adts_frame_length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(head: &[u8]) -> Option<Kind> {
        detect(head, &MediaHint::default())
    }

    fn mp3_frames(count: usize) -> Vec<u8> {
        // MPEG-1 layer III, 128 kbit/s, 44.1 kHz, no padding: 417 bytes.
        let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
        frame.resize(417, 0);
        frame.repeat(count)
    }

    fn adts_frames(count: usize) -> Vec<u8> {
        // AAC-LC, 44.1 kHz, stereo, 100 bytes a frame.
        let mut frame = vec![0xff, 0xf1, 0x50, 0x80, 0x0c, 0x9f, 0xfc];
        frame.resize(100, 0);
        frame.repeat(count)
    }

    #[test]
    fn magic_bytes() {
        assert_eq!(
            plain(b"RIFF\x10\0\0\0WAVEfmt "),
            Some(Kind::Container(Container::Wav))
        );
        assert_eq!(
            plain(b"\x1a\x45\xdf\xa3\x01"),
            Some(Kind::Container(Container::Matroska))
        );
        assert_eq!(
            plain(b"\0\0\0\x20ftypM4A "),
            Some(Kind::Container(Container::Mp4))
        );
        assert_eq!(plain(b"fLaC\0"), Some(Kind::Container(Container::Flac)));
        assert_eq!(plain(b"OggS\0"), Some(Kind::Container(Container::Ogg)));
        assert_eq!(plain(&mp3_frames(3)), Some(Kind::Container(Container::Mp3)));
        assert_eq!(plain(&adts_frames(3)), Some(Kind::Container(Container::Adts)));
        assert_eq!(
            plain(b"ID3\x04\0\0\0\0\0\0"),
            Some(Kind::Container(Container::Mp3))
        );
        let mut tagged = b"ID3\x04\0\0\0\0\0\x03abc".to_vec();
        tagged.extend(adts_frames(3));
        assert_eq!(plain(&tagged), Some(Kind::Container(Container::Adts)));
        let mut packet = [0; 188];
        packet[0] = 0x47;
        assert_eq!(plain(&packet.repeat(3)), Some(Kind::Container(Container::MpegTs)));
    }

    #[test]
    fn nothing_is_recognised_in_text_or_noise() {
        assert_eq!(plain(b""), None);
        assert_eq!(plain(b"<!DOCTYPE html><html><body>Not found</body></html>"), None);
        assert_eq!(plain(&[0xff; 4096]), None);
        assert_eq!(plain(b"RIFF\x10\0\0\0AVI LIST"), None);
    }

    #[test]
    fn hints_decide_the_order_and_a_stored_name_comes_last() {
        let mut both = mp3_frames(1);
        both.truncate(417);
        both.extend(mp3_frames(1));
        let aac = MediaHint {
            extension: Some("AAC".into()),
            ..MediaHint::default()
        };
        assert_eq!(
            detect(&both, &aac),
            Some(Kind::Container(Container::Mp3)),
            "bytes win over a wrong hint"
        );
        let mut mixed = adts_frames(3);
        mixed.extend(mp3_frames(2));
        assert_eq!(plain(&mixed), Some(Kind::Container(Container::Mp3)));
        assert_eq!(detect(&mixed, &aac), Some(Kind::Container(Container::Adts)));
        let stored = MediaHint {
            container: Some("mp3".into()),
            ..MediaHint::default()
        };
        assert_eq!(detect(&[0; 64], &stored), Some(Kind::Container(Container::Mp3)));
        assert_eq!(detect(b"fLaC", &stored), Some(Kind::Container(Container::Flac)));
        assert_eq!(detect(b"", &stored), None);
    }

    proptest! {
        #[test]
        fn never_panics(head in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let _ = plain(&head);
        }
    }
}
