//! An answer whose body a plugin, or later the node itself, reads piece by piece.

use std::sync::Arc;

use lavalink_net::Response;
use lavalink_plugin_api::{Failure, Header, HttpResponse};
use tokio::runtime::Handle;

use super::{CallScope, net_failure, out_of_time};

/// Most bytes given out by one read, whatever the plugin asks for.
const MAX_READ: usize = 1024 * 1024;

/// See the module.
pub struct HostResponse {
    response: Response,
    runtime: Handle,
    scope: Arc<CallScope>,
}

impl HostResponse {
    /// Wraps an answer to a request made in the call `scope`.
    pub(super) fn new(response: Response, runtime: Handle, scope: Arc<CallScope>) -> Self {
        Self {
            response,
            runtime,
            scope,
        }
    }
}

impl HttpResponse for HostResponse {
    fn status(&self) -> u16 {
        self.response.status()
    }

    fn headers(&self) -> Vec<Header> {
        self.response.headers().to_vec()
    }

    fn url(&self) -> String {
        self.response.url().to_owned()
    }

    fn local_address(&self) -> Option<String> {
        self.response.local_address().map(|address| address.to_string())
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let reading = self.response.chunk(max.min(MAX_READ));
        let chunk = match self.scope.remaining() {
            Some(remaining) => self
                .runtime
                .block_on(async { tokio::time::timeout(remaining, reading).await })
                .map_err(|_| out_of_time("reading an answer"))?,
            None => self.runtime.block_on(reading),
        };
        Ok(chunk.map_err(|error| net_failure(&error))?.to_vec())
    }
}
