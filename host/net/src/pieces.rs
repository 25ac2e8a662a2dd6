//! Media that are cut into timed pieces: which piece plays at a time, and at which offset its bytes begin.

use std::sync::OnceLock;
use std::time::Duration;

/// Distance of the first bytes of two neighbouring pieces. Bytes are numbered as if every piece had this size, so that
/// the offset of a piece is known before its size is; it is beyond any real piece.
pub(crate) const PIECE_BYTES: u64 = 1 << 32;

/// One piece of a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Offset at which reading gives its first byte.
    pub offset: u64,
    /// Time of its first sample from the start of the medium.
    pub start: Duration,
}

/// The pieces of one medium, once they are known. A medium without an end has none to choose from.
#[derive(Debug, Default)]
pub struct PieceIndex {
    starts: OnceLock<Vec<Duration>>,
}

impl PieceIndex {
    /// The piece that plays at `time`; the last one when that is behind the end.
    pub fn at(&self, time: Duration) -> Option<Piece> {
        let starts = self.starts.get()?;
        let index = starts.partition_point(|&start| start <= time).checked_sub(1)?;
        Some(Piece {
            offset: index as u64 * PIECE_BYTES,
            start: *starts.get(index)?,
        })
    }

    /// Sets the pieces by their playing times; the first call counts.
    pub(crate) fn set(&self, durations: impl Iterator<Item = Duration>) {
        let starts = durations.scan(Duration::ZERO, |next, duration| {
            let start = *next;
            *next = next.saturating_add(duration);
            Some(start)
        });
        self.starts.get_or_init(|| starts.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_last_piece_that_begins_before_it() {
        let index = PieceIndex::default();
        assert_eq!(index.at(Duration::ZERO), None, "nothing is known yet");
        index.set([4, 0, 6].into_iter().map(Duration::from_secs));
        for (seconds, piece, start) in [(0, 0, 0), (3, 0, 0), (4, 2, 4), (9, 2, 4), (99, 2, 4)] {
            let expected = Piece {
                offset: piece * PIECE_BYTES,
                start: Duration::from_secs(start),
            };
            assert_eq!(
                index.at(Duration::from_secs(seconds)),
                Some(expected),
                "{seconds} s"
            );
        }
    }
}
