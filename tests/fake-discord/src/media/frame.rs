//! Opening of DAVE media frames (protocol version 1, Opus) from the exported sender secret.
//!
//! Layout: `ciphertext | tag[8] | ULEB128 nonce | supplemental size u8 | FA FA`, AES-128-GCM with the tag cut to
//! 8 bytes, no additional data, nonce in the last 4 of the 12 IV bytes (little endian).
//! Written from the description of the format and on another cipher library than the clients under test use.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

/// The Opus silence frame, sent outside end-to-end encryption.
pub(crate) const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];
/// Last two bytes of every encrypted frame.
const MARKER: [u8; 2] = [0xFA, 0xFA];
/// Length of the truncated tag, bytes.
const TAG: usize = 8;
/// Bytes of the supplemental data besides tag and nonce: its size byte and the marker.
const FIXED: usize = 3;
/// Label of the MLS exporter for sender secrets.
pub(crate) const EXPORTER_LABEL: &str = "Discord Secure Frames v0";
/// Length of an exported sender secret and of a frame key, bytes.
pub(crate) const SECRET_LENGTH: usize = 16;

/// The parts of an encrypted frame, borrowed from the packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) ciphertext: &'a [u8],
    pub(crate) tag: [u8; TAG],
    pub(crate) nonce: u32,
}

impl<'a> Frame<'a> {
    /// Splits an encrypted Opus frame; `None` when the bytes are not one.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let body = bytes.strip_suffix(&MARKER)?;
        let (size, body) = body.split_last()?;
        // The size counts itself and the marker, which are already split off.
        let supplemental = usize::from(*size).checked_sub(FIXED)?;
        let split = body.len().checked_sub(supplemental)?;
        let (ciphertext, supplemental) = body.split_at(split);
        let (tag, nonce) = supplemental.split_at_checked(TAG)?;
        // Opus frames have no unencrypted ranges, so the nonce must be all that follows the tag.
        let nonce = uleb128(nonce)?;
        (!ciphertext.is_empty()).then_some(Self {
            ciphertext,
            tag: tag.try_into().ok()?,
            nonce,
        })
    }
}

/// The unsigned LEB128 number that fills `bytes` exactly; `None` past 32 bits.
fn uleb128(bytes: &[u8]) -> Option<u32> {
    let (last, leading) = bytes.split_last()?;
    if bytes.len() > 5 || last & 0x80 != 0 || leading.iter().any(|byte| byte & 0x80 == 0) {
        return None;
    }
    let value = bytes
        .iter()
        .rev()
        .fold(0u64, |value, byte| value << 7 | u64::from(byte & 0x7F));
    u32::try_from(value).ok()
}

/// The keys of one sender in one epoch, derived generation by generation (at most 256).
pub(crate) struct SenderKey {
    next_secret: Vec<u8>,
    generations: Vec<LessSafeKey>,
    scratch: Vec<u8>,
}

impl SenderKey {
    /// Starts the ratchet from the exported secret of the epoch.
    pub(crate) fn new(base_secret: &[u8]) -> Self {
        Self {
            next_secret: base_secret.to_vec(),
            generations: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Decrypts `frame` into `opus`; false, leaving `opus` undefined, when the tag does not match.
    pub(crate) fn open(&mut self, frame: &Frame<'_>, opus: &mut Vec<u8>) -> bool {
        let generation = (frame.nonce >> 24) as usize;
        while self.generations.len() <= generation {
            let number = self.generations.len() as u32;
            let Ok(key) = UnboundKey::new(
                &AES_128_GCM,
                &derive(&self.next_secret, "key", number)[..SECRET_LENGTH],
            ) else {
                return false;
            };
            self.generations.push(LessSafeKey::new(key));
            self.next_secret = derive(&self.next_secret, "secret", number).to_vec();
        }
        let key = &self.generations[generation];
        let mut iv = [0; 12];
        iv[8..].copy_from_slice(&frame.nonce.to_le_bytes());

        // The library opens full tags only. Sealing zeros yields the key stream; sealing the plain text yields the tag.
        opus.clear();
        opus.resize(frame.ciphertext.len(), 0);
        if key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::empty(), opus)
            .is_err()
        {
            return false;
        }
        for (byte, cipher) in opus.iter_mut().zip(frame.ciphertext) {
            *byte ^= cipher;
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(opus);
        key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::empty(), &mut self.scratch)
            .is_ok_and(|tag| tag.as_ref()[..TAG] == frame.tag)
    }
}

/// MLS `ExpandWithLabel(secret, label, u32 generation, 32)` with HKDF-SHA256 (RFC 9420, section 8).
/// Shorter outputs of one block are prefixes only in the block, not in the length field, hence `length`.
fn derive(secret: &[u8], label: &str, generation: u32) -> [u8; 32] {
    let length: u16 = if label == "key" { SECRET_LENGTH as u16 } else { 32 };
    let label = format!("MLS 1.0 {label}");
    let mut info = Vec::with_capacity(32);
    info.extend_from_slice(&length.to_be_bytes());
    info.push(label.len() as u8);
    info.extend_from_slice(label.as_bytes());
    info.push(4);
    info.extend_from_slice(&generation.to_be_bytes());
    // One HKDF-Expand block covers both lengths: T(1) = HMAC(secret, info || 01).
    info.push(1);
    let block = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &info);
    let mut output = [0; 32];
    output.copy_from_slice(block.as_ref());
    output
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Seals a frame as a sender does, from key and nonce.
    pub(crate) fn seal(base_secret: &[u8], nonce: u32, opus: &[u8]) -> Vec<u8> {
        let mut secret = base_secret.to_vec();
        for generation in 0..nonce >> 24 {
            secret = derive(&secret, "secret", generation).to_vec();
        }
        let key = derive(&secret, "key", nonce >> 24);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).unwrap());
        let mut iv = [0; 12];
        iv[8..].copy_from_slice(&nonce.to_le_bytes());
        let mut out = opus.to_vec();
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::empty(), &mut out)
            .unwrap();
        out.extend_from_slice(&tag.as_ref()[..TAG]);
        let mut value = nonce;
        let before = out.len();
        loop {
            let byte = (value & 0x7F) as u8;
            value >>= 7;
            out.push(if value == 0 { byte } else { byte | 0x80 });
            if value == 0 {
                break;
            }
        }
        let size = TAG + (out.len() - before) + FIXED;
        out.push(size as u8);
        out.extend_from_slice(&MARKER);
        out
    }

    #[test]
    fn opens_what_was_sealed_in_any_generation() {
        let secret = [7; 16];
        let opus: Vec<u8> = (0..200).collect();
        let mut key = SenderKey::new(&secret);
        let mut plain = Vec::new();
        for nonce in [0, 1, 127, 128, 300, 0x00FF_FFFF, 0x0100_0000, 0x0300_0001, 5] {
            let sealed = seal(&secret, nonce, &opus);
            let frame = Frame::parse(&sealed).unwrap();
            assert_eq!(frame.nonce, nonce);
            assert!(key.open(&frame, &mut plain), "nonce {nonce:#x}");
            assert_eq!(plain, opus);
        }
    }

    #[test]
    fn refuses_other_keys_and_changed_frames() {
        let sealed = seal(&[7; 16], 9, b"some opus");
        let mut plain = Vec::new();
        assert!(!SenderKey::new(&[8; 16]).open(&Frame::parse(&sealed).unwrap(), &mut plain));
        for position in 0..sealed.len() - 4 {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            let opened =
                Frame::parse(&changed).is_some_and(|frame| SenderKey::new(&[7; 16]).open(&frame, &mut plain));
            assert!(!opened, "byte {position}");
        }
    }

    #[test]
    fn known_expansion() {
        // HMAC-SHA256 of the label structure, computed with Python's hmac and hashlib.
        let hex: String = derive(&[0; 16], "key", 0)[..16]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(hex, KEY_OF_ZERO_SECRET);
    }

    /// First 16 bytes of HMAC(16 zero bytes, 0010 0b "MLS 1.0 key" 04 00000000 01).
    const KEY_OF_ZERO_SECRET: &str = "8b0089fcda42f77255aaf22f73b6266d";

    #[test]
    fn plain_packets_are_not_frames() {
        assert!(Frame::parse(&SILENCE).is_none());
        assert!(Frame::parse(&[]).is_none());
        assert!(Frame::parse(&[0xFA, 0xFA]).is_none());
        assert!(Frame::parse(&[0xF8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 3, 0xFA, 0xFA]).is_none());
        assert!(Frame::parse(&[0; 100]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64), size in 0u8..40) {
            let mut bytes = bytes;
            let _ = Frame::parse(&bytes);
            bytes.push(size);
            bytes.extend_from_slice(&MARKER);
            let _ = Frame::parse(&bytes);
        }
    }
}
