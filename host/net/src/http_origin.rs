//! A medium behind an HTTP URL: opened by range, reconnected at the same byte whenever the connection breaks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::origin::{ByteOrigin, Opened};
use crate::stream_title::{Deinterleaver, StreamTitles};
use crate::{HttpClient, NetError, Request, Response};

/// Waits before the retries that follow failures without a new byte in between. When they are used up, so is the
/// medium. A pause or a lossy link costs one entry each time and gets it back with the next bytes.
const BACK_OFF: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Bytes after which a connection counts as good again; with fewer, the next retry still waits.
const GOOD_RUN_BYTES: u64 = 16 * 1024;

/// Most bytes read and thrown away to reach an offset on a server without ranges. A song fits, an archive does not.
const MAX_SKIP_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes asked for at once while skipping.
const SKIP_CHUNK: usize = 64 * 1024;

/// A [`ByteOrigin`] over HTTP.
///
/// No `Range` is sent for offset 0. Offsets beyond are asked for by `Range` and the answer is checked to begin there; a
/// server that answers with the whole medium instead is skipped forward, up to 16 MiB. Broken connections, timeouts,
/// early ends and 5xx answers are retried at the current byte, up to five times in a row without progress; other
/// statuses are final. When the request has an `Icy-MetaData` header, what a station sends between its audio is taken out
/// (see [`StreamTitles`]).
pub struct HttpOrigin {
    client: HttpClient,
    request: Request,
    response: Option<Response>,
    /// Offset of the next byte delivered.
    position: u64,
    total: Option<u64>,
    /// Offset behind the last byte wanted; `None` is all of it.
    end: Option<u64>,
    /// `None` until a server said so or showed it.
    ranges: Option<bool>,
    live: bool,
    ended: bool,
    failures: u32,
    run: u64,
    /// Present when the request asks for titles.
    titles: Option<Arc<StreamTitles>>,
    /// Of the first answer.
    state: Option<MediumState>,
    /// Takes the titles out of the open answer.
    deinterleaver: Option<Deinterleaver>,
}

impl HttpOrigin {
    /// A medium that `request` gets; its `range` and `max_bytes` are set by the origin. Connects at the first open.
    pub fn new(client: HttpClient, mut request: Request) -> Self {
        request.max_bytes = None;
        let wants_titles = |(name, _): &(String, Vec<u8>)| name.eq_ignore_ascii_case("icy-metadata");
        let titles = request.headers.iter().any(wants_titles).then(Arc::default);
        Self {
            client,
            request,
            response: None,
            position: 0,
            total: None,
            end: None,
            ranges: None,
            live: false,
            ended: false,
            failures: 0,
            run: 0,
            titles,
            state: None,
            deinterleaver: None,
        }
    }

    /// A medium whose answer is already there: the first open at 0 takes it instead of connecting. `request` is what
    /// reconnects send. An answer that was partly read is not used.
    pub fn with_response(client: HttpClient, request: Request, response: Response) -> Self {
        let mut origin = Self::new(client, request);
        origin.response = response.is_unread().then_some(response);
        origin
    }

    /// Marks a stream without an end: a reconnect goes on with whatever the server sends next. Servers that send
    /// `icy-` headers and no length are taken for live without this.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Only the bytes before offset `end` are wanted; it is then the end of the medium.
    #[must_use]
    pub fn until(mut self, end: u64) -> Self {
        self.end = Some(end);
        self
    }

    async fn open_at(&mut self, offset: u64) -> Result<Opened, NetError> {
        let given = self
            .response
            .take()
            .filter(|response| offset == 0 && response.is_unread());
        self.position = offset;
        self.ended = false;
        self.failures = 0;
        self.run = 0;
        match given {
            Some(response) => self.accept(response).await?,
            None => self.connect().await?,
        }
        Ok(Opened {
            offset: self.position,
            total: self.total,
            seekable: self.is_seekable(),
        })
    }

    async fn next(&mut self, max: usize) -> Result<Bytes, NetError> {
        loop {
            let is_behind = |end: Option<u64>| end.is_some_and(|end| self.position >= end);
            if self.ended || is_behind(self.total) || is_behind(self.end) {
                self.response = None;
                return Ok(Bytes::new());
            }
            if self.response.is_none() {
                self.connect().await?;
                continue;
            }
            let left = self.end.map_or(u64::MAX, |end| end - self.position);
            let max = usize::try_from(left).unwrap_or(usize::MAX).min(max);
            match self.receive(max).await {
                Ok(bytes) if bytes.is_empty() => self.ended = true,
                Ok(bytes) => {
                    self.advance(bytes.len() as u64);
                    return Ok(bytes);
                }
                Err(error) => self.after_failure(error).await?,
            }
        }
    }

    /// Bytes from the open answer; an end before the announced total is an error.
    async fn receive(&mut self, max: usize) -> Result<Bytes, NetError> {
        let Some(response) = &mut self.response else {
            return Ok(Bytes::new());
        };
        let mut bytes = response.chunk(max).await?;
        if let (Some(deinterleaver), Some(titles)) = (&mut self.deinterleaver, &self.titles) {
            while !bytes.is_empty() {
                bytes = deinterleaver.audio(bytes, self.position, titles);
                if !bytes.is_empty() {
                    break;
                }
                bytes = response.chunk(max).await?;
            }
        }
        match self.total {
            Some(total) if bytes.is_empty() && self.position < total => Err(NetError::Interrupted {
                host: response.host().to_owned(),
                reason: format!("it ended at byte {} of {total}", self.position),
            }),
            _ => Ok(bytes),
        }
    }

    fn advance(&mut self, bytes: u64) {
        self.position += bytes;
        self.run += bytes;
        self.failures = if self.run >= GOOD_RUN_BYTES {
            0
        } else {
            self.failures.min(1)
        };
    }

    /// Connects at the current position, retrying as the budget allows.
    async fn connect(&mut self) -> Result<(), NetError> {
        loop {
            match self.try_connect().await {
                Ok(()) => return Ok(()),
                Err(error) => self.after_failure(error).await?,
            }
        }
    }

    async fn try_connect(&mut self) -> Result<(), NetError> {
        let mut request = self.request.clone();
        let last = self.end.map(|end| end.saturating_sub(1));
        let is_part = self.position > 0 || last.is_some();
        request.range = (is_part && !self.live).then_some((self.position, last));
        let response = self.client.fetch(request).await?;
        self.accept(response).await
    }

    /// Checks that an answer goes on at the current position and makes it the open one.
    async fn accept(&mut self, mut response: Response) -> Result<(), NetError> {
        self.run = 0;
        if matches!(response.status(), 200 | 203 | 206) && !self.live {
            self.compare_state(&response)?;
        }
        match response.status() {
            206 => {
                let range = response.header("content-range").and_then(ContentRange::parse);
                let is_packed = response
                    .header("content-encoding")
                    .is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
                match range {
                    Some(ContentRange {
                        first: Some(first),
                        total,
                    }) if first == self.position && !is_packed => {
                        self.ranges = Some(true);
                        self.learn_total(total, &response)?;
                    }
                    _ => {
                        return Err(NetError::Protocol {
                            host: response.host().to_owned(),
                            reason: format!("asked for byte {}, it sent another range", self.position),
                        });
                    }
                }
            }
            200 | 203 => {
                self.learn_total(response.content_length(), &response)?;
                self.live |= self.total.is_none()
                    && response
                        .headers()
                        .iter()
                        .any(|(name, _)| name.starts_with("icy-"));
                if self.position > 0 && !self.live {
                    self.ranges = Some(false);
                    self.skip(&mut response).await?;
                } else if let Some(unit) = response.header("accept-ranges") {
                    self.ranges = Some(unit.eq_ignore_ascii_case("bytes"));
                }
            }
            // Nothing from there on: the medium ends at or before the position.
            416 if self.position > 0 => {
                let range = response.header("content-range").and_then(ContentRange::parse);
                match range {
                    Some(ContentRange {
                        total: Some(total), ..
                    }) if total <= self.position => self.ended = true,
                    _ => {
                        return Err(NetError::Status {
                            host: response.host().to_owned(),
                            status: 416,
                        });
                    }
                }
            }
            status => {
                return Err(NetError::Status {
                    host: response.host().to_owned(),
                    status,
                });
            }
        }
        let is_station = self.titles.is_some() && self.total.is_none();
        let interval = response.header("icy-metaint").filter(|_| is_station);
        self.deinterleaver = interval.and_then(Deinterleaver::new);
        self.response = Some(response);
        Ok(())
    }

    /// Refuses an answer that is of another state of the medium than the first was.
    fn compare_state(&mut self, response: &Response) -> Result<(), NetError> {
        let now = MediumState::of(response);
        match &self.state {
            Some(before) if before.differs_from(&now) => Err(NetError::Protocol {
                host: response.host().to_owned(),
                reason: "the medium changed while it was read".to_owned(),
            }),
            Some(_) => Ok(()),
            None => {
                self.state = Some(now);
                Ok(())
            }
        }
    }

    fn learn_total(&mut self, total: Option<u64>, response: &Response) -> Result<(), NetError> {
        if let (Some(before), Some(now)) = (self.total, total)
            && before != now
        {
            return Err(NetError::Protocol {
                host: response.host().to_owned(),
                reason: format!("the medium changed while it was read, from {before} to {now} bytes"),
            });
        }
        self.total = self.total.or(total);
        Ok(())
    }

    /// Reads up to the current position of an answer that began at 0.
    async fn skip(&self, response: &mut Response) -> Result<(), NetError> {
        if self.position > MAX_SKIP_BYTES {
            return Err(NetError::NotSeekable {
                host: response.host().to_owned(),
                offset: self.position,
                reason: "the server ignores ranges".to_owned(),
            });
        }
        let mut left = self.position;
        while left > 0 {
            let max = usize::try_from(left).unwrap_or(SKIP_CHUNK).min(SKIP_CHUNK);
            let bytes = response.chunk(max).await?;
            if bytes.is_empty() {
                break; // the next read finds the end
            }
            left -= bytes.len() as u64;
        }
        Ok(())
    }

    /// Waits before the next attempt, or gives up.
    async fn after_failure(&mut self, error: NetError) -> Result<(), NetError> {
        self.response = None;
        if !error.is_retriable() {
            return Err(error);
        }
        let Some(wait) = BACK_OFF.get(self.failures as usize) else {
            return Err(NetError::Exhausted {
                attempts: self.failures + 1,
                last: Box::new(error),
            });
        };
        self.failures += 1;
        tracing::debug!(position = self.position, retry = self.failures, %error, "medium interrupted, reconnecting");
        tokio::time::sleep(*wait).await;
        Ok(())
    }

    /// Whether any offset can be served: by ranges, or by reading up to it.
    fn is_seekable(&self) -> bool {
        !self.live && (self.ranges == Some(true) || self.total.is_some_and(|total| total <= MAX_SKIP_BYTES))
    }
}

impl ByteOrigin for HttpOrigin {
    fn open(&mut self, offset: u64) -> BoxFuture<'_, Result<Opened, NetError>> {
        Box::pin(self.open_at(offset))
    }

    fn read(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, NetError>> {
        Box::pin(self.next(max))
    }

    fn is_cancellable(&self) -> bool {
        true
    }

    fn titles(&self) -> Option<Arc<StreamTitles>> {
        self.titles.clone()
    }
}

/// What tells one state of a medium from another (RFC 9110, section 8.8).
#[derive(Debug, Default, PartialEq, Eq)]
struct MediumState {
    /// A strong entity tag.
    tag: Option<String>,
    modified: Option<String>,
}

impl MediumState {
    fn of(response: &Response) -> Self {
        let text = |name| response.header(name).map(str::to_owned);
        Self {
            tag: text("etag").filter(|tag| !tag.starts_with("W/")),
            modified: text("last-modified"),
        }
    }

    /// Whether the tags differ and the times do not speak against it: the servers behind one name may tag the same file
    /// each in its own way.
    fn differs_from(&self, now: &Self) -> bool {
        let is_other_tag = self
            .tag
            .as_ref()
            .zip(now.tag.as_ref())
            .is_some_and(|(a, b)| a != b);
        let is_same_time = self.modified.is_some() && self.modified == now.modified;
        is_other_tag && !is_same_time
    }
}

/// A `Content-Range` header (RFC 9110, 14.4) in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    /// Offset of the first byte; `None` in `bytes */total`.
    first: Option<u64>,
    /// `None` for `*`.
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.split_once(char::is_whitespace)?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let total = match total.trim() {
            "*" => None,
            digits => Some(digits.parse().ok()?),
        };
        let first = match range.trim() {
            "*" => None,
            range => {
                let (first, last) = range.split_once('-')?;
                let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
                if last < first || total.is_some_and(|total| last >= total) {
                    return None;
                }
                Some(first)
            }
        };
        Some(Self { first, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn another_tag_is_another_state_unless_the_time_is_the_same() {
        let state = |tag: Option<&str>, modified: Option<&str>| MediumState {
            tag: tag.map(str::to_owned),
            modified: modified.map(str::to_owned),
        };
        let before = state(Some("a"), Some("Mon"));
        assert!(before.differs_from(&state(Some("b"), Some("Tue"))));
        assert!(before.differs_from(&state(Some("b"), None)));
        assert!(!before.differs_from(&state(Some("b"), Some("Mon"))));
        assert!(!before.differs_from(&state(Some("a"), Some("Tue"))));
        assert!(!before.differs_from(&state(None, Some("Tue"))));
    }

    #[test]
    fn content_ranges_are_read() {
        let some = |first, total| Some(ContentRange { first, total });
        assert_eq!(ContentRange::parse("bytes 5-9/10"), some(Some(5), Some(10)));
        assert_eq!(ContentRange::parse("Bytes 0-0/*"), some(Some(0), None));
        assert_eq!(ContentRange::parse("bytes */10"), some(None, Some(10)));
        for bad in [
            "",
            "bytes",
            "bytes 5-9",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "items 5-9/10",
            "bytes a-b/c",
            "bytes 5/10",
        ] {
            assert_eq!(ContentRange::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn written_ranges_are_read_back(first: u32, more: u32, rest: u32) {
            let (first, last) = (u64::from(first), u64::from(first) + u64::from(more));
            let total = last + 1 + u64::from(rest);
            let text = format!("bytes {first}-{last}/{total}");
            prop_assert_eq!(ContentRange::parse(&text), Some(ContentRange { first: Some(first), total: Some(total) }));
        }

        #[test]
        fn any_text_is_survived(text in "(bytes )?[ -~]{0,40}") {
            let _ = ContentRange::parse(&text);
        }
    }
}
