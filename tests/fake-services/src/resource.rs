//! What is served, and how it goes wrong.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

/// How an answer ends other than by its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is closed.
    Cut,
    /// The connection stays open and nothing more comes.
    Stall,
}

/// Where a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// After so many bytes of one answer.
    Sent(usize),
    /// At this offset of the medium.
    Offset(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct PlannedFault {
    pub fault: Fault,
    pub place: Place,
    /// Only in so many answers, counted from the first.
    pub times: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Bytes),
    Status(u16),
    Redirect(String),
    Hang,
}

/// One thing to serve. The methods add properties; faults may be combined with all of them.
#[derive(Debug, Clone)]
pub struct Resource {
    pub(crate) content: Content,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) ranges: bool,
    pub(crate) advertise_ranges: bool,
    pub(crate) length: bool,
    pub(crate) wrong_range_by: usize,
    pub(crate) drip: Option<(usize, Duration)>,
    pub(crate) fault: Option<PlannedFault>,
    pub(crate) fail_first: Option<(usize, u16)>,
    pub(crate) refused: Vec<IpAddr>,
}

impl Resource {
    fn new(content: Content) -> Self {
        Self {
            content,
            headers: Vec::new(),
            ranges: true,
            advertise_ranges: true,
            length: true,
            wrong_range_by: 0,
            drip: None,
            fault: None,
            fail_first: None,
            refused: Vec::new(),
        }
    }

    /// Bytes with a length and with ranges.
    pub fn bytes(content_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self::new(Content::Bytes(bytes.into())).header("content-type", content_type)
    }

    /// Plain text, long enough not to be mistaken for a short file.
    pub fn text() -> Self {
        Self::bytes("text/plain; charset=utf-8", "this is not audio\n".repeat(200))
    }

    /// An answer without content.
    pub fn status(code: u16) -> Self {
        Self::new(Content::Status(code))
    }

    /// A 302 to `location`.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::new(Content::Redirect(location.into()))
    }

    /// A request that is never answered.
    pub fn hang() -> Self {
        Self::new(Content::Hang)
    }

    /// Adds a header field to answers.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Ignores `Range` and does not claim otherwise.
    #[must_use]
    pub fn without_ranges(mut self) -> Self {
        self.ranges = false;
        self.advertise_ranges = false;
        self
    }

    /// Claims `Accept-Ranges: bytes` and ignores `Range` all the same.
    #[must_use]
    pub fn with_false_ranges(mut self) -> Self {
        self.ranges = false;
        self
    }

    /// Answers range requests with a 206 that begins this many bytes later than asked.
    #[must_use]
    pub fn with_wrong_ranges(mut self, by: usize) -> Self {
        self.wrong_range_by = by;
        self
    }

    /// Sends no `Content-Length`; the body is chunked.
    #[must_use]
    pub fn without_length(mut self) -> Self {
        self.length = false;
        self
    }

    /// Sends pieces of `bytes` with a pause of `every` before each.
    #[must_use]
    pub fn drip(mut self, bytes: usize, every: Duration) -> Self {
        self.drip = Some((bytes.max(1), every));
        self
    }

    /// Cuts the first `times` answers after `bytes` bytes each. `usize::MAX` is all answers.
    #[must_use]
    pub fn cut_after(self, bytes: usize, times: usize) -> Self {
        self.with_fault(Fault::Cut, Place::Sent(bytes), times)
    }

    /// Cuts every answer when it comes to byte `offset` of the medium.
    #[must_use]
    pub fn cut_at(self, offset: usize) -> Self {
        self.with_fault(Fault::Cut, Place::Offset(offset), usize::MAX)
    }

    /// Lets the first `times` answers fall silent after `bytes` bytes each. `usize::MAX` is all answers.
    #[must_use]
    pub fn stall_after(self, bytes: usize, times: usize) -> Self {
        self.with_fault(Fault::Stall, Place::Sent(bytes), times)
    }

    /// Answers the first `times` requests with a status instead.
    #[must_use]
    pub fn fail_first(mut self, times: usize, status: u16) -> Self {
        self.fail_first = Some((times, status));
        self
    }

    /// Answers 429 to clients at these addresses.
    #[must_use]
    pub fn refuse(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.refused.extend(addresses);
        self
    }

    fn with_fault(mut self, fault: Fault, place: Place, times: usize) -> Self {
        self.fault = Some(PlannedFault { fault, place, times });
        self
    }
}

/// A resource and how often it was asked for.
#[derive(Debug)]
pub(crate) struct Served {
    resource: Resource,
    turns: usize,
}

impl Served {
    pub(crate) fn new(resource: Resource) -> Self {
        Self { resource, turns: 0 }
    }

    /// The resource and the number of requests before this one.
    pub(crate) fn next(&mut self) -> (Resource, usize) {
        self.turns += 1;
        (self.resource.clone(), self.turns - 1)
    }
}
