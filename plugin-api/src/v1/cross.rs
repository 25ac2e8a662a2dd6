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
mod tests;
