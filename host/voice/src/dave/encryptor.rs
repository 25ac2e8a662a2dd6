//! Encrypts Opus frames end to end (DAVE protocol, "Payload Format").
//!
//! A frame is `ciphertext | tag (8) | ULEB128(nonce) | size of all that (1) | FA FA`; Opus leaves nothing in the
//! clear. Apart from the MLS session on purpose: the pacer must never wait for public key operations.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::ratchet::{BASE_SECRET_BYTES, KeyRatchet};

/// The Opus silence packet, which is never encrypted: servers and receivers know it by its bytes.
pub(crate) const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

/// Bytes kept of the 16 of an AES-GCM tag.
const TAG_BYTES: usize = 8;

/// What ends every encrypted frame.
const MARKER: [u8; 2] = [0xFA, 0xFA];

/// Bits of the frame counter below the ratchet generation.
const GENERATION_SHIFT: u32 = 24;

/// Most bytes an encrypted frame has more than the plain one: tag, counter, size, marker.
pub(crate) const MAX_OVERHEAD: usize = TAG_BYTES + 5 + 1 + MARKER.len();

/// A frame could not be encrypted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EncryptError {
    /// The buffer cannot hold what comes behind the frame.
    BufferTooSmall,
    /// The cipher refused the frame.
    Cipher,
}

/// Encrypts the frames of one sender in one epoch. Allocates nothing after it was made.
pub(crate) struct FrameEncryptor {
    /// Tells epochs apart, so that installing the same key twice never restarts its nonces.
    base_secret: [u8; BASE_SECRET_BYTES],
    ratchet: KeyRatchet,
    key: LessSafeKey,
    generation: u32,
    /// Frames encrypted; the low 32 bits are the nonce, what is above [`GENERATION_SHIFT`] is the generation.
    frames: u64,
}

impl FrameEncryptor {
    /// Starts a sender at generation 0, nonce 0.
    pub(crate) fn new(base_secret: &[u8; BASE_SECRET_BYTES]) -> Self {
        let mut ratchet = KeyRatchet::new(base_secret);
        let key = aes_key(&mut ratchet);
        Self {
            base_secret: *base_secret,
            ratchet,
            key,
            generation: 0,
            frames: 0,
        }
    }

    /// Whether `other` encrypts with the same keys, that is, whether it stands for the same epoch.
    pub(crate) fn same_epoch(&self, other: &Self) -> bool {
        self.base_secret == other.base_secret
    }

    /// Encrypts `frame[..length]` in place and returns the new length in bytes. `frame` must have [`MAX_OVERHEAD`]
    /// bytes of room behind.
    pub(crate) fn encrypt(&mut self, frame: &mut [u8], length: usize) -> Result<usize, EncryptError> {
        if frame.len() < length + MAX_OVERHEAD {
            return Err(EncryptError::BufferTooSmall);
        }
        let generation = (self.frames >> GENERATION_SHIFT) as u32;
        if generation != self.generation {
            self.key = aes_key(&mut self.ratchet);
            self.generation = generation;
        }
        let counter = self.frames as u32;
        // Counted before use: a failure must not lead to the same nonce again.
        self.frames += 1;

        let mut nonce = [0; 12];
        nonce[8..].copy_from_slice(&counter.to_le_bytes());
        let (plain, rest) = frame.split_at_mut(length);
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), plain)
            .map_err(|_| EncryptError::Cipher)?;
        rest[..TAG_BYTES].copy_from_slice(&tag.as_ref()[..TAG_BYTES]);
        let counter_bytes = write_uleb128(counter, &mut rest[TAG_BYTES..]);
        let size_at = TAG_BYTES + counter_bytes;
        let supplement = size_at + 1 + MARKER.len();
        rest[size_at] = supplement as u8;
        rest[size_at + 1..supplement].copy_from_slice(&MARKER);
        Ok(length + supplement)
    }
}

fn aes_key(ratchet: &mut KeyRatchet) -> LessSafeKey {
    let key = ratchet.advance();
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("AES-128 takes any key of 16 bytes"))
}

/// Writes `value` to the front of `out` (at least 5 bytes) and returns the number of bytes written.
fn write_uleb128(mut value: u32, out: &mut [u8]) -> usize {
    let mut length = 0;
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        out[length] = if value == 0 { low } else { low | 0x80 };
        length += 1;
        if value == 0 {
            return length;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aes_gcm::aead::{AeadInPlace, KeyInit};
    use aes_gcm::{Aes128Gcm, Nonce};
    use proptest::prelude::*;

    /// A receiver written apart from the sender: takes the frame to pieces from its end, derives the key of the
    /// generation the nonce names, and undoes AES-GCM with another library. The short tag is compared with the front
    /// of the tag that library computes over the recovered plaintext.
    pub(crate) fn decrypt(base_secret: &[u8; 16], frame: &[u8]) -> Option<(u32, Vec<u8>)> {
        let body = frame.strip_suffix(&[0xFA, 0xFA])?;
        let supplement = usize::from(*body.last()?);
        let plain_length = frame.len().checked_sub(supplement)?;
        let (cipher_text, rest) = frame.split_at(plain_length);
        let tag = rest.get(..8)?;
        let counter_bytes = rest.get(8..supplement.checked_sub(3)?)?;
        if counter_bytes.len() > 5 {
            return None;
        }
        let mut counter = 0u64;
        for (index, byte) in counter_bytes.iter().enumerate() {
            counter |= u64::from(byte & 0x7F) << (7 * index);
        }
        let counter = u32::try_from(counter).ok()?;
        let mut ratchet = KeyRatchet::new(base_secret);
        let mut key = ratchet.advance();
        for _ in 0..counter >> 24 {
            key = ratchet.advance();
        }
        let cipher = Aes128Gcm::new(&key.into());
        let mut nonce = Nonce::default();
        nonce[8..].copy_from_slice(&counter.to_le_bytes());
        // GCM is a stream cipher: encrypting the ciphertext gives the plaintext back.
        let mut plain = cipher_text.to_vec();
        cipher.encrypt_in_place_detached(&nonce, b"", &mut plain).ok()?;
        let mut again = plain.clone();
        let full = cipher.encrypt_in_place_detached(&nonce, b"", &mut again).ok()?;
        (full[..8] == *tag).then_some((counter, plain))
    }

    proptest! {
        #[test]
        fn a_receiver_reads_the_frame(
            secret: [u8; 16], plain in proptest::collection::vec(any::<u8>(), 0..1568), start in 0u64..1 << 26,
            flip: prop::sample::Index,
        ) {
            let mut encryptor = FrameEncryptor::new(&secret);
            let generations = (start >> GENERATION_SHIFT) as u32;
            for _ in 0..generations {
                encryptor.key = aes_key(&mut encryptor.ratchet);
            }
            encryptor.generation = generations;
            encryptor.frames = start;
            let mut frame = plain.clone();
            frame.resize(plain.len() + MAX_OVERHEAD, 0);
            let length = encryptor.encrypt(&mut frame, plain.len()).unwrap();
            frame.truncate(length);
            prop_assert_eq!(decrypt(&secret, &frame), Some((start as u32, plain)));
            let at = flip.index(length);
            frame[at] ^= 0x40;
            prop_assert_eq!(decrypt(&secret, &frame).map(|(_, plain)| plain), None);
        }

        #[test]
        fn uleb128_is_minimal(value: u32) {
            let mut out = [0; 5];
            let length = write_uleb128(value, &mut out);
            let bits = 32 - value.leading_zeros() as usize;
            prop_assert_eq!(length, bits.div_ceil(7).max(1));
        }
    }

    #[test]
    fn the_key_changes_with_the_generation() {
        let secret = [3; 16];
        let mut encryptor = FrameEncryptor::new(&secret);
        encryptor.frames = (1 << GENERATION_SHIFT) - 1;
        for expected in [(1 << 24) - 1, 1 << 24, (1 << 24) + 1] {
            let mut frame = [9; 40 + MAX_OVERHEAD];
            let length = encryptor.encrypt(&mut frame, 40).unwrap();
            assert_eq!(decrypt(&secret, &frame[..length]), Some((expected, vec![9; 40])));
        }
        assert_eq!(encryptor.generation, 1);
    }

    #[test]
    fn a_short_buffer_is_refused_and_costs_no_nonce() {
        let mut encryptor = FrameEncryptor::new(&[0; 16]);
        assert_eq!(
            encryptor.encrypt(&mut [0; 25], 10),
            Err(EncryptError::BufferTooSmall)
        );
        assert_eq!(encryptor.frames, 0);
    }

    #[test]
    fn epochs_are_told_apart_by_their_secret() {
        let one = FrameEncryptor::new(&[1; 16]);
        assert!(one.same_epoch(&FrameEncryptor::new(&[1; 16])));
        assert!(!one.same_epoch(&FrameEncryptor::new(&[2; 16])));
    }
}
