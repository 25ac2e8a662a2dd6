//! How much of an answer is taken from a plugin.

use lavalink_plugin_api::{Failure, Loaded, Playlist, Track};

/// Most tracks of one answer. YouTube's longest playlists have 5,000.
const MAX_TRACKS: usize = 20_000;
/// Most bytes of all texts of one answer.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Lets an answer through that is not too large to be worked on and sent to a client.
///
/// # Errors
/// What is too large.
pub(crate) fn bounded(plugin: &str, loaded: Loaded) -> Result<Loaded, Failure> {
    let (tracks, rest) = match &loaded {
        Loaded::NotMine | Loaded::Nothing => (&[][..], 0),
        Loaded::Redirect { identifier, title } => (&[][..], identifier.len() + length(title)),
        Loaded::Track(track) => (std::slice::from_ref(track), 0),
        Loaded::Search(tracks) => (&tracks[..], 0),
        Loaded::Playlist(Playlist {
            name,
            tracks,
            plugin_info,
            ..
        }) => (&tracks[..], name.len() + length(plugin_info)),
    };
    let excess = if tracks.len() > MAX_TRACKS {
        format!("{} tracks, at most {MAX_TRACKS} are taken", tracks.len())
    } else {
        let bytes = tracks.iter().map(size).fold(rest, usize::saturating_add);
        if bytes <= MAX_BYTES {
            return Ok(loaded);
        }
        format!("{bytes} bytes of text, at most {MAX_BYTES} are taken")
    };
    Err(
        Failure::fault(format!("The answer of the plugin {plugin} is too large."))
            .because(format!("`load` gave {excess}")),
    )
}

fn length(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

fn size(track: &Track) -> usize {
    let Track {
        info,
        details,
        plugin_info,
    } = track;
    info.identifier.len()
        + info.author.len()
        + info.title.len()
        + length(&info.uri)
        + length(&info.artwork_url)
        + length(&info.isrc)
        + details.len()
        + length(plugin_info)
}

#[cfg(test)]
mod tests {
    use lavalink_plugin_api::TrackInfo;

    use super::*;

    fn track(title: usize) -> Track {
        Track {
            info: TrackInfo {
                identifier: String::new(),
                is_seekable: false,
                author: String::new(),
                length: None,
                is_stream: false,
                title: "t".repeat(title),
                uri: None,
                artwork_url: None,
                isrc: None,
            },
            details: Vec::new(),
            plugin_info: None,
        }
    }

    #[test]
    fn large_answers_pass_and_absurd_ones_do_not() {
        let search = |tracks| Loaded::Search(vec![track(10); tracks]);
        assert!(bounded("p", search(MAX_TRACKS)).is_ok());
        let failure = bounded("p", search(MAX_TRACKS + 1)).unwrap_err();
        assert!(failure.cause.contains("20001 tracks"), "{failure}");
        assert!(bounded("p", Loaded::Track(track(MAX_BYTES))).is_ok());
        let failure = bounded("p", Loaded::Track(track(MAX_BYTES + 1))).unwrap_err();
        assert!(failure.cause.contains("bytes of text"), "{failure}");
        let redirect = Loaded::Redirect {
            identifier: String::new(),
            title: Some("x".repeat(MAX_BYTES + 1)),
        };
        assert!(bounded("p", redirect).is_err());
        assert_eq!(bounded("p", Loaded::NotMine), Ok(Loaded::NotMine));
    }
}
