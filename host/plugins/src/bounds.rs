//! How much of an answer is taken from a plugin.

use lavalink_plugin_api::{
    Failure, Loaded, Lyrics, Playlist, RestError, RestResponse, SearchResults, Track, Verdict,
};

/// Most tracks, hits or lines of one answer. YouTube's longest playlists have 5,000 tracks.
const MAX_ITEMS: usize = 20_000;
/// Most bytes of all texts of one answer, and of the body of an answer to a REST request.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Most header fields of an answer to a REST request.
const MAX_HEADERS: usize = 128;
/// Most bytes of all header fields of an answer to a REST request, and of the message of an error.
const MAX_HEADER_BYTES: usize = 64 * 1024;

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
    let bytes = || tracks.iter().map(size).fold(rest, usize::saturating_add);
    check(plugin, "load", ("tracks", tracks.len()), bytes)?;
    Ok(loaded)
}

/// The same for what a search found.
///
/// # Errors
/// What is too large.
pub(crate) fn bounded_results(plugin: &str, results: SearchResults) -> Result<SearchResults, Failure> {
    let SearchResults {
        tracks,
        albums,
        artists,
        playlists,
        texts,
        plugin_info,
    } = &results;
    let lists = || [albums, artists, playlists].into_iter().flatten();
    let count = lists().fold(tracks.len().saturating_add(texts.len()), |count, list| {
        count.saturating_add(1).saturating_add(list.tracks.len())
    });
    let bytes = || {
        let of_tracks = tracks
            .iter()
            .chain(lists().flat_map(|list| &list.tracks))
            .map(size);
        let of_lists = lists().map(|list| list.name.len() + length(&list.plugin_info));
        let of_texts = texts
            .iter()
            .map(|text| text.text.len() + length(&text.plugin_info));
        let all = of_tracks.chain(of_lists).chain(of_texts);
        all.fold(length(plugin_info), usize::saturating_add)
    };
    check(plugin, "search", ("hits", count), bytes)?;
    Ok(results)
}

/// The same for lyrics.
///
/// # Errors
/// What is too large.
pub(crate) fn bounded_lyrics(plugin: &str, lyrics: Lyrics) -> Result<Lyrics, Failure> {
    let Lyrics {
        source_name,
        provider,
        text,
        lines,
        plugin_info,
    } = &lyrics;
    let lines = lines.as_deref().unwrap_or_default();
    let bytes = || {
        let rest = source_name.len() + provider.len() + length(text) + length(plugin_info);
        let of_lines = lines
            .iter()
            .map(|line| line.line.len() + length(&line.plugin_info));
        of_lines.fold(rest, usize::saturating_add)
    };
    check(plugin, "load_lyrics", ("lines", lines.len()), bytes)?;
    Ok(lyrics)
}

/// The same for additions to `pluginInfo`; there are as many as there are tracks.
///
/// # Errors
/// What is too large.
pub(crate) fn bounded_additions(
    plugin: &str,
    additions: Vec<Option<String>>,
) -> Result<Vec<Option<String>>, Failure> {
    let bytes = || additions.iter().map(length).fold(0, usize::saturating_add);
    check(plugin, "modify", ("objects", 0), bytes)?;
    Ok(additions)
}

/// The same for the answer to a REST request, or its refusal.
///
/// # Errors
/// What is too large.
pub(crate) fn bounded_answer(
    plugin: &str,
    answer: Result<RestResponse, RestError>,
) -> Result<Result<RestResponse, RestError>, Failure> {
    match &answer {
        Ok(response) => check_response(plugin, response)?,
        Err(error) => check_error(plugin, error)?,
    }
    Ok(answer)
}

/// The same for what an interceptor makes of a request.
///
/// # Errors
/// What is too large.
pub(crate) fn bounded_verdict(plugin: &str, verdict: Verdict) -> Result<Verdict, Failure> {
    match &verdict {
        Verdict::Proceed => {}
        Verdict::Answer(response) => check_response(plugin, response)?,
        Verdict::Refuse(error) => check_error(plugin, error)?,
    }
    Ok(verdict)
}

fn check_response(plugin: &str, response: &RestResponse) -> Result<(), Failure> {
    let headers = || response.headers.iter();
    let of_headers = headers().map(|(name, value)| name.len().saturating_add(value.len()));
    for (what, amount, most) in [
        ("bytes of body", response.body.len(), MAX_BYTES),
        ("header fields", response.headers.len(), MAX_HEADERS),
        (
            "bytes of header fields",
            of_headers.fold(0, usize::saturating_add),
            MAX_HEADER_BYTES,
        ),
    ] {
        if amount > most {
            return Err(too_large(plugin, "the answer to a request", amount, what, most));
        }
    }
    Ok(())
}

fn check_error(plugin: &str, error: &RestError) -> Result<(), Failure> {
    match error.message.len() {
        0..=MAX_HEADER_BYTES => Ok(()),
        amount => Err(too_large(
            plugin,
            "an error",
            amount,
            "bytes of message",
            MAX_HEADER_BYTES,
        )),
    }
}

/// Holds an answer against the bounds of all answers; its bytes are only counted when there are few enough items.
fn check(
    plugin: &str,
    call: &str,
    (what, count): (&str, usize),
    bytes: impl FnOnce() -> usize,
) -> Result<(), Failure> {
    if count > MAX_ITEMS {
        return Err(too_large(plugin, call, count, what, MAX_ITEMS));
    }
    match bytes() {
        0..=MAX_BYTES => Ok(()),
        bytes => Err(too_large(plugin, call, bytes, "bytes of text", MAX_BYTES)),
    }
}

fn too_large(plugin: &str, call: &str, amount: usize, what: &str, most: usize) -> Failure {
    Failure::fault(format!("The answer of the plugin {plugin} is too large."))
        .because(format!("`{call}` gave {amount} {what}, at most {most} are taken"))
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
        assert!(bounded("p", search(MAX_ITEMS)).is_ok());
        let failure = bounded("p", search(MAX_ITEMS + 1)).unwrap_err();
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

    #[test]
    fn what_is_found_is_bounded_as_well() {
        let hits = |count| SearchResults {
            albums: vec![
                Playlist {
                    name: "a".to_owned(),
                    selected: None,
                    tracks: Vec::new(),
                    plugin_info: None,
                };
                count
            ],
            ..SearchResults::default()
        };
        assert!(bounded_results("p", hits(MAX_ITEMS)).is_ok());
        let failure = bounded_results("p", hits(MAX_ITEMS + 1)).unwrap_err();
        assert!(failure.cause.contains("20001 hits"), "{failure}");
        let lyrics = |length| Lyrics {
            source_name: String::new(),
            provider: String::new(),
            text: Some("l".repeat(length)),
            lines: None,
            plugin_info: None,
        };
        assert!(bounded_lyrics("p", lyrics(MAX_BYTES)).is_ok());
        assert!(bounded_lyrics("p", lyrics(MAX_BYTES + 1)).is_err());
        let object = |length| vec![None, Some("o".repeat(length))];
        assert!(bounded_additions("p", object(MAX_BYTES)).is_ok());
        assert!(bounded_additions("p", object(MAX_BYTES + 1)).is_err());
    }

    #[test]
    fn answers_to_requests_are_bounded_in_all_their_parts() {
        let answer = |headers: usize, value: usize, body: usize| RestResponse {
            status: 200,
            headers: vec![("h".to_owned(), vec![b'x'; value]); headers],
            body: vec![0; body],
        };
        let of = |response| bounded_answer("p", Ok(response));
        assert!(of(answer(MAX_HEADERS, 100, MAX_BYTES)).is_ok());
        for (response, reason) in [
            (answer(1, 1, MAX_BYTES + 1), "bytes of body"),
            (answer(MAX_HEADERS + 1, 1, 0), "header fields"),
            (answer(1, MAX_HEADER_BYTES, 0), "bytes of header fields"),
        ] {
            let failure = of(response.clone()).unwrap_err();
            assert!(failure.cause.contains(reason), "{failure}");
            assert!(bounded_verdict("p", Verdict::Answer(response)).is_err());
        }
        let error = |length| RestError::new(418, "m".repeat(length));
        assert!(bounded_answer("p", Err(error(MAX_HEADER_BYTES))).is_ok());
        assert!(bounded_answer("p", Err(error(MAX_HEADER_BYTES + 1))).is_err());
        assert!(bounded_verdict("p", Verdict::Refuse(error(MAX_HEADER_BYTES + 1))).is_err());
        assert_eq!(bounded_verdict("p", Verdict::Proceed), Ok(Verdict::Proceed));
    }
}
