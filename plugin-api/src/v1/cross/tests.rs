//! Everything crosses the border unchanged, there and back.

use proptest::prelude::*;

use super::*;
use crate::{
    ByteRange, Details, Failure, Hint, HttpRequest, Level, Loaded, Media, Playlist, Probe, Retry, Route,
    Severity, SourceDescriptor, Track, TrackInfo,
};

fn there_and_back<T: Cross>(value: T) -> T {
    T::back(value.out())
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn maybe_text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(text())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..32)
}

prop_compose! {
    fn info()(
        identifier in text(), is_seekable in any::<bool>(), author in text(), length in any::<Option<Duration>>(),
        is_stream in any::<bool>(), title in text(), uri in maybe_text(), artwork_url in maybe_text(),
        isrc in maybe_text(),
    ) -> TrackInfo {
        TrackInfo { identifier, is_seekable, author, length, is_stream, title, uri, artwork_url, isrc }
    }
}

prop_compose! {
    fn track()(info in info(), details in bytes(), plugin_info in maybe_text()) -> Track {
        Track { info, details, plugin_info }
    }
}

fn tracks() -> impl Strategy<Value = Vec<Track>> {
    proptest::collection::vec(track(), 0..3)
}

fn loaded() -> impl Strategy<Value = Loaded> {
    prop_oneof![
        Just(Loaded::NotMine),
        Just(Loaded::Nothing),
        track().prop_map(Loaded::Track),
        (text(), any::<Option<u32>>(), tracks(), maybe_text()).prop_map(
            |(name, selected, tracks, plugin_info)| {
                Loaded::Playlist(Playlist {
                    name,
                    selected,
                    tracks,
                    plugin_info,
                })
            }
        ),
        tracks().prop_map(Loaded::Search),
        (text(), maybe_text()).prop_map(|(identifier, title)| Loaded::Redirect { identifier, title }),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    let severity = prop_oneof![
        Just(Severity::Common),
        Just(Severity::Suspicious),
        Just(Severity::Fault)
    ];
    let retry = prop_oneof![
        Just(None),
        Just(Some(Retry::OtherAddress)),
        Just(Some(Retry::Refresh)),
        any::<Duration>().prop_map(|time| Some(Retry::After(time))),
    ];
    (text(), severity, text(), retry).prop_map(|(message, severity, cause, retry)| Failure {
        message,
        severity,
        cause,
        retry,
    })
}

prop_compose! {
    fn request()(
        method in text(), url in text(), headers in proptest::collection::vec((text(), bytes()), 0..3),
        body in proptest::option::of(bytes()), range in any::<Option<(u64, Option<u64>)>>(),
        max_bytes in any::<Option<u64>>(), follow_redirects in any::<bool>(),
        route in prop_oneof![Just(Route::Planned), Just(Route::PlannedSearch), Just(Route::Direct)],
    ) -> HttpRequest {
        let range = range.map(|(start, end)| ByteRange { start, end });
        HttpRequest { method, url, headers, body, range, max_bytes, follow_redirects, route }
    }
}

prop_compose! {
    fn hint()(mime in maybe_text(), extension in maybe_text(), container in maybe_text()) -> Hint {
        Hint { mime, extension, container }
    }
}

proptest! {
    #[test]
    fn answers(answer in prop_oneof![loaded().prop_map(Ok), failure().prop_map(Err)]) {
        prop_assert_eq!(there_and_back(answer.clone()), answer);
    }

    #[test]
    fn requests(request in request()) {
        prop_assert_eq!(there_and_back(request.clone()), request);
    }

    #[test]
    fn probes(
        container in text(), parameters in maybe_text(), title in maybe_text(), author in maybe_text(),
        isrc in maybe_text(), length in any::<Option<Duration>>(), is_seekable in any::<bool>(), audio in any::<bool>(),
    ) {
        let probe = if audio {
            Probe::Audio { container, parameters, title, author, isrc, length, is_seekable }
        } else {
            Probe::Reference { identifier: container, title }
        };
        prop_assert_eq!(there_and_back(probe.clone()), probe);
    }

    #[test]
    fn descriptors(
        name in text(), search_prefixes in proptest::collection::vec(text(), 0..3), is_fallback in any::<bool>(),
    ) {
        let descriptor = SourceDescriptor { name, search_prefixes, is_fallback };
        prop_assert_eq!(there_and_back(descriptor.clone()), descriptor);
    }

    #[test]
    fn details(details in bytes(), plugin_info in maybe_text()) {
        let details = Details { details, plugin_info };
        prop_assert_eq!(there_and_back(details.clone()), details);
    }

    #[test]
    fn described_media(
        request in request(), expires in any::<Option<Duration>>(), length in any::<Option<u64>>(), hint in hint(),
        live in any::<bool>(),
    ) {
        let media = Media::Http { request: request.clone(), expires, length, hint: hint.clone() };
        match there_and_back(media) {
            Media::Http { request: r, expires: e, length: l, hint: h } => {
                prop_assert_eq!((r, e, l, h), (request.clone(), expires, length, hint));
            }
            other => prop_assert!(false, "{:?}", other),
        }
        match there_and_back(Media::Hls { request: request.clone(), live }) {
            Media::Hls { request: r, live: l } => prop_assert_eq!((r, l), (request, live)),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn levels_keep_their_order() {
    for level in [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace] {
        assert_eq!(there_and_back(level), level);
    }
}

#[test]
fn a_redirect_stays_one() {
    assert!(matches!(there_and_back(Media::Redirect("x".to_owned())), Media::Redirect(to) if to == "x"));
}
