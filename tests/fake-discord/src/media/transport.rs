//! Transport decryption of RTP packets: `header | ciphertext | tag[16] | nonce[4]`, the header authenticated.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::config::Mode;

/// Fixed RTP header, bytes.
pub(crate) const RTP_HEADER: usize = 12;
const TAG: usize = 16;
const NONCE: usize = 4;

/// The cipher of one session.
pub(crate) enum TransportKey {
    /// AES-256-GCM.
    Aes(Box<LessSafeKey>),
    /// XChaCha20-Poly1305.
    XChaCha(Box<XChaCha20Poly1305>),
}

/// A decrypted packet: where its payload lies, and the nonce it came with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Payload bytes within the packet, after any extension words.
    pub(crate) payload: std::ops::Range<usize>,
    /// The nonce as it stood on the wire.
    pub(crate) nonce: [u8; NONCE],
}

impl TransportKey {
    /// A key for `mode`.
    pub(crate) fn new(mode: Mode, secret: &[u8; 32]) -> Option<Self> {
        Some(match mode {
            Mode::Aes256Gcm => Self::Aes(Box::new(LessSafeKey::new(
                UnboundKey::new(&AES_256_GCM, secret).ok()?,
            ))),
            Mode::XChaCha20Poly1305 => Self::XChaCha(Box::new(XChaCha20Poly1305::new(&(*secret).into()))),
        })
    }

    /// Decrypts in place; `None` when the packet is too short or not authentic.
    pub(crate) fn open(&self, packet: &mut [u8]) -> Option<Opened> {
        let first = *packet.first()?;
        let has_extension = first & 0x10 != 0;
        let header = RTP_HEADER + usize::from(first & 0x0F) * 4 + if has_extension { 4 } else { 0 };
        let body_end = packet.len().checked_sub(NONCE)?;
        let cipher_end = body_end.checked_sub(TAG).filter(|end| *end >= header)?;
        let nonce: [u8; NONCE] = packet[body_end..].try_into().ok()?;
        let (aad, rest) = packet.split_at_mut(header);
        let body = &mut rest[..body_end - header];
        match self {
            Self::Aes(key) => {
                let mut iv = [0; 12];
                iv[..NONCE].copy_from_slice(&nonce);
                key.open_in_place(Nonce::assume_unique_for_key(iv), Aad::from(&*aad), body)
                    .ok()?;
            }
            Self::XChaCha(cipher) => {
                let mut iv = [0; 24];
                iv[..NONCE].copy_from_slice(&nonce);
                let (text, tag) = body.split_at_mut(cipher_end - header);
                let tag: [u8; TAG] = (&*tag).try_into().ok()?;
                cipher
                    .decrypt_inout_detached(&XNonce::from(iv), aad, text.into(), &tag.into())
                    .ok()?;
            }
        }
        let extension = if has_extension {
            usize::from(u16::from_be_bytes([aad[header - 2], aad[header - 1]])) * 4
        } else {
            0
        };
        let start = header
            .checked_add(extension)
            .filter(|start| *start <= cipher_end)?;
        Some(Opened {
            payload: start..cipher_end,
            nonce,
        })
    }

    /// A packet of that header and payload, encrypted under `nonce`, which must never have been used with this key.
    pub(crate) fn seal(&self, header: &[u8], payload: &[u8], nonce: [u8; NONCE]) -> Option<Vec<u8>> {
        let mut body = payload.to_vec();
        match self {
            Self::Aes(key) => {
                let mut iv = [0; 12];
                iv[..NONCE].copy_from_slice(&nonce);
                key.seal_in_place_append_tag(Nonce::assume_unique_for_key(iv), Aad::from(header), &mut body)
                    .ok()?;
            }
            Self::XChaCha(cipher) => {
                let mut iv = [0; 24];
                iv[..NONCE].copy_from_slice(&nonce);
                let tag = cipher
                    .encrypt_inout_detached(&XNonce::from(iv), header, body.as_mut_slice().into())
                    .ok()?;
                body.extend_from_slice(&tag);
            }
        }
        Some([header, &body, &nonce].concat())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Seals a payload as a client does.
    pub(crate) fn seal(
        mode: Mode,
        secret: &[u8; 32],
        header: &[u8],
        payload: &[u8],
        nonce: [u8; 4],
    ) -> Vec<u8> {
        let key = TransportKey::new(mode, secret).unwrap();
        key.seal(header, payload, nonce).unwrap()
    }

    const SECRET: [u8; 32] = [3; 32];
    const MODES: [Mode; 2] = [Mode::Aes256Gcm, Mode::XChaCha20Poly1305];

    #[test]
    fn opens_plain_and_extended_headers() {
        for mode in MODES {
            let key = TransportKey::new(mode, &SECRET).unwrap();
            let mut packet = seal(mode, &SECRET, &[0x80; 12], b"payload", [1, 2, 3, 4]);
            let opened = key.open(&mut packet).unwrap();
            assert_eq!(
                (&packet[opened.payload], opened.nonce),
                (&b"payload"[..], [1, 2, 3, 4])
            );

            let mut header = vec![0x91; 12];
            header.extend_from_slice(&[0; 4]);
            header.extend_from_slice(&[0xBE, 0xDE, 0, 1]);
            let mut packet = seal(mode, &SECRET, &header, b"extnpayload", [0; 4]);
            let opened = key.open(&mut packet).unwrap();
            assert_eq!(&packet[opened.payload], b"payload");
        }
    }

    #[test]
    fn every_byte_is_authenticated() {
        for mode in MODES {
            let key = TransportKey::new(mode, &SECRET).unwrap();
            let good = seal(mode, &SECRET, &[0x80; 12], b"payload", [1, 2, 3, 4]);
            for position in 0..good.len() {
                let mut bad = good.clone();
                bad[position] ^= 0x20;
                assert_eq!(key.open(&mut bad), None, "byte {position}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_datagrams_are_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            for mode in MODES {
                let key = TransportKey::new(mode, &SECRET).unwrap();
                proptest::prop_assert_eq!(key.open(&mut bytes.clone()), None);
            }
        }
    }
}
