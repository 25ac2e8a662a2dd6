//! Bytes that come from a plugin, as origins of the network crate.
//!
//! A plugin's stream blocks, so each read runs on a thread for plugins; the stream moves there and back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lavalink_net::{ByteOrigin, HttpOrigin, NetError, Opened};
use lavalink_plugin_api::{Body, ByteStream, Failure};
use lavalink_plugins::PluginThreads;

/// Longest time one read or seek of a plugin's stream may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// Bytes a plugin makes ([`lavalink_plugin_api::Media::Bytes`]).
pub struct StreamOrigin {
    /// `None` while a call is running, and for good once one ran into its deadline.
    stream: Option<Box<dyn ByteStream>>,
    total: Option<u64>,
    /// Whether `total` has been asked for: a plugin may never answer even that, so it is asked where there is a deadline.
    is_measured: bool,
    position: u64,
    threads: Arc<PluginThreads>,
}

impl StreamOrigin {
    /// An origin at the front of `stream`.
    pub fn new(stream: Box<dyn ByteStream>, threads: &Arc<PluginThreads>) -> Self {
        Self {
            threads: Arc::clone(threads),
            total: None,
            is_measured: false,
            stream: Some(stream),
            position: 0,
        }
    }

    async fn open_at(&mut self, offset: u64) -> Result<Opened, NetError> {
        if !self.is_measured {
            self.total = run(&self.threads, &mut self.stream, |stream| Ok(stream.length())).await?;
            self.is_measured = true;
        }
        if offset != self.position {
            if self.total.is_none() {
                return Err(origin_error("this stream cannot jump", false));
            }
            let target = self.total.map_or(offset, |total| offset.min(total));
            run(&self.threads, &mut self.stream, move |stream| stream.seek(target)).await?;
            self.position = target;
        }
        Ok(Opened {
            offset: self.position,
            total: self.total,
            seekable: self.total.is_some(),
        })
    }

    async fn read_some(&mut self, max: usize) -> Result<Bytes, NetError> {
        let bytes = run(&self.threads, &mut self.stream, move |stream| stream.read(max)).await?;
        if bytes.len() > max {
            return Err(origin_error(
                &format!("the plugin gave {} bytes when {max} were asked for", bytes.len()),
                false,
            ));
        }
        self.position += bytes.len() as u64;
        Ok(bytes.into())
    }
}

impl ByteOrigin for StreamOrigin {
    fn open(&mut self, offset: u64) -> BoxFuture<'_, Result<Opened, NetError>> {
        self.open_at(offset).boxed()
    }

    fn read(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, NetError>> {
        self.read_some(max).boxed()
    }
}

/// An answer a plugin opened and handed back unread ([`lavalink_plugin_api::Media::Response`]).
///
/// It is read from front to back. Elsewhere it can only begin when the request behind it is known and the server
/// serves ranges: then that request is made again.
pub struct ResponseOrigin {
    body: Option<Body>,
    total: Option<u64>,
    position: u64,
    again: Option<HttpOrigin>,
    is_again: bool,
    threads: Arc<PluginThreads>,
}

impl ResponseOrigin {
    /// An origin at the front of `body`; `again` makes the same request anew.
    ///
    /// # Errors
    /// When the answer's status says that there is no medium.
    pub fn new(body: Body, again: Option<HttpOrigin>, threads: &Arc<PluginThreads>) -> Result<Self, Failure> {
        let status = body.status();
        if !(200..300).contains(&status) {
            return Err(Failure::suspicious(format!(
                "The server answered with status {status}."
            )));
        }
        let total = body
            .header("content-length")
            .and_then(|text| text.trim().parse().ok());
        let serves_ranges = body
            .header("accept-ranges")
            .is_some_and(|unit| unit.trim().eq_ignore_ascii_case("bytes"));
        let again = again.filter(|_| serves_ranges && total.is_some() && status == 200);
        Ok(Self {
            body: Some(body),
            total,
            position: 0,
            again,
            is_again: false,
            threads: Arc::clone(threads),
        })
    }

    async fn open_at(&mut self, offset: u64) -> Result<Opened, NetError> {
        if offset == self.position && !self.is_again {
            return Ok(Opened {
                offset,
                total: self.total,
                seekable: self.again.is_some(),
            });
        }
        let Some(again) = &mut self.again else {
            return Err(origin_error(
                "this answer can only be read from front to back",
                false,
            ));
        };
        self.is_again = true;
        self.body = None;
        again.open(offset).await
    }

    async fn read_some(&mut self, max: usize) -> Result<Bytes, NetError> {
        if let Some(again) = self.again.as_mut().filter(|_| self.is_again) {
            return again.read(max).await;
        }
        let bytes = run(&self.threads, &mut self.body, move |body| body.read(max)).await?;
        self.position += bytes.len() as u64;
        Ok(bytes.into())
    }
}

impl ByteOrigin for ResponseOrigin {
    fn open(&mut self, offset: u64) -> BoxFuture<'_, Result<Opened, NetError>> {
        self.open_at(offset).boxed()
    }

    fn read(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, NetError>> {
        self.read_some(max).boxed()
    }
}

/// Runs one call on a thread for plugins with a deadline. Past it the stream is given up: its thread may still use it.
async fn run<S, T>(
    threads: &PluginThreads,
    slot: &mut Option<Box<S>>,
    call: impl FnOnce(&mut S) -> Result<T, Failure> + Send + 'static,
) -> Result<T, NetError>
where
    S: ?Sized + Send + 'static,
    T: Send + 'static,
{
    let Some(mut stream) = slot.take() else {
        return Err(origin_error(
            "the plugin's stream did not answer in time and was given up",
            false,
        ));
    };
    let running = threads.spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(&mut stream)));
        (stream, outcome)
    });
    match tokio::time::timeout(DEADLINE, running).await {
        Err(_) => Err(origin_error("the plugin's stream did not answer in time", false)),
        Ok(Err(_)) => Err(origin_error("the node is shutting down", false)),
        Ok(Ok((_, Err(_)))) => Err(origin_error("the plugin's stream panicked", false)),
        Ok(Ok((stream, Ok(outcome)))) => {
            *slot = Some(stream);
            outcome.map_err(|failure| origin_error(&failure.to_string(), failure.retry.is_some()))
        }
    }
}

fn origin_error(reason: &str, retriable: bool) -> NetError {
    NetError::Origin {
        reason: reason.to_owned(),
        retriable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Digits {
        position: u64,
        length: Option<u64>,
    }

    impl ByteStream for Digits {
        fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
            let end = self.length.unwrap_or(10);
            let count = (end - self.position).min(max as u64).min(4);
            let bytes = (self.position..self.position + count)
                .map(|n| b'0' + n as u8)
                .collect();
            self.position += count;
            Ok(bytes)
        }

        fn seek(&mut self, offset: u64) -> Result<(), Failure> {
            self.position = offset;
            Ok(())
        }

        fn length(&self) -> Option<u64> {
            self.length
        }
    }

    struct Broken;

    impl ByteStream for Broken {
        fn read(&mut self, _max: usize) -> Result<Vec<u8>, Failure> {
            panic!("broken stream")
        }

        fn seek(&mut self, _offset: u64) -> Result<(), Failure> {
            Err(Failure::common("no"))
        }

        fn length(&self) -> Option<u64> {
            Some(5)
        }
    }

    #[tokio::test]
    async fn a_plugins_bytes_are_read_and_jumped_in() {
        let digits = Digits {
            position: 0,
            length: Some(10),
        };
        let mut origin = StreamOrigin::new(Box::new(digits), &PluginThreads::new());
        assert_eq!(
            origin.open(0).await,
            Ok(Opened {
                offset: 0,
                total: Some(10),
                seekable: true
            })
        );
        assert_eq!(origin.read(3).await.unwrap(), "012");
        assert_eq!(origin.read(100).await.unwrap(), "3456");
        assert_eq!(origin.open(8).await.unwrap().offset, 8);
        assert_eq!(origin.read(100).await.unwrap(), "89");
        assert_eq!(origin.read(100).await.unwrap(), "");
        assert_eq!(origin.open(99).await.unwrap().offset, 10);
    }

    #[tokio::test]
    async fn a_stream_of_unknown_length_is_never_asked_to_seek() {
        let digits = Digits {
            position: 0,
            length: None,
        };
        let mut origin = StreamOrigin::new(Box::new(digits), &PluginThreads::new());
        assert!(!origin.open(0).await.unwrap().seekable);
        assert!(origin.open(3).await.is_err());
    }

    #[tokio::test]
    async fn failures_and_panics_become_errors() {
        let mut origin = StreamOrigin::new(Box::new(Broken), &PluginThreads::new());
        assert!(origin.open(2).await.unwrap_err().to_string().contains("no"));
        assert!(origin.open(0).await.is_ok());
        assert!(origin.read(1).await.unwrap_err().to_string().contains("panicked"));
        assert!(origin.read(1).await.is_err());
    }

    struct Answer {
        ranges: bool,
        bytes: &'static [u8],
    }

    impl lavalink_plugin_api::HttpResponse for Answer {
        fn status(&self) -> u16 {
            200
        }

        fn headers(&self) -> Vec<lavalink_plugin_api::Header> {
            let unit = if self.ranges { "bytes" } else { "none" };
            vec![
                ("content-length".into(), self.bytes.len().to_string().into()),
                ("accept-ranges".into(), unit.into()),
            ]
        }

        fn url(&self) -> String {
            "http://media.test/a".into()
        }

        fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
            let (now, later) = self.bytes.split_at(self.bytes.len().min(max));
            self.bytes = later;
            Ok(now.to_vec())
        }
    }

    fn again() -> Option<HttpOrigin> {
        let client = lavalink_net::HttpClient::new(lavalink_net::NetConfig::default()).expect("a client");
        Some(HttpOrigin::new(
            client,
            lavalink_net::Request::get("http://media.test/a"),
        ))
    }

    #[tokio::test]
    async fn an_answer_is_read_on_and_seekable_only_where_it_can_be_asked_for_again() {
        for (ranges, known, expected) in [(true, true, true), (true, false, false), (false, true, false)] {
            let answer = Answer {
                ranges,
                bytes: b"0123456789",
            };
            let again = again().filter(|_| known);
            let mut origin =
                ResponseOrigin::new(Box::new(answer), again, &PluginThreads::new()).expect("status 200");
            let opened = origin.open(0).await.expect("at the front");
            assert_eq!((opened.total, opened.seekable), (Some(10), expected));
            assert_eq!(origin.read(4).await.unwrap(), "0123");
            assert_eq!(origin.read(100).await.unwrap(), "456789");
            assert_eq!(origin.read(100).await.unwrap(), "");
            if !expected {
                assert!(origin.open(3).await.is_err());
            }
        }
    }
}
