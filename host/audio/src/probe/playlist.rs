//! Text playlists: M3U, PLS and bare links.

use crate::AudioError;

/// Kinds of text playlists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaylistKind {
    /// Lines of links, with `#EXTINF` titles.
    M3u,
    /// An INI file with `FileN` and `TitleN`.
    Pls,
    /// A text that starts with a link.
    Plain,
}

impl PlaylistKind {
    pub(super) fn is_m3u(head: &[u8]) -> bool {
        let text = trimmed(head);
        text.starts_with(b"#EXTM3U") || text.starts_with(b"#EXTINF")
    }

    pub(super) fn is_pls(head: &[u8]) -> bool {
        trimmed(head)
            .get(..10)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"[playlist]"))
    }

    pub(super) fn is_plain(head: &[u8]) -> bool {
        std::str::from_utf8(
            trimmed(head)
                .split(|&byte| byte == b'\n')
                .next()
                .unwrap_or_default(),
        )
        .is_ok_and(is_link)
    }
}

/// Whether a playlist describes the segments or the renditions of one stream (RFC 8216) instead of listing media.
pub(super) fn is_hls(kind: PlaylistKind, text: &str) -> bool {
    kind == PlaylistKind::M3u && text.lines().any(|line| line.trim_start().starts_with("#EXT-X-"))
}

/// First usable link of a playlist and the title given to it.
///
/// # Errors
/// [`AudioError::EmptyPlaylist`] without a link.
pub(super) fn first_link(kind: PlaylistKind, text: &str) -> Result<(String, Option<String>), AudioError> {
    let text = text.trim_start_matches('\u{feff}');
    let found = match kind {
        PlaylistKind::M3u => m3u(text),
        PlaylistKind::Pls => pls(text),
        PlaylistKind::Plain => text
            .lines()
            .map(str::trim)
            .find(|line| is_link(line))
            .map(|link| (link, None)),
    };
    let (link, title) = found.ok_or(AudioError::EmptyPlaylist)?;
    let title = title.map(str::trim).filter(|title| !title.is_empty());
    Ok((link.to_owned(), title.map(str::to_owned)))
}

fn m3u(text: &str) -> Option<(&str, Option<&str>)> {
    let mut title = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(entry) = line.strip_prefix("#EXTINF:") {
            title = entry.split_once(',').map(|(_, title)| title);
        } else if is_link(line) {
            return Some((line, title));
        } else if !line.starts_with('#') {
            // The title belonged to an entry that cannot be used.
            title = None;
        }
    }
    None
}

fn pls(text: &str) -> Option<(&str, Option<&str>)> {
    let entries = |name: &'static str| {
        text.lines().filter_map(move |line| {
            let (key, value) = line.split_once('=')?;
            let key = key.trim();
            let prefix = key.get(..name.len())?;
            let number = key.get(name.len()..)?.parse::<u32>().ok()?;
            prefix
                .eq_ignore_ascii_case(name)
                .then_some((number, value.trim()))
        })
    };
    let (number, link) = entries("File")
        .filter(|(_, link)| is_link(link))
        .min_by_key(|&(number, _)| number)?;
    let title = entries("Title")
        .find(|&(other, _)| other == number)
        .map(|(_, title)| title);
    Some((link, title))
}

fn is_link(text: &str) -> bool {
    ["http://", "https://", "icy://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    })
}

fn trimmed(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(kind: PlaylistKind, text: &str) -> Option<(String, Option<String>)> {
        first_link(kind, text).ok()
    }

    #[test]
    fn m3u_takes_the_first_usable_link_with_its_title() {
        let text = "#EXTM3U\r\n#EXTINF:10,Local\r\nmusic.mp3\r\n#EXTINF:-1 x=\"1\",Radio One \r\nhttps://r.example/1\r\n";
        assert_eq!(
            link(PlaylistKind::M3u, text),
            Some(("https://r.example/1".into(), Some("Radio One".into())))
        );
        assert_eq!(
            link(PlaylistKind::M3u, "#EXTINF:1,A\na.mp3\nhttp://x/y"),
            Some(("http://x/y".into(), None))
        );
        assert_eq!(
            first_link(PlaylistKind::M3u, "#EXTM3U\nmusic.mp3"),
            Err(AudioError::EmptyPlaylist)
        );
    }

    #[test]
    fn hls_is_told_from_lists_of_media() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://x/segment.ts\n";
        assert!(is_hls(PlaylistKind::M3u, text));
        assert!(!is_hls(
            PlaylistKind::M3u,
            "#EXTM3U\n#EXTINF:10,Song\nhttp://x/song.mp3\n"
        ));
    }

    #[test]
    fn pls_takes_the_lowest_number() {
        let text = "[playlist]\nNumberOfEntries=3\nFile10=http://x/10\nFile2=http://x/2\nTitle2= Two\nFile1=c:\\a.mp3\n";
        assert_eq!(
            link(PlaylistKind::Pls, text),
            Some(("http://x/2".into(), Some("Two".into())))
        );
        assert_eq!(
            first_link(PlaylistKind::Pls, "[playlist]\n"),
            Err(AudioError::EmptyPlaylist)
        );
    }

    #[test]
    fn plain_link() {
        assert!(PlaylistKind::is_plain(
            b"\xef\xbb\xbf icy://r.example:8000/\nmore"
        ));
        assert!(!PlaylistKind::is_plain(b"https://"));
        assert!(!PlaylistKind::is_plain(b"see http://x"));
        assert_eq!(
            link(PlaylistKind::Plain, "HTTP://x/y  \n"),
            Some(("HTTP://x/y".into(), None))
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,200}", lines in "(File|Title|é)[0-9]{0,12}=[a-z:/]{0,20}\n") {
            for kind in [PlaylistKind::M3u, PlaylistKind::Pls, PlaylistKind::Plain] {
                let _ = first_link(kind, &text);
                let _ = first_link(kind, &lines);
            }
        }
    }
}
