//! The values of the WIT package to and from those of the plugin API.

use std::time::Duration;

use lavalink_plugin_api as api;

use super::bindings::lavalink::plugin::{host, types as wit};

/// Milliseconds as WIT has them; beyond 500 million years they are cut off.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<wit::Severity> for api::Severity {
    fn from(severity: wit::Severity) -> Self {
        match severity {
            wit::Severity::Common => Self::Common,
            wit::Severity::Suspicious => Self::Suspicious,
            wit::Severity::Fault => Self::Fault,
        }
    }
}

impl From<api::Severity> for wit::Severity {
    fn from(severity: api::Severity) -> Self {
        match severity {
            api::Severity::Common => Self::Common,
            api::Severity::Suspicious => Self::Suspicious,
            api::Severity::Fault => Self::Fault,
        }
    }
}

impl From<wit::Retry> for api::Retry {
    fn from(retry: wit::Retry) -> Self {
        match retry {
            wit::Retry::OtherAddress => Self::OtherAddress,
            wit::Retry::AfterMs(time) => Self::After(Duration::from_millis(time)),
            wit::Retry::Refresh => Self::Refresh,
        }
    }
}

impl From<api::Retry> for wit::Retry {
    fn from(retry: api::Retry) -> Self {
        match retry {
            api::Retry::OtherAddress => Self::OtherAddress,
            api::Retry::After(time) => Self::AfterMs(millis(time)),
            api::Retry::Refresh => Self::Refresh,
        }
    }
}

impl From<wit::Failure> for api::Failure {
    fn from(failure: wit::Failure) -> Self {
        Self {
            message: failure.message,
            severity: failure.severity.into(),
            cause: failure.cause,
            retry: failure.retry.map(Into::into),
        }
    }
}

impl From<api::Failure> for wit::Failure {
    fn from(failure: api::Failure) -> Self {
        Self {
            message: failure.message,
            severity: failure.severity.into(),
            cause: failure.cause,
            retry: failure.retry.map(Into::into),
        }
    }
}

impl From<wit::TrackInfo> for api::TrackInfo {
    fn from(info: wit::TrackInfo) -> Self {
        Self {
            identifier: info.identifier,
            is_seekable: info.is_seekable,
            author: info.author,
            length: info.length_ms.map(Duration::from_millis),
            is_stream: info.is_stream,
            title: info.title,
            uri: info.uri,
            artwork_url: info.artwork_url,
            isrc: info.isrc,
        }
    }
}

impl From<api::TrackInfo> for wit::TrackInfo {
    fn from(info: api::TrackInfo) -> Self {
        Self {
            identifier: info.identifier,
            is_seekable: info.is_seekable,
            author: info.author,
            length_ms: info.length.map(millis),
            is_stream: info.is_stream,
            title: info.title,
            uri: info.uri,
            artwork_url: info.artwork_url,
            isrc: info.isrc,
        }
    }
}

impl From<wit::Track> for api::Track {
    fn from(track: wit::Track) -> Self {
        Self {
            info: track.info.into(),
            details: track.details,
            plugin_info: track.plugin_info,
        }
    }
}

impl From<api::Track> for wit::Track {
    fn from(track: api::Track) -> Self {
        Self {
            info: track.info.into(),
            details: track.details,
            plugin_info: track.plugin_info,
        }
    }
}

impl From<wit::Playlist> for api::Playlist {
    fn from(playlist: wit::Playlist) -> Self {
        Self {
            name: playlist.name,
            selected: playlist.selected,
            tracks: playlist.tracks.into_iter().map(Into::into).collect(),
            plugin_info: playlist.plugin_info,
        }
    }
}

impl From<wit::Loaded> for api::Loaded {
    fn from(loaded: wit::Loaded) -> Self {
        match loaded {
            wit::Loaded::NotMine => Self::NotMine,
            wit::Loaded::Nothing => Self::Nothing,
            wit::Loaded::Track(track) => Self::Track(track.into()),
            wit::Loaded::Playlist(playlist) => Self::Playlist(playlist.into()),
            wit::Loaded::Search(tracks) => Self::Search(tracks.into_iter().map(Into::into).collect()),
            wit::Loaded::Redirect(wit::Reference { identifier, title }) => {
                Self::Redirect { identifier, title }
            }
        }
    }
}

impl From<wit::Details> for api::Details {
    fn from(details: wit::Details) -> Self {
        Self {
            details: details.details,
            plugin_info: details.plugin_info,
        }
    }
}

impl From<wit::SourceDescriptor> for api::SourceDescriptor {
    fn from(descriptor: wit::SourceDescriptor) -> Self {
        Self {
            name: descriptor.name,
            search_prefixes: descriptor.search_prefixes,
            is_fallback: descriptor.is_fallback,
        }
    }
}

impl From<wit::Route> for api::Route {
    fn from(route: wit::Route) -> Self {
        match route {
            wit::Route::Planned => Self::Planned,
            wit::Route::PlannedSearch => Self::PlannedSearch,
            wit::Route::Direct => Self::Direct,
        }
    }
}

impl From<wit::HttpRequest> for api::HttpRequest {
    fn from(request: wit::HttpRequest) -> Self {
        Self {
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().map(|h| (h.name, h.value)).collect(),
            body: request.body,
            range: request.range.map(|range| api::ByteRange {
                start: range.start,
                end: range.end,
            }),
            max_bytes: request.max_bytes,
            follow_redirects: request.follow_redirects,
            route: request.route.into(),
        }
    }
}

impl From<wit::Hint> for api::Hint {
    fn from(hint: wit::Hint) -> Self {
        Self {
            mime: hint.mime,
            extension: hint.extension,
            container: hint.container,
        }
    }
}

impl From<wit::HttpMedia> for api::Media {
    fn from(media: wit::HttpMedia) -> Self {
        Self::Http {
            request: media.request.into(),
            expires: media.expires_ms.map(Duration::from_millis),
            length: media.length,
            hint: media.hint.into(),
        }
    }
}

impl From<wit::HlsMedia> for api::Media {
    fn from(media: wit::HlsMedia) -> Self {
        Self::Hls {
            request: media.request.into(),
            live: media.live,
        }
    }
}

impl From<api::Probe> for wit::Probe {
    fn from(probe: api::Probe) -> Self {
        match probe {
            api::Probe::Audio {
                container,
                parameters,
                title,
                author,
                isrc,
                length,
                is_seekable,
            } => Self::Audio(wit::AudioProbe {
                container,
                parameters,
                title,
                author,
                isrc,
                length_ms: length.map(millis),
                is_seekable,
            }),
            api::Probe::Reference { identifier, title } => {
                Self::Reference(wit::Reference { identifier, title })
            }
        }
    }
}

impl From<host::Level> for api::Level {
    fn from(level: host::Level) -> Self {
        match level {
            host::Level::Error => Self::Error,
            host::Level::Warn => Self::Warn,
            host::Level::Info => Self::Info,
            host::Level::Debug => Self::Debug,
            host::Level::Trace => Self::Trace,
        }
    }
}
