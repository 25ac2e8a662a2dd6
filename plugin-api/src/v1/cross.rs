//! Conversions between the plain types and their form on the border.

use std::time::Duration;

use abi_stable::std_types::{RDuration, ROption, RResult, RString, RVec, Tuple2};

use super::abi;

/// A type with a form that may cross the border.
pub(crate) trait Cross: Sized {
    /// That form.
    type Abi;
    fn out(self) -> Self::Abi;
    fn back(abi: Self::Abi) -> Self;
}

/// For types that are the same on both sides.
macro_rules! same {
    ($($plain:ty),*) => {$(
        impl $crate::v1::cross::Cross for $plain {
            type Abi = Self;
            fn out(self) -> Self {
                self
            }
            fn back(abi: Self) -> Self {
                abi
            }
        }
    )*};
}
same!(
    (),
    bool,
    u8,
    u16,
    u32,
    u64,
    f32,
    abi::ResponseBox,
    abi::StreamBox,
    abi::SourceBox
);

pub(crate) use same;

/// For records with the same fields in a module `abi`.
macro_rules! record {
    ($plain:ident { $($field:ident),* }) => {
        impl $crate::v1::cross::Cross for crate::$plain {
            type Abi = abi::$plain;
            fn out(self) -> Self::Abi {
                let Self { $($field),* } = self;
                abi::$plain { $($field: $field.out()),* }
            }
            fn back(abi: Self::Abi) -> Self {
                let abi::$plain { $($field),* } = abi;
                Self { $($field: Cross::back($field)),* }
            }
        }
    };
}
pub(crate) use record;
record!(Failure {
    message,
    severity,
    cause,
    retry
});
record!(TrackInfo {
    identifier,
    is_seekable,
    author,
    length,
    is_stream,
    title,
    uri,
    artwork_url,
    isrc
});
record!(Track {
    info,
    details,
    plugin_info
});
record!(Playlist {
    name,
    selected,
    tracks,
    plugin_info
});
record!(Details { details, plugin_info });
record!(SourceDescriptor {
    name,
    search_prefixes,
    is_fallback
});
record!(SourcedTrack { source, track });
record!(SessionRef {
    session_id,
    user_id,
    client_name
});
record!(ByteRange { start, end });
record!(HttpRequest {
    method,
    url,
    headers,
    body,
    range,
    max_bytes,
    follow_redirects,
    route
});
record!(Hint {
    mime,
    extension,
    container
});

/// For enums without values, with the same variants in a module `abi`.
macro_rules! plain_enum {
    ($plain:ident { $($variant:ident),* }) => {
        impl $crate::v1::cross::Cross for crate::$plain {
            type Abi = abi::$plain;
            fn out(self) -> Self::Abi {
                match self { $(Self::$variant => abi::$plain::$variant),* }
            }
            fn back(abi: Self::Abi) -> Self {
                match abi { $(abi::$plain::$variant => Self::$variant),* }
            }
        }
    };
}
pub(crate) use plain_enum;
plain_enum!(Severity {
    Common,
    Suspicious,
    Fault
});
plain_enum!(Route {
    Planned,
    PlannedSearch,
    Direct
});
plain_enum!(Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace
});

impl Cross for String {
    type Abi = RString;
    fn out(self) -> RString {
        self.into()
    }
    fn back(abi: RString) -> Self {
        abi.into()
    }
}

impl Cross for (String, String) {
    type Abi = Tuple2<RString, RString>;
    fn out(self) -> Self::Abi {
        Tuple2(self.0.out(), self.1.out())
    }
    fn back(abi: Self::Abi) -> Self {
        (Cross::back(abi.0), Cross::back(abi.1))
    }
}

impl Cross for Duration {
    type Abi = RDuration;
    fn out(self) -> RDuration {
        self.into()
    }
    fn back(abi: RDuration) -> Self {
        // Not `into`: nanoseconds beyond a second, which only a broken peer sends, could overflow there.
        Self::from_secs(abi.as_secs()).saturating_add(Self::from_nanos(u64::from(abi.subsec_nanos())))
    }
}

impl<T: Cross> Cross for Option<T> {
    type Abi = ROption<T::Abi>;
    fn out(self) -> Self::Abi {
        self.map(T::out).into()
    }
    fn back(abi: Self::Abi) -> Self {
        abi.into_option().map(T::back)
    }
}

impl<T: Cross> Cross for Vec<T> {
    type Abi = RVec<T::Abi>;
    fn out(self) -> Self::Abi {
        self.into_iter().map(T::out).collect::<Vec<_>>().into()
    }
    fn back(abi: Self::Abi) -> Self {
        abi.into_iter().map(T::back).collect()
    }
}

impl<T: Cross, E: Cross> Cross for Result<T, E> {
    type Abi = RResult<T::Abi, E::Abi>;
    fn out(self) -> Self::Abi {
        self.map(T::out).map_err(E::out).into()
    }
    fn back(abi: Self::Abi) -> Self {
        abi.into_result().map(T::back).map_err(E::back)
    }
}

impl Cross for crate::Header {
    type Abi = abi::Header;
    fn out(self) -> Self::Abi {
        abi::Header {
            name: self.0.into(),
            value: self.1.into(),
        }
    }
    fn back(abi: Self::Abi) -> Self {
        (abi.name.into(), abi.value.into())
    }
}

impl Cross for (String, crate::Loaded) {
    type Abi = abi::Found;
    fn out(self) -> Self::Abi {
        abi::Found {
            source: self.0.out(),
            loaded: self.1.out(),
        }
    }
    fn back(abi: Self::Abi) -> Self {
        (Cross::back(abi.source), Cross::back(abi.loaded))
    }
}

impl Cross for crate::Retry {
    type Abi = abi::Retry;
    fn out(self) -> Self::Abi {
        match self {
            Self::OtherAddress => abi::Retry::OtherAddress,
            Self::After(time) => abi::Retry::After(time.out()),
            Self::Refresh => abi::Retry::Refresh,
        }
    }
    fn back(abi: Self::Abi) -> Self {
        match abi {
            abi::Retry::OtherAddress => Self::OtherAddress,
            abi::Retry::After(time) => Self::After(Cross::back(time)),
            abi::Retry::Refresh => Self::Refresh,
        }
    }
}

impl Cross for crate::Loaded {
    type Abi = abi::Loaded;
    fn out(self) -> Self::Abi {
        match self {
            Self::NotMine => abi::Loaded::NotMine,
            Self::Nothing => abi::Loaded::Nothing,
            Self::Track(track) => abi::Loaded::Track(track.out()),
            Self::Playlist(playlist) => abi::Loaded::Playlist(playlist.out()),
            Self::Search(tracks) => abi::Loaded::Search(tracks.out()),
            Self::Redirect { identifier, title } => abi::Loaded::Redirect(abi::Reference {
                identifier: identifier.out(),
                title: title.out(),
            }),
        }
    }
    fn back(abi: Self::Abi) -> Self {
        match abi {
            abi::Loaded::NotMine => Self::NotMine,
            abi::Loaded::Nothing => Self::Nothing,
            abi::Loaded::Track(track) => Self::Track(Cross::back(track)),
            abi::Loaded::Playlist(playlist) => Self::Playlist(Cross::back(playlist)),
            abi::Loaded::Search(tracks) => Self::Search(Cross::back(tracks)),
            abi::Loaded::Redirect(abi::Reference { identifier, title }) => Self::Redirect {
                identifier: Cross::back(identifier),
                title: Cross::back(title),
            },
        }
    }
}

impl Cross for crate::Probe {
    type Abi = abi::Probe;
    fn out(self) -> Self::Abi {
        match self {
            Self::Audio {
                container,
                parameters,
                title,
                author,
                isrc,
                length,
                is_seekable,
            } => abi::Probe::Audio(abi::AudioProbe {
                container: container.out(),
                parameters: parameters.out(),
                title: title.out(),
                author: author.out(),
                isrc: isrc.out(),
                length: length.out(),
                is_seekable,
            }),
            Self::Reference { identifier, title } => abi::Probe::Reference(abi::Reference {
                identifier: identifier.out(),
                title: title.out(),
            }),
        }
    }
    fn back(abi: Self::Abi) -> Self {
        match abi {
            abi::Probe::Audio(audio) => Self::Audio {
                container: Cross::back(audio.container),
                parameters: Cross::back(audio.parameters),
                title: Cross::back(audio.title),
                author: Cross::back(audio.author),
                isrc: Cross::back(audio.isrc),
                length: Cross::back(audio.length),
                is_seekable: audio.is_seekable,
            },
            abi::Probe::Reference(abi::Reference { identifier, title }) => Self::Reference {
                identifier: Cross::back(identifier),
                title: Cross::back(title),
            },
        }
    }
}

impl Cross for crate::Media {
    type Abi = abi::Media;
    fn out(self) -> Self::Abi {
        match self {
            Self::Http {
                request,
                expires,
                length,
                hint,
            } => abi::Media::Http(abi::HttpMedia {
                request: request.out(),
                expires: expires.out(),
                length: length.out(),
                hint: hint.out(),
            }),
            Self::Hls { request, live } => abi::Media::Hls(abi::HlsMedia {
                request: request.out(),
                live,
            }),
            Self::Response(body, hint) => abi::Media::Response(super::response::out(body), hint.out()),
            Self::Bytes(stream, hint) => abi::Media::Bytes(super::stream::out(stream), hint.out()),
            Self::Redirect(identifier) => abi::Media::Redirect(identifier.out()),
        }
    }
    fn back(abi: Self::Abi) -> Self {
        match abi {
            abi::Media::Http(media) => Self::Http {
                request: Cross::back(media.request),
                expires: Cross::back(media.expires),
                length: Cross::back(media.length),
                hint: Cross::back(media.hint),
            },
            abi::Media::Hls(media) => Self::Hls {
                request: Cross::back(media.request),
                live: media.live,
            },
            abi::Media::Response(body, hint) => {
                Self::Response(super::response::back(body), Cross::back(hint))
            }
            abi::Media::Bytes(stream, hint) => Self::Bytes(super::stream::back(stream), Cross::back(hint)),
            abi::Media::Redirect(identifier) => Self::Redirect(Cross::back(identifier)),
        }
    }
}

#[cfg(test)]
mod tests {
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
}
