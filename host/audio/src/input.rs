//! Where the bytes of a medium come from, and the window on its start that detection needs.

use std::io::{self, Read, Seek, SeekFrom};
use std::task::Waker;
use std::time::Duration;

use crate::recording::Recording;

/// A byte stream of a medium.
///
/// `read` may answer [`io::ErrorKind::WouldBlock`]: no bytes yet, ask again later. Positions are absolute.
pub trait MediaInput: Read + Seek + Send {
    /// Length in bytes, when known.
    fn byte_len(&self) -> Option<u64>;
    /// Whether `seek` works in both directions.
    fn is_seekable(&self) -> bool;

    /// After a read that found no bytes: has `waker` woken once when there may be some. A read that follows this call
    /// sees all that came before it. The waker takes the place of an earlier one.
    ///
    /// `false`, which is what inputs without such a thing answer: reads have to be tried again from time to time.
    fn wake_on_bytes(&mut self, waker: &Waker) -> bool {
        let _ = waker;
        false
    }

    /// Whether the bytes are pieces joined together, as those of HLS: what a container says about length and index is
    /// then about one piece only.
    fn is_in_pieces(&self) -> bool {
        false
    }

    /// Of a medium in pieces the one that plays at `time`, when it can be jumped to.
    fn piece_at(&self, time: Duration) -> Option<MediaPiece> {
        let _ = time;
        None
    }

    /// After a read that gave the end: goes over to the next part of a medium made of several, which may be of another
    /// kind; reads then go on with its first byte. `false` when it was the end of the medium.
    fn next_part(&mut self) -> bool {
        false
    }
}

/// A piece of a medium that begins like a medium of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaPiece {
    /// Position of its first byte.
    pub offset: u64,
    /// Time of its first sample from the start of the medium.
    pub start: Duration,
}

/// What is known about a medium besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaHint {
    /// `Content-Type` as received.
    pub mime: Option<String>,
    /// File extension without the dot.
    pub extension: Option<String>,
    /// Container name found by an earlier probe, as stored in encoded tracks.
    pub container: Option<String>,
}

/// What container readers are told about the input. They use what they get: who may seek goes for tags and indexes at
/// the end, who knows the length estimates a duration from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Offer {
    /// All that is true.
    #[default]
    Everything,
    /// The length, but not that the input can seek.
    Length,
    /// Neither.
    Nothing,
}

/// Most bytes read at once towards a head.
const HEAD_STEP: usize = 16 * 1024;

/// A [`MediaInput`] whose first bytes are kept, so that they can be looked at and read again without a seek.
///
/// The inner input is only asked to seek when a read follows, which spares a network input pointless reconnects.
pub(crate) struct HeadInput {
    inner: Box<dyn MediaInput>,
    inner_position: u64,
    head: Vec<u8>,
    position: u64,
    budget: Option<u64>,
    offer: Offer,
    recording: Option<Recording>,
    /// Position in the inner input of the byte behind the head, less the length of the head.
    shift: u64,
    /// Whether the head is the start of the file and of no use once it was read.
    forgets_head: bool,
}

impl HeadInput {
    /// Wraps an input that stands at its first byte.
    pub(crate) fn new(inner: Box<dyn MediaInput>) -> Self {
        Self {
            inner,
            inner_position: 0,
            head: Vec::new(),
            position: 0,
            budget: None,
            offer: Offer::Everything,
            recording: None,
            shift: 0,
            forgets_head: false,
        }
    }

    /// Length in bytes, when known.
    pub(crate) fn byte_len(&self) -> Option<u64> {
        self.inner
            .byte_len()
            .map(|length| length.saturating_sub(self.shift))
    }

    /// Length of the whole file in bytes, whatever is spliced.
    pub(crate) fn file_len(&self) -> Option<u64> {
        self.inner.byte_len()
    }

    /// Container readers bisect and measure from the end, so seekable needs a known length too.
    pub(crate) fn is_seekable(&self) -> bool {
        self.inner.is_seekable() && self.inner.byte_len().is_some()
    }

    /// Whether container readers are told that they may seek.
    pub(crate) fn offers_seeking(&self) -> bool {
        self.is_seekable() && self.offer == Offer::Everything
    }

    /// Length container readers are told.
    pub(crate) fn offered_len(&self) -> Option<u64> {
        self.byte_len().filter(|_| self.offer != Offer::Nothing)
    }

    /// Sets what container readers are told from now on.
    pub(crate) fn set_offer(&mut self, offer: Offer) {
        self.offer = offer;
    }

    /// What container readers are told.
    pub(crate) fn offer(&self) -> Offer {
        self.offer
    }

    /// From now on keeps a copy of everything that is read from position `from` on.
    pub(crate) fn start_recording(&mut self, from: u64) {
        self.recording = Some(Recording::starting_at(from));
    }

    /// Ends the recording and hands it out.
    pub(crate) fn take_recording(&mut self) -> Option<Recording> {
        self.recording.take()
    }

    /// From now on the input is `head` followed by the bytes of the medium from `position` on. Stands at the first byte
    /// of `head` afterwards.
    pub(crate) fn splice(&mut self, head: Vec<u8>, position: u64) {
        self.shift = position.saturating_sub(head.len() as u64);
        self.head = head;
        self.position = 0;
        self.forgets_head = false;
    }

    /// The head was looked at: as soon as reading has passed it, it is not kept any more. A container reader that goes
    /// back to it reads it again from the input.
    pub(crate) fn forget_head(&mut self) {
        self.forgets_head = self.shift == 0;
    }

    /// Whether the input is made of pieces; see [`MediaInput::is_in_pieces`].
    pub(crate) fn is_in_pieces(&self) -> bool {
        self.inner.is_in_pieces()
    }

    /// See [`MediaInput::piece_at`].
    pub(crate) fn piece_at(&self, time: Duration) -> Option<MediaPiece> {
        self.inner.piece_at(time)
    }

    /// Begins anew with the piece at `offset`: its first byte counts as position 0.
    ///
    /// # Errors
    /// Those of the input's seek.
    pub(crate) fn restart_at(&mut self, offset: u64) -> io::Result<()> {
        self.inner.seek(SeekFrom::Start(offset))?;
        self.inner_position = offset;
        self.splice(Vec::new(), offset);
        Ok(())
    }

    /// See [`MediaInput::next_part`]; the first byte of the part counts as position 0.
    pub(crate) fn next_part(&mut self) -> bool {
        let there_is = self.inner.next_part();
        if there_is {
            self.splice(Vec::new(), self.inner_position);
        }
        there_is
    }

    /// Limits the bytes still taken from the input; reads beyond fail. `None` lifts the limit.
    pub(crate) fn set_budget(&mut self, bytes: Option<u64>) {
        self.budget = bytes;
    }

    /// As [`MediaInput::wake_on_bytes`].
    pub(crate) fn wake_on_bytes(&mut self, waker: &Waker) -> bool {
        self.inner.wake_on_bytes(waker)
    }

    /// Reads once towards a head of `wanted` bytes; `Ok(true)` when the head is complete or the input ended.
    ///
    /// # Errors
    /// Those of the input, `WouldBlock` included.
    pub(crate) fn fill_head(&mut self, wanted: usize) -> io::Result<bool> {
        let have = self.head.len();
        if have >= wanted {
            return Ok(true);
        }
        // Not all at once: a long head that comes in small pieces would be cleared anew for each.
        let wanted = wanted.min(have + HEAD_STEP);
        self.head.resize(wanted, 0);
        let read = self.inner.read(&mut self.head[have..]);
        self.head
            .truncate(have + read.as_ref().copied().unwrap_or(0).min(wanted - have));
        self.inner_position = self.shift + self.head.len() as u64;
        Ok(read? == 0)
    }

    /// The bytes kept so far.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }
}

impl Read for HeadInput {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let kept = usize::try_from(self.position)
            .ok()
            .and_then(|at| self.head.get(at..))
            .unwrap_or_default();
        if !kept.is_empty() {
            let count = kept.len().min(buf.len());
            buf[..count].copy_from_slice(&kept[..count]);
            return Ok(self.advance(&buf[..count]));
        }
        if self.budget == Some(0) {
            return Err(io::Error::other(
                "no end of a header or packet within the permitted number of bytes",
            ));
        }
        if std::mem::take(&mut self.forgets_head) {
            self.head = Vec::new();
        }
        let wanted = self.position.saturating_add(self.shift);
        if self.inner_position != wanted {
            self.inner.seek(SeekFrom::Start(wanted))?;
            self.inner_position = wanted;
        }
        // An EOF error would read as a regular end further up; an input that reports one is broken.
        let count = self.inner.read(buf).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other(error.to_string()),
            _ => error,
        })?;
        let count = count.min(buf.len());
        self.budget = self.budget.map(|left| left.saturating_sub(count as u64));
        self.inner_position += count as u64;
        Ok(self.advance(&buf[..count]))
    }
}

impl HeadInput {
    /// Goes on behind bytes that were just read.
    fn advance(&mut self, read: &[u8]) -> usize {
        if let Some(recording) = &mut self.recording {
            recording.add(self.position, read);
        }
        self.position += read.len() as u64;
        read.len()
    }
}

impl Seek for HeadInput {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
            SeekFrom::End(delta) => self.byte_len().and_then(|len| len.checked_add_signed(delta)),
        };
        let target = target.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "seek to a position outside the input",
            )
        })?;
        let in_head =
            target <= self.head.len() as u64 && self.inner_position <= self.head.len() as u64 + self.shift;
        if !in_head && !self.inner.is_seekable() && target != self.position {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the input cannot seek",
            ));
        }
        self.position = target;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::MemoryInput;

    fn wrapped(bytes: &[u8], seekable: bool) -> HeadInput {
        let mut input = MemoryInput::new(bytes.to_vec());
        input.seekable = seekable;
        HeadInput::new(Box::new(input))
    }

    #[test]
    fn head_is_read_again_without_a_seek() {
        let mut input = wrapped(b"0123456789", false);
        while !input.fill_head(4).expect("memory reads") {}
        assert_eq!(input.head(), b"0123");
        let mut all = Vec::new();
        input.read_to_end(&mut all).expect("memory reads");
        assert_eq!(all, b"0123456789");
        assert!(
            input.seek(SeekFrom::Start(0)).is_err(),
            "the head is behind an input that cannot seek"
        );
    }

    #[test]
    fn seekable_input_reads_from_anywhere() {
        let mut input = wrapped(b"0123456789", true);
        while !input.fill_head(4).expect("memory reads") {}
        let mut two = [0; 2];
        for (target, expected) in [
            (SeekFrom::Start(7), b"78"),
            (SeekFrom::Start(1), b"12"),
            (SeekFrom::End(-2), b"89"),
        ] {
            input.seek(target).expect("memory seeks");
            input.read_exact(&mut two).expect("within the data");
            assert_eq!(&two, expected);
        }
        assert!(input.seek(SeekFrom::Current(-100)).is_err());
    }

    #[test]
    fn a_splice_hides_what_is_between() {
        let mut input = wrapped(b"0123456789", true);
        while !input.fill_head(2).expect("memory reads") {}
        input.splice(b"ab".to_vec(), 7);
        assert_eq!(input.byte_len(), Some(5));
        let mut all = Vec::new();
        input.start_recording(0);
        input.read_to_end(&mut all).expect("memory reads");
        assert_eq!(all, b"ab789");
        assert_eq!(input.take_recording().expect("recorded").between(0, 9), b"ab789");
        input.seek(SeekFrom::Start(3)).expect("memory seeks");
        all.clear();
        input.read_to_end(&mut all).expect("memory reads");
        assert_eq!(all, b"89");
        input.splice(Vec::new(), 0);
        all.clear();
        input.read_to_end(&mut all).expect("memory reads");
        assert_eq!(all, b"0123456789");
    }

    #[test]
    fn a_head_that_is_forgotten_is_read_again() {
        let mut input = wrapped(b"0123456789", true);
        while !input.fill_head(4).expect("memory reads") {}
        input.forget_head();
        let mut two = [0; 2];
        input.read_exact(&mut two).expect("within the data");
        assert_eq!(
            (&two, input.head()),
            (b"01", &b"0123"[..]),
            "not before it was passed"
        );
        let mut all = Vec::new();
        input.read_to_end(&mut all).expect("memory reads");
        assert_eq!((all.as_slice(), input.head()), (&b"23456789"[..], &b""[..]));
        input.seek(SeekFrom::Start(1)).expect("memory seeks");
        input.read_exact(&mut two).expect("within the data");
        assert_eq!(&two, b"12");
    }

    /// Ends twice.
    struct TwoParts(MemoryInput, bool);

    impl Read for TwoParts {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let end = if self.1 { 10 } else { 6 };
            let left = end - self.0.stream_position()?;
            (&mut self.0).take(left).read(buf)
        }
    }

    impl Seek for TwoParts {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    impl MediaInput for TwoParts {
        fn byte_len(&self) -> Option<u64> {
            None
        }
        fn is_seekable(&self) -> bool {
            true
        }
        fn next_part(&mut self) -> bool {
            !std::mem::replace(&mut self.1, true)
        }
    }

    #[test]
    fn a_part_begins_at_zero_with_a_head_of_its_own() {
        let mut input = HeadInput::new(Box::new(TwoParts(
            MemoryInput::new(b"0123456789".to_vec()),
            false,
        )));
        let mut all = Vec::new();
        input.read_to_end(&mut all).expect("memory reads");
        assert_eq!(all, b"012345");
        assert!(input.next_part());
        while !input.fill_head(2).expect("memory reads") {}
        assert_eq!(input.head(), b"67");
        all.clear();
        input.read_to_end(&mut all).expect("memory reads");
        assert_eq!(all, b"6789");
        input.seek(SeekFrom::Start(1)).expect("memory seeks");
        all.clear();
        input.read_to_end(&mut all).expect("memory reads");
        assert_eq!(all, b"789");
        assert!(!input.next_part());
    }

    #[test]
    fn budget_ends_in_an_error() {
        let mut input = wrapped(&[7; 100], true);
        input.set_budget(Some(10));
        let mut buf = [0; 10];
        assert_eq!(input.read(&mut buf).expect("within the budget"), 10);
        assert!(input.read(&mut buf).is_err());
        input.set_budget(None);
        assert_eq!(input.read(&mut buf).expect("no budget any more"), 10);
    }
}
