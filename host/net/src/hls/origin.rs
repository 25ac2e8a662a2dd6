//! The segments of a rendition one after the other, as bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::Url;
use tokio::time::Instant;

use super::HlsProblem;
use super::cipher::{BLOCK, sequence_iv};
use super::fetch::{self, Rendition};
use super::playlist::{Key, Map, MediaPlaylist, Resource};
use super::segment::{Secret, SegmentBody};
use crate::pieces::PIECE_BYTES;
use crate::{ByteOrigin, HttpClient, NetError, Opened, PieceIndex, Request};

/// A live stream is joined this many target durations before its end (RFC 8216, section 6.3.3).
const LIVE_DISTANCE: u32 = 3;

/// A live stream has ended when nothing was added for this many target durations, within these bounds.
const SILENT_TARGETS: u32 = 3;
const SILENT_RANGE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));

/// Segments of a live stream in a row that may be missing.
const MAX_MISSING: u32 = 5;

/// Where decoding begins before the time asked for, as in the audio engine: a decoder needs what is before it.
const LEAD_IN: Duration = Duration::from_millis(100);

/// A playlist that ends this many segments before what was played is taken for an old copy.
const STALE_SEGMENTS: u64 = 5;

/// Most bytes of an initialisation section; real ones have about a thousand.
const MAX_SECTION_BYTES: u64 = 1024 * 1024;

/// Bytes of a section asked for at once.
const PLENTY: usize = 64 * 1024;

/// Keys remembered: streams change them at intervals and go back only by seeks.
const MAX_KEYS: usize = 8;

/// A [`ByteOrigin`] over an HLS playlist.
///
/// Broken connections inside a segment are mended as [`crate::HttpOrigin`] does. A live stream skips segments that are
/// gone and ends when its playlist stops growing; a complete one fails, after one new look at its playlist.
pub struct HlsOrigin {
    client: HttpClient,
    /// What every request is made from; of the addresses only the first is the caller's.
    template: Request,
    index: Arc<PieceIndex>,
    rendition: Option<Rendition>,
    /// Time playback begins at.
    start: Duration,
    /// When the playlist was fetched last, and whether that brought something new.
    looked: Instant,
    has_grown: bool,
    /// Number of the segment to be opened next.
    next: u64,
    /// The segment to be opened, once it is known.
    queued: Option<Part>,
    body: Option<SegmentBody>,
    /// The initialisation section that was read last, and its bytes.
    map: Option<Arc<Map>>,
    section: Bytes,
    /// What is left to be delivered of a section.
    pending: Bytes,
    /// Whether anything was delivered since the last open.
    has_delivered: bool,
    /// The next bytes do not go on with those before them.
    is_break_due: bool,
    /// The bytes delivered last were the first of a part.
    begins_part: bool,
    keys: VecDeque<(Url, [u8; BLOCK])>,
    missing: u32,
}

/// A segment to be read, after its initialisation section.
struct Part {
    resource: Resource,
    key: Option<Arc<Key>>,
    map: Option<Arc<Map>>,
    sequence: u64,
}

impl HlsOrigin {
    /// The stream whose master or media playlist `request` gets.
    pub fn new(client: HttpClient, mut request: Request) -> Self {
        request.range = None;
        request.max_bytes = None;
        request.follow_redirects = true;
        Self {
            client,
            template: request,
            index: Arc::default(),
            rendition: None,
            start: Duration::ZERO,
            looked: Instant::now(),
            has_grown: true,
            next: 0,
            queued: None,
            body: None,
            map: None,
            section: Bytes::new(),
            pending: Bytes::new(),
            has_delivered: false,
            is_break_due: false,
            begins_part: false,
            keys: VecDeque::new(),
            missing: 0,
        }
    }

    async fn open_at(&mut self, offset: u64) -> Result<Opened, NetError> {
        self.body = None;
        self.queued = None;
        self.map = None;
        self.section.clear();
        self.pending.clear();
        self.has_delivered = false;
        self.is_break_due = false;
        self.missing = 0;
        let mut offset = offset;
        if self.rendition.is_none() {
            let rendition = fetch::resolve(&self.client, &self.template).await?;
            self.looked = Instant::now();
            if rendition.list.is_complete {
                self.index
                    .set(rendition.list.segments.iter().map(|segment| segment.duration));
                let first = self.index.at(self.start.saturating_sub(LEAD_IN));
                if let Some(piece) = first.filter(|_| offset == 0) {
                    offset = piece.offset;
                }
            }
            self.rendition = Some(rendition);
        }
        let Some(list) = self.rendition.as_ref().map(|rendition| &rendition.list) else {
            return Ok(Opened {
                offset,
                total: None,
                seekable: false,
            });
        };
        let seekable = list.is_complete;
        self.next = if seekable {
            if !offset.is_multiple_of(PIECE_BYTES) {
                return Err(not_seekable(
                    offset,
                    "only the beginning of a segment can be reached",
                ));
            }
            list.sequence.saturating_add(offset / PIECE_BYTES)
        } else if offset == 0 {
            live_edge(list)
        } else {
            return Err(not_seekable(offset, "the stream is live"));
        };
        self.advance().await?;
        Ok(Opened {
            offset,
            total: None,
            seekable,
        })
    }

    async fn next_bytes(&mut self, max: usize) -> Result<Bytes, NetError> {
        loop {
            if !self.pending.is_empty() {
                let bytes = self.pending.split_to(max.min(self.pending.len()));
                return Ok(self.deliver(bytes));
            }
            let Some(body) = &mut self.body else {
                if self.advance().await? {
                    continue;
                }
                return Ok(Bytes::new());
            };
            match body.read(max).await {
                Ok(bytes) if bytes.is_empty() => self.body = None,
                Ok(bytes) => {
                    self.missing = 0;
                    return Ok(self.deliver(bytes));
                }
                Err(error) => {
                    self.body = None;
                    self.give_up_segment(error)?;
                }
            }
        }
    }

    fn deliver(&mut self, bytes: Bytes) -> Bytes {
        let is_break_due = std::mem::take(&mut self.is_break_due);
        self.begins_part = is_break_due && self.has_delivered;
        self.has_delivered = true;
        bytes
    }

    /// Opens what is to be read next; `false` at the end of the stream.
    async fn advance(&mut self) -> Result<bool, NetError> {
        loop {
            if self.queued.is_none() && !self.plan().await? {
                return Ok(false);
            }
            let Some(part) = self.queued.take() else {
                continue;
            };
            match self.open_part(&part).await {
                Ok(body) => {
                    self.body = Some(body);
                    return Ok(true);
                }
                Err(NetError::Status { status, .. }) if self.may_look_again(status) => {
                    // Addresses of segments run out; a new playlist has new ones.
                    self.refresh(part.sequence).await?;
                }
                Err(error) => self.give_up_segment(error)?,
            }
        }
    }

    /// Queues the next segment.
    async fn plan(&mut self) -> Result<bool, NetError> {
        let silent_since = Instant::now();
        loop {
            let Some(Rendition { list, .. }) = &self.rendition else {
                return Ok(false);
            };
            if let Some(next) = jump_from(self.next, list) {
                tracing::debug!(wanted = self.next, next, "jumping to what the playlist has");
                self.next = next;
                self.is_break_due = true;
            }
            let segment = self
                .next
                .checked_sub(list.sequence)
                .and_then(|index| list.segments.get(usize::try_from(index).ok()?));
            if let Some(segment) = segment {
                let sequence = self.next;
                self.next += 1;
                self.is_break_due |= segment.is_discontinuous || segment.is_gap;
                if segment.is_gap {
                    continue;
                }
                self.queued = Some(Part {
                    resource: segment.resource.clone(),
                    key: segment.key.clone(),
                    map: segment.map.clone(),
                    sequence,
                });
                return Ok(true);
            }
            if list.is_complete {
                return Ok(false);
            }
            let patience = (list.target * SILENT_TARGETS).clamp(SILENT_RANGE.0, SILENT_RANGE.1);
            if silent_since.elapsed() > patience {
                tracing::debug!(after = ?patience, "the live playlist has stopped growing");
                return Ok(false);
            }
            self.look_again().await;
        }
    }

    /// Waits until the live playlist may be fetched again, and does so. A failure counts as a playlist without news.
    async fn look_again(&mut self) {
        let Some(Rendition { url, list }) = &self.rendition else {
            return;
        };
        let wait = if self.has_grown {
            list.target
        } else {
            list.target / 2
        };
        let url = url.clone();
        tokio::time::sleep_until(self.looked + wait).await;
        let outcome = fetch::reload(&self.client, &self.template, &url).await;
        self.looked = Instant::now();
        match (outcome, &mut self.rendition) {
            (Ok(list), Some(rendition)) => {
                self.has_grown = list != rendition.list;
                rendition.list = list;
            }
            (Err(error), _) => {
                tracing::debug!(%error, "a live playlist could not be fetched again");
                self.has_grown = false;
            }
            (Ok(_), None) => {}
        }
    }

    fn may_look_again(&self, status: u16) -> bool {
        self.rendition
            .as_ref()
            .is_some_and(|rendition| rendition.list.is_complete)
            && matches!(status, 401 | 403 | 404 | 410)
            && self.missing == 0
    }

    /// Fetches a complete playlist anew, from the first address, and goes on at the same segment.
    async fn refresh(&mut self, sequence: u64) -> Result<(), NetError> {
        self.missing += 1;
        let fresh = fetch::resolve(&self.client, &self.template).await?;
        let is_same = self.rendition.as_ref().is_some_and(|before| {
            before.list.segments.len() == fresh.list.segments.len()
                && before.list.sequence == fresh.list.sequence
        });
        if !is_same {
            return Err(NetError::Origin {
                reason: "the HLS playlist is another one than before".to_owned(),
                retriable: false,
            });
        }
        tracing::debug!(sequence, "the playlist was fetched anew");
        self.rendition = Some(fresh);
        self.keys.clear();
        self.next = sequence;
        Ok(())
    }

    /// A segment that cannot be had: a live stream goes on with the next, others fail.
    fn give_up_segment(&mut self, error: NetError) -> Result<(), NetError> {
        let is_live = self
            .rendition
            .as_ref()
            .is_some_and(|rendition| !rendition.list.is_complete);
        self.missing += 1;
        if !is_live || self.missing > MAX_MISSING {
            return Err(error);
        }
        tracing::debug!(%error, "a segment of a live stream is left out");
        // What was read of it may end in the middle of something the next does not go on with.
        self.is_break_due = true;
        Ok(())
    }

    async fn open_part(&mut self, part: &Part) -> Result<SegmentBody, NetError> {
        self.prepare_section(part).await?;
        self.open_resource(&part.resource, part.key.as_deref(), part.sequence)
            .await
    }

    /// Sees to it that the section of a segment is delivered before it, when that is another one than before.
    async fn prepare_section(&mut self, part: &Part) -> Result<(), NetError> {
        if part.map != self.map {
            let section = match &part.map {
                None => Bytes::new(),
                Some(map) => self.section(map, part.sequence).await?,
            };
            self.map.clone_from(&part.map);
            // The same section often comes under a new address.
            if section != self.section {
                self.section = section;
                self.is_break_due = true;
            }
        }
        if self.is_break_due {
            self.pending = self.section.clone();
        }
        Ok(())
    }

    /// All of an initialisation section.
    async fn section(&mut self, map: &Map, sequence: u64) -> Result<Bytes, NetError> {
        let mut body = self
            .open_resource(&map.resource, map.key.as_deref(), sequence)
            .await?;
        let mut section = Vec::new();
        loop {
            let bytes = body.read(PLENTY).await?;
            if bytes.is_empty() {
                return Ok(section.into());
            }
            section.extend_from_slice(&bytes);
            if section.len() as u64 > MAX_SECTION_BYTES {
                return Err(HlsProblem::Section {
                    limit: MAX_SECTION_BYTES,
                }
                .into());
            }
        }
    }

    async fn open_resource(
        &mut self,
        resource: &Resource,
        key: Option<&Key>,
        sequence: u64,
    ) -> Result<SegmentBody, NetError> {
        let secret = match key {
            None => None,
            Some(key) => Some(self.secret(key, sequence).await?),
        };
        SegmentBody::open(self.client.clone(), &self.template, resource, secret).await
    }

    async fn secret(&mut self, key: &Key, sequence: u64) -> Result<Secret, NetError> {
        let known = self
            .keys
            .iter()
            .find(|(url, _)| *url == key.url)
            .map(|(_, key)| *key);
        let bytes = match known {
            Some(bytes) => bytes,
            None => {
                let bytes = fetch::key(&self.client, &self.template, &key.url).await?;
                if self.keys.len() >= MAX_KEYS {
                    self.keys.pop_front();
                }
                self.keys.push_back((key.url.clone(), bytes));
                bytes
            }
        };
        Ok((bytes, key.iv.unwrap_or_else(|| sequence_iv(sequence))))
    }
}

/// Number of the segment to go on with when `next` will never be in the playlist any more.
fn jump_from(next: u64, list: &MediaPlaylist) -> Option<u64> {
    let count = list.segments.len() as u64;
    let end = list.sequence.saturating_add(count);
    if next < list.sequence {
        // Too late for what was next.
        return Some(if list.is_complete {
            list.sequence
        } else {
            live_edge(list)
        });
    }
    // A little behind is an old copy from another server of the same name; far behind, counting began anew.
    (!list.is_complete && next > end.saturating_add(count.max(STALE_SEGMENTS))).then(|| live_edge(list))
}

/// Number of the segment a live stream is joined at.
fn live_edge(list: &MediaPlaylist) -> u64 {
    let distance = list.target * LIVE_DISTANCE;
    let mut behind = Duration::ZERO;
    let mut index = list.segments.len();
    for segment in list.segments.iter().rev() {
        if behind >= distance {
            break;
        }
        behind += segment.duration;
        index -= 1;
    }
    list.sequence.saturating_add(index as u64)
}

fn not_seekable(offset: u64, reason: &str) -> NetError {
    NetError::NotSeekable {
        host: "the HLS stream".to_owned(),
        offset,
        reason: reason.to_owned(),
    }
}

impl ByteOrigin for HlsOrigin {
    fn open(&mut self, offset: u64) -> BoxFuture<'_, Result<Opened, NetError>> {
        Box::pin(self.open_at(offset))
    }

    fn read(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, NetError>> {
        Box::pin(self.next_bytes(max))
    }

    fn is_cancellable(&self) -> bool {
        true
    }

    fn begin_at(&mut self, start: Duration) {
        self.start = start;
    }

    fn begins_part(&mut self) -> bool {
        std::mem::take(&mut self.begins_part)
    }

    fn pieces(&self) -> Option<Arc<PieceIndex>> {
        Some(Arc::clone(&self.index))
    }
}
