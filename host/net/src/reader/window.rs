//! The stretch of a medium that is in memory, in blocks so that what was consumed is freed as it goes.

use std::collections::VecDeque;

/// Size of a block in bytes.
pub(super) const BLOCK_BYTES: usize = 8 * 1024;

/// Consecutive bytes of a medium. All blocks but the last are full.
#[derive(Debug, Default)]
pub(super) struct Window {
    blocks: VecDeque<Vec<u8>>,
    start: u64,
    end: u64,
}

impl Window {
    /// Offset behind the last byte held.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether reading can go on at `position` without a new byte before it.
    pub(super) fn covers(&self, position: u64) -> bool {
        (self.start..=self.end).contains(&position)
    }

    /// Bytes of memory held.
    pub(super) fn held_bytes(&self) -> usize {
        self.blocks.len() * BLOCK_BYTES
    }

    /// Empties the window and moves it.
    pub(super) fn move_to(&mut self, offset: u64) {
        self.blocks.clear();
        self.start = offset;
        self.end = offset;
    }

    /// Frees everything.
    pub(super) fn clear(&mut self) {
        *self = Self {
            start: self.end,
            end: self.end,
            ..Self::default()
        };
    }

    /// Adds bytes at the end.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        self.end += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = self.blocks.back().map_or(0, |block| BLOCK_BYTES - block.len());
            if room == 0 {
                self.blocks.push_back(Vec::with_capacity(BLOCK_BYTES));
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if let Some(block) = self.blocks.back_mut() {
                block.extend_from_slice(now);
            }
            bytes = later;
        }
    }

    /// Copies bytes from `position` on; 0 when there are none or `position` is outside.
    pub(super) fn copy(&self, position: u64, target: &mut [u8]) -> usize {
        let Some(skip) = position
            .checked_sub(self.start)
            .and_then(|skip| usize::try_from(skip).ok())
        else {
            return 0;
        };
        let mut copied = 0;
        let mut offset = skip % BLOCK_BYTES;
        for block in self.blocks.iter().skip(skip / BLOCK_BYTES) {
            let Some(bytes) = block.get(offset..) else { break };
            let length = bytes.len().min(target.len() - copied);
            target[copied..copied + length].copy_from_slice(&bytes[..length]);
            copied += length;
            offset = 0;
            if copied == target.len() {
                break;
            }
        }
        copied
    }

    /// Frees the blocks that lie wholly before `position`.
    pub(super) fn forget_before(&mut self, position: u64) {
        while let Some(block) = self.blocks.front()
            && self.start + block.len() as u64 <= position
            && block.len() == BLOCK_BYTES
        {
            self.start += BLOCK_BYTES as u64;
            self.blocks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn medium(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 31 + i / 251) as u8).collect()
    }

    #[test]
    fn memory_follows_the_position() {
        let mut window = Window::default();
        for chunk in medium(1_000_000).chunks(1000) {
            window.push(chunk);
            window.forget_before(window.end().saturating_sub(50_000));
            assert!(
                window.held_bytes() <= 50_000 + 3 * BLOCK_BYTES,
                "{}",
                window.held_bytes()
            );
        }
        window.clear();
        assert_eq!(window.held_bytes(), 0);
        assert_eq!(window.end(), 1_000_000);
    }

    proptest! {
        #[test]
        fn every_held_byte_reads_back(
            chunks in prop::collection::vec(1usize..40_000, 1..12),
            base in 0u64..100_000,
            keep in 0u64..100_000,
            position in 0u64..400_000,
            length in 0usize..60_000,
        ) {
            let bytes = medium(chunks.iter().sum());
            let mut window = Window::default();
            window.move_to(base);
            let mut at = 0;
            for chunk in chunks {
                window.push(&bytes[at..at + chunk]);
                at += chunk;
                window.forget_before((base + at as u64).saturating_sub(keep));
            }
            prop_assert_eq!(window.end(), base + bytes.len() as u64);
            prop_assert!(window.covers(window.end()));
            if window.end().saturating_sub(keep) >= base {
                prop_assert!(window.covers(window.end() - keep.min(window.end())), "kept too little");
            }
            let mut target = vec![0; length];
            let copied = window.copy(position, &mut target);
            if window.covers(position) {
                let from = (position - base) as usize;
                prop_assert_eq!(copied, length.min(bytes.len() - from));
                prop_assert_eq!(&target[..copied], &bytes[from..from + copied]);
            } else {
                prop_assert_eq!(copied, 0);
            }
        }
    }
}
