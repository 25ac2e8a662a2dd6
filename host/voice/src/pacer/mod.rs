//! The media clock: threads that send one packet per connection and 20 ms.
//!
//! A pacer thread sleeps until the next slot of its grid that has streams, asks each of their sources for a packet,
//! encrypts and sends it. It never waits for a lock, allocates nothing while sending and does no I/O but UDP.

pub(crate) mod clock;
#[cfg(test)]
mod flight_tests;
pub(crate) mod link;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
mod thread;
mod watch;
mod wheel;

use std::{net::UdpSocket, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::timeout};

use crate::{
    counters::VoiceCounters,
    source::SharedSource,
    udp::{crypto::TransportCipher, rtp::RtpStream},
};
use link::{MediaLink, Stop};
use stream::Stream;
pub(crate) use thread::PacerPool;

/// The control plane's end of a stream that a pacer thread runs. Dropping it ends the stream.
pub(crate) struct MediaHandle {
    link: Arc<MediaLink>,
    way_back: Option<oneshot::Receiver<Box<Stream>>>,
}

impl MediaHandle {
    /// Starts sending over `socket` (connected, non-blocking). Nothing is sent until a
    /// [`Protection`](link::Protection) is set.
    pub(crate) fn start(
        pool: &PacerPool,
        source: SharedSource,
        socket: UdpSocket,
        rtp: RtpStream,
        cipher: TransportCipher,
        counters: Arc<VoiceCounters>,
    ) -> Self {
        let link = Arc::new(MediaLink::new(counters));
        let (sender, way_back) = oneshot::channel();
        pool.add(Box::new(Stream::new(
            source,
            socket,
            rtp,
            cipher,
            Arc::clone(&link),
            sender,
        )));
        Self {
            link,
            way_back: Some(way_back),
        }
    }

    /// What is shared with the pacer.
    pub(crate) fn link(&self) -> &MediaLink {
        &self.link
    }

    /// Ends the stream after its silence packets and waits for that, `limit` at most.
    pub(crate) async fn finish(mut self, limit: Duration) {
        self.link.stop(Stop::AfterSilence);
        if let Some(way_back) = &mut self.way_back
            && timeout(limit, way_back).await.is_ok()
        {
            self.way_back = None;
        }
    }
}

impl Drop for MediaHandle {
    fn drop(&mut self) {
        let Some(way_back) = self.way_back.take() else {
            return;
        };
        self.link.stop(Stop::Now);
        // The stream comes back within a slot; dropping it here rather than on the pacer keeps the owner's source
        // from running its destructor there.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { drop(timeout(Duration::from_secs(1), way_back).await) });
        }
    }
}
