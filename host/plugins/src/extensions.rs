//! What a loader, of whatever form of plugin, hands over.

use std::sync::Arc;

use lavalink_plugin_api::{
    ContainerProbe, Endpoint, EventListener, FilterFactory, InfoModifier, Interceptor, Interest,
    LyricsSource, Routes, Search, Source, SourceDescriptor,
};

use crate::admission::{Form, Grants};
use crate::footprint::Tally;
use crate::manifest::Manifest;

/// Longest name of a filter, bytes.
const MAX_NAME: usize = 64;
/// Longest path of an endpoint, bytes.
const MAX_PATH: usize = 256;
/// Most endpoints of one part of a plugin.
const MAX_ENDPOINTS: usize = 256;

/// A plugin in this process.
pub(crate) struct Loaded {
    pub(crate) manifest: Manifest,
    pub(crate) form: Form,
    /// What manifest and operator both allow.
    pub(crate) grants: Arc<Grants>,
    /// Interface generation it is talked to in.
    pub(crate) generation: u32,
    pub(crate) extensions: Extensions,
    /// What its instances hold, when it is made of instances.
    pub(crate) tally: Option<Arc<Tally>>,
}

/// Parts of one kind, each with what it said about itself.
pub(crate) type Described<D, P> = Vec<(D, Arc<P>)>;

/// Everything a plugin offers, each with what it said about itself when it was loaded; it is not asked for that again.
#[derive(Clone, Default)]
pub struct Extensions {
    /// Sources, each with its description.
    pub sources: Vec<(SourceDescriptor, Arc<dyn Source>)>,
    /// Audio filters by the key under `filters.pluginFilters`.
    pub filters: Vec<(String, Arc<dyn FilterFactory>)>,
    /// REST endpoints.
    pub routes: Vec<(Vec<Endpoint>, Arc<dyn Routes>)>,
    /// Interceptors of REST requests.
    pub interceptors: Vec<Arc<dyn Interceptor>>,
    /// Listeners to events, and to which.
    pub listeners: Vec<(Interest, Arc<dyn EventListener>)>,
    /// Modifiers of `pluginInfo`.
    pub modifiers: Vec<Arc<dyn InfoModifier>>,
    /// Probes for containers.
    pub probes: Vec<Arc<dyn ContainerProbe>>,
    /// Searches by the name of the source their tracks belong to.
    pub searches: Vec<(String, Arc<dyn Search>)>,
    /// Lyrics by the name of the source whose tracks they are asked for first.
    pub lyrics: Vec<(String, Arc<dyn LyricsSource>)>,
}

impl Extensions {
    /// What there is beside sources, by the names in `export!`.
    pub(crate) fn beyond_sources(&self) -> Vec<&'static str> {
        let parts = [
            ("filters", self.filters.len()),
            ("routes", self.routes.len()),
            ("interceptor", self.interceptors.len()),
            ("events", self.listeners.len()),
            ("info", self.modifiers.len()),
            ("probe", self.probes.len()),
            ("search", self.searches.len()),
            ("lyrics", self.lyrics.len()),
        ];
        let present = parts.into_iter().filter(|(_, count)| *count > 0);
        present.map(|(name, _)| name).collect()
    }

    /// Leaves out, and reports, filters and endpoints that make no sense.
    pub(crate) fn leave_out_senseless(&mut self, plugin: &str) {
        self.filters.retain(|(name, _)| {
            let is_name = !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
            if !is_name {
                tracing::warn!("Plugin {plugin}: a filter is left out; its name {name:?} is no name");
            }
            is_name
        });
        self.routes.retain(|(endpoints, _)| {
            let bad = endpoints.iter().find(|endpoint| !is_sound(endpoint));
            match bad {
                Some(bad) => tracing::warn!(
                    "Plugin {plugin}: its endpoints are left out; {:?} {:?} is none",
                    bad.method,
                    bad.path
                ),
                None if endpoints.len() > MAX_ENDPOINTS => tracing::warn!(
                    "Plugin {plugin}: its endpoints are left out; {} are too many, {MAX_ENDPOINTS} may be",
                    endpoints.len()
                ),
                None => return true,
            }
            false
        });
    }
}

/// Whether requests can match an endpoint.
fn is_sound(endpoint: &Endpoint) -> bool {
    let Endpoint { method, path } = endpoint;
    let is_method = (1..=16).contains(&method.len()) && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_path =
        path.starts_with('/') && path.len() <= MAX_PATH && path.bytes().all(|byte| byte.is_ascii_graphic());
    is_method && is_path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_that_no_request_can_match_are_none() {
        let endpoint = |method: &str, path: &str| Endpoint {
            method: method.to_owned(),
            path: path.to_owned(),
        };
        for (method, path) in [("GET", "/v4/x/{y}"), ("PROPFIND", "/")] {
            assert!(is_sound(&endpoint(method, path)), "{method} {path}");
        }
        for (method, path) in [
            ("", "/x"),
            ("get", "/x"),
            ("GET POST", "/x"),
            ("GET", "x"),
            ("GET", ""),
            ("GET", "/a b"),
            ("GET", "/\u{e9}"),
            ("GET", &format!("/{}", "x".repeat(MAX_PATH))),
        ] {
            assert!(!is_sound(&endpoint(method, path)), "{method} {path}");
        }
    }
}
