//! Looks a URL up: one request, one probe.

use lavalink_plugin_api::probe_info::ProbeInfo;
use lavalink_plugin_api::{
    Body, Failure, Hint, Host, HttpRequest, Loaded, Media, Probe, Severity, Track, TrackInfo,
};
use url::Url;

use crate::address;
use crate::icy::Station;
use crate::settings;

/// Containers whose tracks do not take title and author from the headers, as in Java Lavalink.
const WITHOUT_STATION: [&str; 2] = ["wav", "matroska/webm"];

pub(crate) fn load(host: &dyn Host, url: String) -> Result<Loaded, Failure> {
    let base = address::parse(&url)?;
    let request = HttpRequest {
        follow_redirects: false,
        route: settings::route(host)?,
        ..HttpRequest::get(&url)
    };
    let response = host.fetch(request).map_err(connecting_failed)?;
    match response.status() {
        200 | 203 | 206 => probe(host, url, &base, response),
        404 => Ok(Loaded::Nothing),
        status @ (301 | 302 | 303 | 307 | 308) => match response.header("location") {
            Some(location) => Ok(Loaded::Redirect {
                identifier: address::resolve(&base, location.trim())?,
                title: None,
            }),
            None => Err(not_playable(status)),
        },
        status => Err(not_playable(status)),
    }
}

fn connecting_failed(failure: Failure) -> Failure {
    // The node's own rules are against it: that is for the user, in the node's words.
    if failure.severity == Severity::Common {
        return failure;
    }
    Failure {
        message: "Connecting to the URL failed.".to_owned(),
        severity: Severity::Suspicious,
        cause: failure.to_string(),
        retry: failure.retry,
    }
}

fn not_playable(status: u16) -> Failure {
    Failure::common("That URL is not playable.").because(format!("the server answered with status {status}"))
}

fn probe(host: &dyn Host, url: String, base: &Url, response: Body) -> Result<Loaded, Failure> {
    let station = Station::of(&response.headers());
    let hint = Hint {
        mime: response.header("content-type"),
        ..Hint::default()
    };
    match host.probe(Media::Response(response, hint))? {
        Probe::Reference { identifier, title } => Ok(Loaded::Redirect {
            identifier: address::resolve(base, &identifier)?,
            title,
        }),
        Probe::Audio {
            container,
            parameters,
            title,
            author,
            isrc,
            length,
            is_seekable,
        } => {
            let station = if WITHOUT_STATION.contains(&container.as_str()) {
                Station::default()
            } else {
                station
            };
            let info = TrackInfo {
                identifier: url.clone(),
                is_seekable: is_seekable && length.is_some(),
                author: author
                    .or(station.author)
                    .unwrap_or_else(|| "Unknown artist".to_owned()),
                length,
                is_stream: length.is_none(),
                title: title
                    .or(station.title)
                    .unwrap_or_else(|| "Unknown title".to_owned()),
                uri: Some(url),
                artwork_url: None,
                isrc,
            };
            let tail = ProbeInfo {
                container,
                parameters,
            }
            .details()?;
            Ok(Loaded::Track(Track {
                info,
                details: tail.details,
                plugin_info: tail.plugin_info,
            }))
        }
    }
}
