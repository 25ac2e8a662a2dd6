//! AES-128 in CBC mode with PKCS #7 padding over a whole segment (RFC 8216, section 4.3.2.4), as the bytes come.

use aes::Aes128;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};

/// Bytes of key, vector and block.
pub(super) const BLOCK: usize = 16;

/// Decrypts one segment.
pub(super) struct SegmentCipher {
    inner: cbc::Decryptor<Aes128>,
    /// What does not fill a block yet, and the last whole block, which may be padding.
    held: Vec<u8>,
}

impl SegmentCipher {
    pub(super) fn new(key: &[u8; BLOCK], iv: &[u8; BLOCK]) -> Self {
        Self {
            inner: cbc::Decryptor::<Aes128>::new(key.into(), iv.into()),
            held: Vec::new(),
        }
    }

    /// Decrypts what more bytes make possible.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        // The last block stays: only the end of the segment shows whether it is padded.
        let whole = self.held.len().saturating_sub(1) / BLOCK * BLOCK;
        let rest = self.held.split_off(whole);
        let mut clear = std::mem::replace(&mut self.held, rest);
        self.decrypt(&mut clear);
        clear
    }

    /// The end of the segment: the last block without its padding. `None` when the bytes are no whole blocks or not
    /// padded, as with a wrong key.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        let mut last = std::mem::take(&mut self.held);
        if last.len() != BLOCK {
            return None;
        }
        self.decrypt(&mut last);
        let padding = usize::from(*last.last()?);
        let content = BLOCK.checked_sub(padding).filter(|_| padding > 0)?;
        if last[content..].iter().any(|&byte| usize::from(byte) != padding) {
            return None;
        }
        last.truncate(content);
        Some(last)
    }

    fn decrypt(&mut self, bytes: &mut [u8]) {
        for block in bytes.chunks_exact_mut(BLOCK) {
            self.inner.decrypt_block_mut(block.into());
        }
    }
}

/// The vector of a segment whose key names none: its number, big-endian.
pub(super) fn sequence_iv(sequence: u64) -> [u8; BLOCK] {
    u128::from(sequence).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbc::cipher::BlockEncryptMut;
    use cbc::cipher::block_padding::Pkcs7;
    use proptest::prelude::*;

    fn encrypt(clear: &[u8], key: &[u8; 16], iv: &[u8; 16]) -> Vec<u8> {
        cbc::Encryptor::<Aes128>::new(key.into(), iv.into()).encrypt_padded_vec_mut::<Pkcs7>(clear)
    }

    proptest! {
        #[test]
        fn any_segment_in_any_pieces(
            clear in proptest::collection::vec(any::<u8>(), 0..300),
            key in any::<[u8; 16]>(),
            sequence in any::<u64>(),
            piece in 1_usize..70,
        ) {
            let iv = sequence_iv(sequence);
            let secret = encrypt(&clear, &key, &iv);
            let mut cipher = SegmentCipher::new(&key, &iv);
            let mut out = Vec::new();
            for bytes in secret.chunks(piece) {
                out.extend(cipher.push(bytes));
            }
            out.extend(cipher.finish().expect("padded"));
            prop_assert_eq!(out, clear);
        }

        #[test]
        fn cut_segments_are_noticed(clear in proptest::collection::vec(any::<u8>(), 20..99), cut in 1_usize..16) {
            let secret = encrypt(&clear, &[7; 16], &[0; 16]);
            let mut cipher = SegmentCipher::new(&[7; 16], &[0; 16]);
            cipher.push(&secret[..secret.len() - cut]);
            prop_assert_eq!(cipher.finish(), None);
        }
    }
}
