//! Transport encryption: the two "rtpsize" AEAD modes of the voice gateway.
//!
//! A packet is `header | ciphertext | tag (16) | nonce (4)`; the RTP header is the associated data. The nonce is a
//! counter of 32 bits that lives as long as the key, so it goes on over a resume.

use chacha20poly1305::{XChaCha20Poly1305, aead::AeadInOut, aead::KeyInit, aead::inout::InOutBuf};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::rtp::HEADER_BYTES;

/// Bytes of the key in both modes.
pub(crate) const KEY_BYTES: usize = 32;

/// Bytes of the authentication tag in both modes.
const TAG_BYTES: usize = 16;

/// Bytes of the counter at the end of each packet.
const NONCE_BYTES: usize = 4;

/// What encryption adds behind the payload, in bytes.
pub(crate) const TRAILER_BYTES: usize = TAG_BYTES + NONCE_BYTES;

/// An encryption mode of the voice gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `aead_aes256_gcm_rtpsize`, preferred.
    Aes256Gcm,
    /// `aead_xchacha20_poly1305_rtpsize`, which every voice server offers.
    XChaCha20Poly1305,
}

impl Mode {
    /// Name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aead_aes256_gcm_rtpsize",
            Self::XChaCha20Poly1305 => "aead_xchacha20_poly1305_rtpsize",
        }
    }

    /// The mode of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Aes256Gcm, Self::XChaCha20Poly1305]
            .into_iter()
            .find(|mode| mode.name() == name)
    }

    /// The best mode among those offered.
    pub(crate) fn choose<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut best = None;
        for mode in offered.into_iter().filter_map(Self::from_name) {
            if mode == Self::Aes256Gcm {
                return Some(mode);
            }
            best = Some(mode);
        }
        best
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and there is one per connection"
)]
enum Cipher {
    Aes256Gcm(LessSafeKey),
    XChaCha20Poly1305(XChaCha20Poly1305),
}

/// A packet could not be sealed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SealError {
    /// The buffer cannot hold the trailer behind the payload.
    BufferTooSmall,
    /// Every nonce of this key has been used; going on would repeat one.
    KeyExhausted,
    /// The cipher refused the packet.
    Cipher,
}

/// Seals the packets of one connection.
pub(crate) struct TransportCipher {
    cipher: Cipher,
    mode: Mode,
    key: [u8; KEY_BYTES],
    /// Next counter value; wraps.
    counter: u32,
    /// Values left before the counter would repeat.
    left: u64,
}

impl TransportCipher {
    /// A cipher for `key`, counting from a random value on.
    pub(crate) fn new(mode: Mode, key: &[u8; KEY_BYTES]) -> Self {
        Self::starting_at(mode, key, rand::random())
    }

    fn starting_at(mode: Mode, key: &[u8; KEY_BYTES], counter: u32) -> Self {
        let cipher = match mode {
            Mode::Aes256Gcm => Cipher::Aes256Gcm(LessSafeKey::new(
                UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes any key of 32 bytes"),
            )),
            Mode::XChaCha20Poly1305 => Cipher::XChaCha20Poly1305(XChaCha20Poly1305::new(key.into())),
        };
        Self {
            cipher,
            mode,
            key: *key,
            counter,
            left: 1 << 32,
        }
    }

    /// Counts on where `previous` stopped, so that no nonce comes twice even when a key comes back.
    pub(crate) fn follow(&mut self, previous: &Self) {
        self.counter = previous.counter;
        if self.mode == previous.mode && self.key == previous.key {
            self.left = previous.left;
        }
    }

    /// Encrypts `packet[HEADER_BYTES..length]` in place, appends tag and counter, and returns the new length in bytes.
    pub(crate) fn seal(&mut self, packet: &mut [u8], length: usize) -> Result<usize, SealError> {
        let total = length + TRAILER_BYTES;
        if length < HEADER_BYTES || packet.len() < total {
            return Err(SealError::BufferTooSmall);
        }
        if self.left == 0 {
            return Err(SealError::KeyExhausted);
        }
        let counter = self.counter.to_be_bytes();
        let (header, rest) = packet.split_at_mut(HEADER_BYTES);
        let (payload, trailer) = rest.split_at_mut(length - HEADER_BYTES);
        match &self.cipher {
            Cipher::Aes256Gcm(key) => {
                let mut nonce = [0; 12];
                nonce[..NONCE_BYTES].copy_from_slice(&counter);
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)
                    .map_err(|_| SealError::Cipher)?;
                trailer[..TAG_BYTES].copy_from_slice(tag.as_ref());
            }
            Cipher::XChaCha20Poly1305(cipher) => {
                let mut nonce = [0; 24];
                nonce[..NONCE_BYTES].copy_from_slice(&counter);
                let tag = cipher
                    .encrypt_inout_detached(&nonce.into(), header, InOutBuf::from(payload))
                    .map_err(|_| SealError::Cipher)?;
                trailer[..TAG_BYTES].copy_from_slice(&tag);
            }
        }
        trailer[TAG_BYTES..TRAILER_BYTES].copy_from_slice(&counter);
        self.counter = self.counter.wrapping_add(1);
        self.left -= 1;
        Ok(total)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use chacha20poly1305::aead::Tag;
    use proptest::prelude::*;

    /// Opens a packet the way a receiver does; `None` when it does not authenticate.
    pub(crate) fn open(mode: Mode, key: &[u8; KEY_BYTES], packet: &[u8]) -> Option<Vec<u8>> {
        let body = packet.len().checked_sub(NONCE_BYTES)?;
        let counter = &packet[body..];
        let header = packet.get(..HEADER_BYTES)?;
        let mut sealed = packet.get(HEADER_BYTES..body)?.to_vec();
        match mode {
            Mode::Aes256Gcm => {
                let mut nonce = [0; 12];
                nonce[..4].copy_from_slice(counter);
                let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
                let plain = key.open_in_place(
                    Nonce::assume_unique_for_key(nonce),
                    Aad::from(header),
                    &mut sealed,
                );
                plain.ok().map(|plain| plain.to_vec())
            }
            Mode::XChaCha20Poly1305 => {
                let mut nonce = [0; 24];
                nonce[..4].copy_from_slice(counter);
                let tag_at = sealed.len().checked_sub(TAG_BYTES)?;
                let tag = Tag::<XChaCha20Poly1305>::try_from(&sealed[tag_at..]).ok()?;
                sealed.truncate(tag_at);
                let cipher = XChaCha20Poly1305::new(key.into());
                let buffer = InOutBuf::from(&mut sealed[..]);
                cipher
                    .decrypt_inout_detached(&nonce.into(), header, buffer, &tag)
                    .ok()?;
                Some(sealed)
            }
        }
    }

    fn mode() -> impl Strategy<Value = Mode> {
        prop_oneof![Just(Mode::Aes256Gcm), Just(Mode::XChaCha20Poly1305)]
    }

    proptest! {
        #[test]
        fn a_receiver_opens_what_was_sealed(
            mode in mode(), key: [u8; 32], counter: u32,
            payload in proptest::collection::vec(any::<u8>(), 0..1600), flip: prop::sample::Index,
        ) {
            let mut packet = vec![0x80; HEADER_BYTES];
            packet.extend_from_slice(&payload);
            let length = packet.len();
            packet.resize(length + TRAILER_BYTES, 0);
            let total = TransportCipher::starting_at(mode, &key, counter).seal(&mut packet, length).unwrap();
            prop_assert_eq!(total, packet.len());
            prop_assert_eq!(&packet[total - 4..], &counter.to_be_bytes());
            prop_assert_eq!(open(mode, &key, &packet).unwrap(), payload);
            let at = flip.index(total);
            packet[at] ^= 1;
            prop_assert_eq!(open(mode, &key, &packet), None);
        }
    }

    #[test]
    fn counter_goes_up_by_one_and_wraps() {
        let mut cipher = TransportCipher::starting_at(Mode::Aes256Gcm, &[1; 32], u32::MAX);
        let mut packet = [0; HEADER_BYTES + TRAILER_BYTES];
        for expected in [u32::MAX, 0, 1] {
            cipher.seal(&mut packet, HEADER_BYTES).unwrap();
            assert_eq!(packet[packet.len() - 4..], expected.to_be_bytes());
        }
    }

    #[test]
    fn a_key_is_not_used_beyond_its_nonces() {
        let mut cipher = TransportCipher::starting_at(Mode::XChaCha20Poly1305, &[1; 32], 0);
        cipher.left = 1;
        let mut packet = [0; HEADER_BYTES + TRAILER_BYTES];
        assert!(cipher.seal(&mut packet, HEADER_BYTES).is_ok());
        assert_eq!(
            cipher.seal(&mut packet, HEADER_BYTES),
            Err(SealError::KeyExhausted)
        );
    }

    #[test]
    fn a_short_buffer_is_refused() {
        let mut cipher = TransportCipher::new(Mode::Aes256Gcm, &[1; 32]);
        assert_eq!(
            cipher.seal(&mut [0; 31], HEADER_BYTES),
            Err(SealError::BufferTooSmall)
        );
        assert_eq!(cipher.seal(&mut [0; 64], 5), Err(SealError::BufferTooSmall));
    }

    #[test]
    fn aes_is_preferred_and_unknown_modes_are_passed_over() {
        let offered = [
            "xsalsa20_poly1305",
            "aead_xchacha20_poly1305_rtpsize",
            "aead_aes256_gcm_rtpsize",
        ];
        assert_eq!(Mode::choose(offered), Some(Mode::Aes256Gcm));
        assert_eq!(
            Mode::choose(offered[..2].iter().copied()),
            Some(Mode::XChaCha20Poly1305)
        );
        assert_eq!(Mode::choose(["xsalsa20_poly1305_lite"]), None);
    }
}
