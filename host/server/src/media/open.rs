//! Opens what a plugin calls [`Media`] as a reader.

use std::sync::Arc;

use lavalink_audio::MediaHint;
use lavalink_net::{ByteOrigin, HlsOrigin, HostList, HttpOrigin, MediaReader, ReaderConfig, Request, Route};
use lavalink_plugin_api::{Body, Failure, Hint, HttpRequest, Media, Route as PluginRoute};
use lavalink_plugins::PluginThreads;
use tokio::runtime::Handle;

use super::origin::{ResponseOrigin, StreamOrigin};
use crate::client::LazyClient;

/// Turns media into readers on one runtime and one HTTP client.
#[derive(Debug, Clone)]
pub struct Opener {
    client: Arc<LazyClient>,
    runtime: Handle,
    threads: Arc<PluginThreads>,
}

impl Opener {
    /// An opener whose readers run on `runtime`, and what plugins do for them on `threads`.
    pub fn new(client: Arc<LazyClient>, runtime: Handle, threads: Arc<PluginThreads>) -> Self {
        Self {
            client,
            runtime,
            threads,
        }
    }

    /// The HTTP client media are read with.
    pub fn client(&self) -> &Arc<LazyClient> {
        &self.client
    }

    /// The node's runtime.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Starts to read a medium, from these hosts and no others. The reader may still have to connect: see [`MediaReader::ready`].
    ///
    /// # Errors
    /// When the medium is of a kind that cannot be read, or the HTTP client cannot be set up.
    pub fn open(
        &self,
        media: Media,
        hosts: &Arc<HostList>,
        config: ReaderConfig,
    ) -> Result<(MediaReader, MediaHint), Failure> {
        let (origin, hint): (Box<dyn ByteOrigin>, Hint) = match media {
            Media::Http { request, hint, .. } => {
                let client = self.client.get()?;
                (
                    Box::new(HttpOrigin::new(client, net_request(request, hosts))),
                    hint,
                )
            }
            Media::Response(body, hint) => (Box::new(ResponseOrigin::new(body, None, &self.threads)?), hint),
            Media::Bytes(stream, hint) => (Box::new(StreamOrigin::new(stream, &self.threads)), hint),
            Media::Hls { request, .. } => {
                let client = self.client.get()?;
                (
                    Box::new(HlsOrigin::new(client, net_request(request, hosts))),
                    Hint::default(),
                )
            }
            Media::Redirect(identifier) => {
                return Err(
                    Failure::fault("A redirect has no bytes.").because(format!("identifier {identifier}"))
                );
            }
        };
        Ok((
            MediaReader::spawn(&self.runtime, origin, config),
            media_hint(hint),
        ))
    }
}

impl Opener {
    /// Starts to read an answer whose request is known, so that it can be made again for another part of the medium.
    ///
    /// # Errors
    /// When the answer carries no medium.
    pub fn open_response(
        &self,
        body: Body,
        hint: Hint,
        request: Request,
        config: ReaderConfig,
    ) -> Result<(MediaReader, MediaHint), Failure> {
        let again = HttpOrigin::new(self.client.get()?, request);
        let origin = Box::new(ResponseOrigin::new(body, Some(again), &self.threads)?);
        Ok((
            MediaReader::spawn(&self.runtime, origin, config),
            media_hint(hint),
        ))
    }
}

/// A plugin's hint in the audio engine's terms.
fn media_hint(hint: Hint) -> MediaHint {
    MediaHint {
        mime: hint.mime,
        extension: hint.extension,
        container: hint.container,
    }
}

/// A plugin's request in the HTTP client's terms, to these hosts and no others.
pub fn net_request(request: HttpRequest, hosts: &Arc<HostList>) -> Request {
    Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        range: request.range.map(|range| (range.start, range.end)),
        follow_redirects: request.follow_redirects,
        max_bytes: request.max_bytes,
        route: match request.route {
            PluginRoute::Direct => Route::Direct,
            PluginRoute::Planned => Route::Planned,
            PluginRoute::PlannedSearch => Route::PlannedSearch,
        },
        hosts: Some(Arc::clone(hosts)),
    }
}
