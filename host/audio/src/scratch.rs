//! Buffers that are used within one step of a track: one of each per worker, not per track.

use std::cell::Cell;

/// Samples kept room for between steps; a longer packet's buffer is freed again. 120 ms of eight channels at 48 kHz.
const KEPT: usize = 5_760 * 8;

thread_local! {
    static DECODED: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    static CODEC: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    static CHUNK: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// What a buffer is for. Two that are in use at once must not be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A packet's audio in stereo.
    Decoded,
    /// The same as the codec gives it.
    Codec,
    /// Samples on their way through filters or to the encoder.
    Chunk,
}

/// Runs `work` with an empty buffer, which must not be held over a pause of the track.
pub(crate) fn with<R>(purpose: Purpose, work: impl FnOnce(&mut Vec<f32>) -> R) -> R {
    let cell = match purpose {
        Purpose::Decoded => &DECODED,
        Purpose::Codec => &CODEC,
        Purpose::Chunk => &CHUNK,
    };
    let mut buffer = cell.take();
    let outcome = work(&mut buffer);
    if buffer.capacity() <= KEPT {
        buffer.clear();
        cell.set(buffer);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_a_huge_one_does_not_stay() {
        with(Purpose::Chunk, |buffer| buffer.resize(1_000, 1.0));
        with(Purpose::Chunk, |buffer| {
            assert!(buffer.is_empty() && buffer.capacity() >= 1_000);
            with(Purpose::Chunk, |inner| {
                assert_eq!(inner.capacity(), 0, "never shared")
            });
        });
        with(Purpose::Chunk, |buffer| buffer.resize(KEPT * 2, 1.0));
        with(Purpose::Chunk, |buffer| assert_eq!(buffer.capacity(), 0));
    }
}
