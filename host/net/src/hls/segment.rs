//! The bytes of one segment as a demuxer wants them: decrypted, and without the tag that carries its time stamp.

use bytes::Bytes;

use super::HlsProblem;
use super::cipher::{BLOCK, SegmentCipher};
use super::playlist::Resource;
use crate::{ByteOrigin, HttpClient, HttpOrigin, NetError, Request};

/// Bytes of an ID3v2 header.
const ID3_HEADER: usize = 10;

/// Key and vector of a segment.
pub(super) type Secret = ([u8; BLOCK], [u8; BLOCK]);

/// A segment that is being read.
pub(super) struct SegmentBody {
    origin: HttpOrigin,
    cipher: Option<SegmentCipher>,
    tag: TagSkip,
    is_over: bool,
}

impl SegmentBody {
    /// Connects. `template` gives the headers.
    pub(super) async fn open(
        client: HttpClient,
        template: &Request,
        resource: &Resource,
        secret: Option<Secret>,
    ) -> Result<Self, NetError> {
        let request = Request {
            url: resource.url.to_string(),
            ..template.clone()
        };
        let mut origin = HttpOrigin::new(client, request);
        let start = match resource.range {
            Some((start, count)) => {
                origin = origin.until(start.saturating_add(count));
                start
            }
            None => 0,
        };
        origin.open(start).await?;
        Ok(Self {
            origin,
            cipher: secret.map(|(key, iv)| SegmentCipher::new(&key, &iv)),
            tag: TagSkip::default(),
            is_over: false,
        })
    }

    /// The next bytes, at most `max` of them received; empty is the end.
    pub(super) async fn read(&mut self, max: usize) -> Result<Bytes, NetError> {
        // Room for what a cipher holds back: never more than `max` may come out.
        let max = max.saturating_sub(2 * BLOCK + ID3_HEADER).max(1);
        loop {
            if self.is_over {
                return Ok(Bytes::new());
            }
            let received = self.origin.read(max).await?;
            self.is_over = received.is_empty();
            let clear = match &mut self.cipher {
                None => received,
                Some(cipher) if self.is_over => cipher.finish().ok_or(HlsProblem::Undecipherable)?.into(),
                Some(cipher) => cipher.push(&received).into(),
            };
            let audio = self.tag.push(clear, self.is_over);
            if !audio.is_empty() {
                return Ok(audio);
            }
        }
    }
}

/// Drops an ID3v2 tag at the front: packed audio begins with one that tells its time (RFC 8216, section 3.4), and a
/// reader of frames must not meet it in the middle of a stream.
#[derive(Default)]
struct TagSkip {
    head: Vec<u8>,
    left: usize,
    is_decided: bool,
}

impl TagSkip {
    fn push(&mut self, bytes: Bytes, is_end: bool) -> Bytes {
        let bytes = if self.is_decided {
            bytes
        } else {
            self.head.extend_from_slice(&bytes);
            if !is_end && self.head.len() < ID3_HEADER && self.head.iter().zip(b"ID3").all(|(a, b)| a == b) {
                return Bytes::new();
            }
            self.is_decided = true;
            self.left = tag_length(&self.head);
            std::mem::take(&mut self.head).into()
        };
        let skipped = self.left.min(bytes.len());
        self.left -= skipped;
        bytes.slice(skipped..)
    }
}

/// Takes the tag off a segment that arrives in pieces, in the clear and encrypted; for [`crate::fuzzing`].
pub(super) fn read_pieces(bytes: &[u8], piece: usize) {
    for is_secret in [false, true] {
        let mut cipher = is_secret.then(|| SegmentCipher::new(&[7; BLOCK], &[9; BLOCK]));
        let mut tag = TagSkip::default();
        for received in bytes.chunks(piece.max(1)) {
            let clear = match &mut cipher {
                Some(cipher) => cipher.push(received),
                None => received.to_vec(),
            };
            let _ = tag.push(clear.into(), false);
        }
        let rest = cipher.and_then(|mut cipher| cipher.finish());
        let _ = tag.push(rest.unwrap_or_default().into(), true);
    }
}

/// Bytes of the ID3v2 tag that `head` begins with (ID3v2.4, section 3.1), 0 without one.
fn tag_length(head: &[u8]) -> usize {
    let &[b'I', b'D', b'3', version, _, flags, a, b, c, d, ..] = head else {
        return 0;
    };
    if version == 0xff || [a, b, c, d].iter().any(|&byte| byte > 0x7f) {
        return 0;
    }
    let body = [a, b, c, d]
        .iter()
        .fold(0, |length, &byte| length << 7 | usize::from(byte));
    let footer = if flags & 0x10 == 0 { 0 } else { ID3_HEADER };
    ID3_HEADER + body + footer
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_tag_is_dropped_however_it_arrives(body in 0_u8..100, audio in proptest::collection::vec(1_u8..255, 1..60), piece in 1_usize..20) {
            let mut segment = vec![b'I', b'D', b'3', 4, 0, 0, 0, 0, 0, body];
            segment.resize(ID3_HEADER + usize::from(body), b'x');
            segment.extend(&audio);
            let mut skip = TagSkip::default();
            let mut out = Vec::new();
            for bytes in segment.chunks(piece) {
                out.extend_from_slice(&skip.push(Bytes::copy_from_slice(bytes), false));
            }
            out.extend_from_slice(&skip.push(Bytes::new(), true));
            prop_assert_eq!(out, audio);
        }

        #[test]
        fn anything_else_passes(bytes in proptest::collection::vec(any::<u8>(), 0..60), piece in 1_usize..20) {
            prop_assume!(!bytes.starts_with(b"ID3"));
            let mut skip = TagSkip::default();
            let mut out = Vec::new();
            for bytes in bytes.chunks(piece) {
                out.extend_from_slice(&skip.push(Bytes::copy_from_slice(bytes), false));
            }
            out.extend_from_slice(&skip.push(Bytes::new(), true));
            prop_assert_eq!(out, bytes);
        }
    }
}
