//! Values on their way between this crate's types and those a generator of bindings made of the WIT package: wit-bindgen in
//! a component, wasmtime in the host. Both make the same names, so one text serves both: [`crate::__carry!`].
//!
//! Every field of either side is named there, so a change of one alone does not compile.

use std::time::Duration;

/// Turns into the type of the other side.
pub trait Carry<To> {
    /// That form.
    fn carry(self) -> To;
}

macro_rules! same {
    ($($type:ty),*) => {$(
        impl Carry<$type> for $type {
            fn carry(self) -> Self {
                self
            }
        }
    )*};
}
same!((), bool, u8, u16, u32, u64, f32, String, (String, String));

/// Times are milliseconds in WIT; beyond 500 million years they are cut off.
impl Carry<u64> for Duration {
    fn carry(self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Carry<Duration> for u64 {
    fn carry(self) -> Duration {
        Duration::from_millis(self)
    }
}

impl<T, U> Carry<Option<U>> for Option<T>
where
    T: Carry<U>,
{
    fn carry(self) -> Option<U> {
        self.map(T::carry)
    }
}

impl<T, U> Carry<Vec<U>> for Vec<T>
where
    T: Carry<U>,
{
    fn carry(self) -> Vec<U> {
        self.into_iter().map(T::carry).collect()
    }
}

impl<T, U, E, F> Carry<Result<U, F>> for Result<T, E>
where
    T: Carry<U>,
    E: Carry<F>,
{
    fn carry(self) -> Result<U, F> {
        self.map(T::carry).map_err(E::carry)
    }
}

/// For records with the same fields on both sides, and those whose name tells the unit in WIT.
#[doc(hidden)]
#[macro_export]
macro_rules! __carry_record {
    ($name:ident { $($field:ident),* $(; $plain:ident => $wit:ident)* }) => {
        impl $crate::carry::Carry<wit::$name> for $crate::$name {
            fn carry(self) -> wit::$name {
                let $crate::$name { $($field,)* $($plain),* } = self;
                wit::$name { $($field: $field.carry(),)* $($wit: $plain.carry()),* }
            }
        }
        impl $crate::carry::Carry<$crate::$name> for wit::$name {
            fn carry(self) -> $crate::$name {
                let wit::$name { $($field,)* $($wit),* } = self;
                $crate::$name { $($field: $field.carry(),)* $($plain: $wit.carry()),* }
            }
        }
    };
}

/// For enums without values, and variants with the same value on both sides.
#[doc(hidden)]
#[macro_export]
macro_rules! __carry_enum {
    ($name:ident { $($plain:ident),* $(; $full:ident($wit:ident))* }) => {
        impl $crate::carry::Carry<wit::$name> for $crate::$name {
            fn carry(self) -> wit::$name {
                match self {
                    $($crate::$name::$plain => wit::$name::$plain,)*
                    $($crate::$name::$full(value) => wit::$name::$wit(value.carry()),)*
                }
            }
        }
        impl $crate::carry::Carry<$crate::$name> for wit::$name {
            fn carry(self) -> $crate::$name {
                match self {
                    $(wit::$name::$plain => $crate::$name::$plain,)*
                    $(wit::$name::$wit(value) => $crate::$name::$full(value.carry()),)*
                }
            }
        }
    };
}

/// For events: those with a record of their own in WIT, then those that carry one value.
#[doc(hidden)]
#[macro_export]
macro_rules! __carry_event {
    (
        $($record:ident { $($field:ident),* $(; $plain:ident => $wit:ident)* }),*;
        $($single:ident { $value:ident }),* $(,)?
    ) => {
        impl $crate::carry::Carry<wit::Event> for $crate::Event {
            fn carry(self) -> wit::Event {
                match self {
                    $(Self::$record { $($field,)* $($plain),* } => wit::Event::$record(wit::$record {
                        $($field: $field.carry(),)* $($wit: $plain.carry()),*
                    }),)*
                    $(Self::$single { $value } => wit::Event::$single($value.carry()),)*
                }
            }
        }
        impl $crate::carry::Carry<$crate::Event> for wit::Event {
            fn carry(self) -> $crate::Event {
                match self {
                    $(Self::$record(wit::$record { $($field,)* $($wit),* }) => $crate::Event::$record {
                        $($field: $field.carry(),)* $($plain: $wit.carry()),*
                    },)*
                    $(Self::$single($value) => $crate::Event::$single { $value: $value.carry() },)*
                }
            }
        }
    };
}

/// All conversions, for the bindings whose module of `lavalink:plugin/types` is called `wit` where this stands.
#[doc(hidden)]
#[macro_export]
macro_rules! __carry {
    () => {
        use $crate::carry::Carry;
        $crate::__carry_enum!(Severity { Common, Suspicious, Fault });
        $crate::__carry_enum!(Route { Planned, PlannedSearch, Direct });
        $crate::__carry_enum!(Level { Error, Warn, Info, Debug, Trace });
        $crate::__carry_enum!(Retry { OtherAddress, Refresh; After(AfterMs) });
        $crate::__carry_record!(Failure { message, severity, cause, retry });
        $crate::__carry_record!(TrackInfo {
            identifier, is_seekable, author, is_stream, title, uri, artwork_url, isrc; length => length_ms
        });
        $crate::__carry_record!(Track { info, details, plugin_info });
        $crate::__carry_record!(Playlist { name, selected, tracks, plugin_info });
        $crate::__carry_record!(Details { details, plugin_info });
        $crate::__carry_record!(SourceDescriptor { name, search_prefixes, is_fallback });
        $crate::__carry_record!(ByteRange { start, end });
        $crate::__carry_record!(HttpRequest {
            method, url, headers, body, range, max_bytes, follow_redirects, route
        });
        $crate::__carry_record!(Hint { mime, extension, container });
        $crate::__carry_record!(SessionRef { session_id, user_id, client_name });

        $crate::__carry_record!(SourcedTrack { source, track });
        $crate::__carry_record!(AudioFormat { sample_rate, channels });
        $crate::__carry_record!(Endpoint { method, path });
        $crate::__carry_record!(RestHead { method, path, query, headers });
        $crate::__carry_record!(RestRequest { head, parameters, body });
        $crate::__carry_record!(RestResponse { status, headers, body });
        $crate::__carry_record!(RestError { status, message });
        $crate::__carry_enum!(Verdict { Proceed; Answer(Answer); Refuse(Refuse) });
        $crate::__carry_record!(Interest { sessions, messages, players, tracks });
        $crate::__carry_record!(PlayerRef { session_id, user_id, guild_id });
        $crate::__carry_enum!(TrackEndReason { Finished, LoadFailed, Stopped, Replaced, Cleanup });
        $crate::__carry_enum!(MarkerState { Reached, Bypassed, Late, Dropped });
        $crate::__carry_event! {
            SessionOpen { session, resumed },
            MessageOut { session_id, message },
            TrackStart { player, track },
            TrackEnd { player, track, reason },
            TrackException { player, track, failure },
            TrackStuck { player, track; threshold => threshold_ms },
            Marker { player, marker, state };
            SessionPaused { session },
            SessionDestroyed { session },
            NewPlayer { player },
            DestroyPlayer { player },
        }
        $crate::__carry_record!(SearchKinds { tracks, albums, artists, playlists, texts });
        $crate::__carry_record!(SearchText { text, plugin_info });
        $crate::__carry_record!(SearchResults { tracks, albums, artists, playlists, texts, plugin_info });
        $crate::__carry_record!(LyricsLine {
            line, plugin_info; timestamp => timestamp_ms; duration => duration_ms
        });
        $crate::__carry_record!(Lyrics { source_name, provider, text, lines, plugin_info });

        impl Carry<wit::Header> for $crate::Header {
            fn carry(self) -> wit::Header {
                let (name, value) = self;
                wit::Header { name, value }
            }
        }
        impl Carry<$crate::Header> for wit::Header {
            fn carry(self) -> $crate::Header {
                (self.name, self.value)
            }
        }

        impl Carry<wit::Found> for (String, $crate::Loaded) {
            fn carry(self) -> wit::Found {
                wit::Found { source: self.0, loaded: self.1.carry() }
            }
        }
        impl Carry<(String, $crate::Loaded)> for wit::Found {
            fn carry(self) -> (String, $crate::Loaded) {
                (self.source, self.loaded.carry())
            }
        }

        impl Carry<wit::Loaded> for $crate::Loaded {
            fn carry(self) -> wit::Loaded {
                match self {
                    Self::NotMine => wit::Loaded::NotMine,
                    Self::Nothing => wit::Loaded::Nothing,
                    Self::Track(track) => wit::Loaded::Track(track.carry()),
                    Self::Playlist(playlist) => wit::Loaded::Playlist(playlist.carry()),
                    Self::Search(tracks) => wit::Loaded::Search(tracks.carry()),
                    Self::Redirect { identifier, title } => {
                        wit::Loaded::Redirect(wit::Reference { identifier, title })
                    }
                }
            }
        }
        impl Carry<$crate::Loaded> for wit::Loaded {
            fn carry(self) -> $crate::Loaded {
                match self {
                    Self::NotMine => $crate::Loaded::NotMine,
                    Self::Nothing => $crate::Loaded::Nothing,
                    Self::Track(track) => $crate::Loaded::Track(track.carry()),
                    Self::Playlist(playlist) => $crate::Loaded::Playlist(playlist.carry()),
                    Self::Search(tracks) => $crate::Loaded::Search(tracks.carry()),
                    Self::Redirect(wit::Reference { identifier, title }) => {
                        $crate::Loaded::Redirect { identifier, title }
                    }
                }
            }
        }

        impl Carry<wit::Probe> for $crate::Probe {
            fn carry(self) -> wit::Probe {
                match self {
                    Self::Audio { container, parameters, title, author, isrc, length, is_seekable } => {
                        let length_ms = length.carry();
                        wit::Probe::Audio(wit::AudioProbe {
                            container, parameters, title, author, isrc, length_ms, is_seekable,
                        })
                    }
                    Self::Reference { identifier, title } => {
                        wit::Probe::Reference(wit::Reference { identifier, title })
                    }
                }
            }
        }
        impl Carry<$crate::Probe> for wit::Probe {
            fn carry(self) -> $crate::Probe {
                match self {
                    Self::Audio(wit::AudioProbe {
                        container, parameters, title, author, isrc, length_ms, is_seekable,
                    }) => {
                        let length = length_ms.carry();
                        $crate::Probe::Audio { container, parameters, title, author, isrc, length, is_seekable }
                    }
                    Self::Reference(wit::Reference { identifier, title }) => {
                        $crate::Probe::Reference { identifier, title }
                    }
                }
            }
        }

        impl Carry<$crate::Media> for wit::HttpMedia {
            fn carry(self) -> $crate::Media {
                let Self { request, expires_ms, length, hint } = self;
                let (request, expires, hint) = (request.carry(), expires_ms.carry(), hint.carry());
                $crate::Media::Http { request, expires, length, hint }
            }
        }
        impl Carry<$crate::Media> for wit::HlsMedia {
            fn carry(self) -> $crate::Media {
                let Self { request, live } = self;
                $crate::Media::Hls { request: request.carry(), live }
            }
        }
    };
}
