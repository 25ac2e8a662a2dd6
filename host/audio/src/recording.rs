//! The bytes a container reader has read while opening a file, for a second look without reading them again.

/// Most bytes kept; the rest of a bigger header is not looked at.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Pieces of a file, by position.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    from: u64,
    pieces: Vec<(u64, Vec<u8>)>,
    bytes: usize,
}

impl Recording {
    /// A recording of what is behind position `from`.
    pub(crate) fn starting_at(from: u64) -> Self {
        Self {
            from,
            ..Self::default()
        }
    }

    /// Keeps bytes read at `position`.
    pub(crate) fn add(&mut self, position: u64, bytes: &[u8]) {
        if position.saturating_add(bytes.len() as u64) <= self.from {
            return;
        }
        if self.bytes + bytes.len() > MAX_BYTES {
            return;
        }
        self.bytes += bytes.len();
        match self.pieces.last_mut() {
            Some((start, piece)) if *start + piece.len() as u64 == position => piece.extend_from_slice(bytes),
            _ => self.pieces.push((position, bytes.to_vec())),
        }
    }

    /// All that is known of the file from `position` on without a gap; empty when nothing is.
    pub(crate) fn from(&self, position: u64) -> &[u8] {
        let within = |(start, piece): &(u64, Vec<u8>)| {
            let offset = usize::try_from(position.checked_sub(*start)?).ok()?;
            (offset < piece.len()).then_some(offset)
        };
        let found = self.pieces.iter().find_map(|piece| Some((piece, within(piece)?)));
        found
            .and_then(|((_, piece), offset)| piece.get(offset..))
            .unwrap_or_default()
    }

    /// The bytes from `start` to before `end`, or as many of them as are known without a gap.
    pub(crate) fn between(&self, start: u64, end: u64) -> &[u8] {
        let known = self.from(start);
        let wanted = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        &known[..wanted.min(known.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_and_found() {
        let mut recording = Recording::default();
        recording.add(0, b"abc");
        recording.add(3, b"def");
        recording.add(100, b"xyz");
        assert_eq!(recording.from(2), b"cdef");
        assert_eq!(recording.between(1, 5), b"bcde");
        assert_eq!(recording.between(101, 500), b"yz");
        assert_eq!(recording.from(6), b"");
        recording.add(103, &vec![0; MAX_BYTES]);
        assert_eq!(recording.from(100), b"xyz", "too much is not kept");
    }
}
