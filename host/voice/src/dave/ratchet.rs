//! The sender key ratchet: one AES-128 key per 2^24 frames (DAVE protocol, "Sender Key Derivation"; RFC 9420, 9.1).

use ring::hmac;

/// Bytes of the secret the MLS group exports for a sender.
pub(crate) const BASE_SECRET_BYTES: usize = 16;

/// Bytes of an AES-128 key.
pub(crate) const KEY_BYTES: usize = 16;

/// Bytes of the secret of every generation but the first, the hash length of the ciphersuite.
const SECRET_BYTES: usize = 32;

/// Derives the keys of one sender in one epoch, generation by generation. Allocates nothing.
pub(crate) struct KeyRatchet {
    secret: [u8; SECRET_BYTES],
    secret_length: usize,
    generation: u32,
}

impl KeyRatchet {
    /// Starts at generation 0.
    pub(crate) fn new(base_secret: &[u8; BASE_SECRET_BYTES]) -> Self {
        let mut secret = [0; SECRET_BYTES];
        secret[..BASE_SECRET_BYTES].copy_from_slice(base_secret);
        Self {
            secret,
            secret_length: BASE_SECRET_BYTES,
            generation: 0,
        }
    }

    /// The key of the current generation; forgets the secret it came from and moves on to the next generation.
    pub(crate) fn advance(&mut self) -> [u8; KEY_BYTES] {
        let context = self.generation.to_be_bytes();
        let secret = &self.secret[..self.secret_length];
        let block = expand_with_label(secret, b"key", context, KEY_BYTES as u16);
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&block[..KEY_BYTES]);
        self.secret = expand_with_label(secret, b"secret", context, SECRET_BYTES as u16);
        self.secret_length = SECRET_BYTES;
        self.generation = self.generation.wrapping_add(1);
        key
    }
}

/// `ExpandWithLabel` of RFC 9420 section 8 for lengths up to one SHA-256 block (32 bytes); callers cut the rest off.
///
/// HKDF-Expand (RFC 5869) of one block is `HMAC(secret, info | 01)`.
fn expand_with_label(secret: &[u8], label: &[u8], context: [u8; 4], length: u16) -> [u8; SECRET_BYTES] {
    const PREFIX: &[u8] = b"MLS 1.0 ";
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut mac = hmac::Context::with_key(&key);
    mac.update(&length.to_be_bytes());
    // Both vectors are shorter than 64 bytes, so their MLS length prefix is a single byte.
    mac.update(&[(PREFIX.len() + label.len()) as u8]);
    mac.update(PREFIX);
    mac.update(label);
    mac.update(&[context.len() as u8]);
    mac.update(&context);
    mac.update(&[1]);
    let mut block = [0; SECRET_BYTES];
    block.copy_from_slice(mac.sign().as_ref());
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::hkdf;

    struct Bytes(usize);

    impl hkdf::KeyType for Bytes {
        fn len(&self) -> usize {
            self.0
        }
    }

    /// The same step written with ring's HKDF and a label spelled out by hand.
    fn reference(secret: &[u8], label: &str, generation: u32, length: usize) -> Vec<u8> {
        let full = format!("MLS 1.0 {label}");
        let mut info = vec![0, length as u8, full.len() as u8];
        info.extend_from_slice(full.as_bytes());
        info.push(4);
        info.extend_from_slice(&generation.to_be_bytes());
        let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
        let mut out = vec![0; length];
        prk.expand(&[&info], Bytes(length))
            .unwrap()
            .fill(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn follows_the_definition_for_several_generations() {
        let base = *b"0123456789abcdef";
        let mut ratchet = KeyRatchet::new(&base);
        let mut secret = base.to_vec();
        for generation in 0..5 {
            assert_eq!(
                ratchet.advance().to_vec(),
                reference(&secret, "key", generation, 16)
            );
            secret = reference(&secret, "secret", generation, 32);
        }
    }
}
