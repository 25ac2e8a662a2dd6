//! Titles a radio station sends between its audio bytes (`Icy-MetaData: 1`, Shoutcast and Icecast).
//!
//! Every `icy-metaint` bytes of audio there is one byte that tells the length of a block in units of 16 bytes, and then the
//! block: text such as `StreamTitle='Artist - Song';StreamUrl='';`, filled up with zeros. Most blocks are empty.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;

/// Bytes per unit of a block's length.
const UNIT: usize = 16;
/// Titles ahead of the listener that are kept; a station that sends more loses the oldest.
const MAX_TITLES: usize = 32;
/// Longest interval taken for real, bytes. Stations use 8 to 32 KiB.
const MAX_INTERVAL: usize = 16 * 1024 * 1024;

/// What a station has announced, by the offset of the audio it belongs to.
#[derive(Debug, Default)]
pub struct StreamTitles(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Titles not reached yet, in order.
    coming: VecDeque<(u64, Arc<str>)>,
    current: Option<Arc<str>>,
    position: u64,
}

impl StreamTitles {
    /// The title that belongs to what was read last.
    pub fn current(&self) -> Option<Arc<str>> {
        self.0.lock().current.clone()
    }

    /// Notes what holds from audio byte `offset` on.
    fn announce(&self, offset: u64, title: &str) {
        let mut state = self.0.lock();
        let last = state
            .coming
            .back()
            .map(|(_, title)| title)
            .or(state.current.as_ref());
        if last.is_some_and(|last| **last == *title) {
            return;
        }
        if state.coming.len() == MAX_TITLES {
            state.coming.pop_front();
        }
        state.coming.push_back((offset, Arc::from(title)));
        let position = state.position;
        state.reach(position);
    }

    /// Tells how far the audio has been read.
    pub(crate) fn reach(&self, position: u64) {
        self.0.lock().reach(position);
    }
}

impl State {
    fn reach(&mut self, position: u64) {
        self.position = position;
        while let Some((_, title)) = self.coming.pop_front_if(|(offset, _)| *offset <= position) {
            self.current = Some(title);
        }
    }
}

/// Takes the blocks out of one answer of a station.
#[derive(Debug)]
pub(crate) struct Deinterleaver {
    interval: usize,
    next: Next,
}

#[derive(Debug)]
enum Next {
    /// So many bytes of audio.
    Audio(usize),
    Length,
    /// The rest of a block of so many bytes.
    Block(BytesMut, usize),
}

impl Deinterleaver {
    /// For an answer whose `icy-metaint` header is `interval`; `None` when that is no interval.
    pub(crate) fn new(interval: &str) -> Option<Self> {
        let interval = interval.trim().parse().ok()?;
        (1..=MAX_INTERVAL).contains(&interval).then_some(Self {
            interval,
            next: Next::Audio(interval),
        })
    }

    /// The audio among `bytes`, which may be none. `offset` is that of the first audio byte among them.
    pub(crate) fn audio(&mut self, mut bytes: Bytes, offset: u64, titles: &StreamTitles) -> Bytes {
        let mut audio = Audio::default();
        while !bytes.is_empty() {
            match &mut self.next {
                Next::Audio(left) => {
                    let part = bytes.split_to(bytes.len().min(*left));
                    *left -= part.len();
                    audio.push(part);
                    if *left == 0 {
                        self.next = Next::Length;
                    }
                }
                Next::Length => match usize::from(bytes.get_u8()) * UNIT {
                    0 => self.next = Next::Audio(self.interval),
                    length => self.next = Next::Block(BytesMut::with_capacity(length), length),
                },
                Next::Block(block, length) => {
                    block.extend_from_slice(&bytes.split_to(bytes.len().min(*length - block.len())));
                    if block.len() == *length {
                        if let Some(title) = title(block) {
                            titles.announce(offset + audio.len() as u64, &title);
                        }
                        self.next = Next::Audio(self.interval);
                    }
                }
            }
        }
        audio.joined()
    }
}

/// Pieces of audio; one alone, which is the rule, is not copied.
#[derive(Default)]
struct Audio {
    only: Bytes,
    joined: BytesMut,
}

impl Audio {
    fn len(&self) -> usize {
        self.only.len() + self.joined.len()
    }

    fn push(&mut self, part: Bytes) {
        if self.len() == 0 {
            self.only = part;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&std::mem::take(&mut self.only));
        }
        self.joined.extend_from_slice(&part);
    }

    fn joined(self) -> Bytes {
        if self.joined.is_empty() {
            self.only
        } else {
            self.joined.freeze()
        }
    }
}

/// `StreamTitle` of a block; `None` when it does not say. Titles may hold quotes, so one ends at `';` or at the last quote.
fn title(block: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"StreamTitle='";
    let start = block.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let rest = &block[start..];
    let end = rest
        .windows(2)
        .position(|window| window == b"';")
        .or_else(|| rest.iter().rposition(|byte| *byte == b'\''))?;
    // UTF-8 or, from older stations, Latin-1.
    let text = match std::str::from_utf8(&rest[..end]) {
        Ok(text) => text.to_owned(),
        Err(_) => rest[..end].iter().map(|&byte| char::from(byte)).collect(),
    };
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(text: &[u8]) -> Vec<u8> {
        let units = text.len().div_ceil(UNIT);
        let mut block = vec![units as u8];
        block.extend_from_slice(text);
        block.resize(1 + units * UNIT, 0);
        block
    }

    #[test]
    fn titles_are_found() {
        for (text, expected) in [
            (&b"StreamTitle='A - B';StreamUrl='';"[..], Some("A - B")),
            (b"StreamTitle='It's 'quoted' here';", Some("It's 'quoted' here")),
            (b"StreamTitle='Caf\xe9'\0\0", Some("Caf\u{e9}")),
            (b"StreamTitle='';", Some("")),
            (b"StreamUrl='x';", None),
            (b"StreamTitle='no end", None),
        ] {
            assert_eq!(title(text).as_deref(), expected);
        }
    }

    #[test]
    fn a_title_holds_from_its_place_on() {
        let titles = StreamTitles::default();
        let mut deinterleaver = Deinterleaver::new(" 4 ").expect("an interval");
        let mut bytes = b"aaaa".to_vec();
        bytes.extend(block(b"StreamTitle='one';"));
        bytes.extend(b"bbbb\0cccc");
        bytes.extend(block(b"StreamTitle='two';"));
        bytes.extend(b"dd");
        let audio = deinterleaver.audio(bytes.into(), 100, &titles);
        assert_eq!(audio, "aaaabbbbccccdd");
        let at = |position| {
            titles.reach(position);
            titles.current().as_deref().map(str::to_owned)
        };
        assert_eq!(at(103), None);
        assert_eq!(at(104).as_deref(), Some("one"));
        assert_eq!(at(111).as_deref(), Some("one"));
        assert_eq!(at(112).as_deref(), Some("two"));
        titles.announce(112, "two");
        titles.announce(50, "late");
        assert_eq!(titles.current().as_deref(), Some("late"));
    }

    #[test]
    fn what_is_no_interval_is_refused_and_titles_are_bounded() {
        for text in ["", "0", "-1", "x", "99999999999"] {
            assert!(Deinterleaver::new(text).is_none(), "{text}");
        }
        let titles = StreamTitles::default();
        for number in 0..1000 {
            titles.announce(1_000_000, &number.to_string());
        }
        assert_eq!(titles.0.lock().coming.len(), MAX_TITLES);
    }

    proptest! {
        #[test]
        fn audio_comes_back_however_it_is_cut(
            audio in prop::collection::vec(any::<u8>(), 0..400),
            interval in 1usize..50,
            texts in prop::collection::vec("StreamTitle='[ -&(-~]{0,40}';", 0..6),
            cuts in prop::collection::vec(1usize..40, 1..20),
        ) {
            let mut mixed = Vec::new();
            for (index, part) in audio.chunks(interval).enumerate() {
                mixed.extend_from_slice(part);
                if part.len() == interval {
                    mixed.extend(texts.get(index).map_or(vec![0], |text| block(text.as_bytes())));
                }
            }
            let titles = StreamTitles::default();
            let mut deinterleaver = Deinterleaver::new(&interval.to_string()).unwrap();
            let (mut found, mut rest, mut cut) = (Vec::new(), Bytes::from(mixed), cuts.iter().cycle());
            while !rest.is_empty() {
                let part = rest.split_to(rest.len().min(*cut.next().unwrap()));
                let offset = found.len() as u64;
                found.extend_from_slice(&deinterleaver.audio(part, offset, &titles));
            }
            prop_assert_eq!(found, audio);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000), interval in 1usize..20) {
            let mut deinterleaver = Deinterleaver::new(&interval.to_string()).unwrap();
            let length = bytes.len();
            let audio = deinterleaver.audio(bytes.into(), 0, &StreamTitles::default());
            prop_assert!(audio.len() <= length);
        }
    }
}
