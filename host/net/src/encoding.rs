//! Bodies that come compressed although nobody asked for it: some servers keep playlists in no other form.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{GzDecoder, ZlibDecoder};

/// Compressed bytes unpacked at once; they become a thousand times as many at most.
const PIECE: usize = 1024;

/// Unpacks a body as its bytes come.
pub(crate) struct Unpacker {
    decoder: Decoder,
    input: Bytes,
    is_over: bool,
}

enum Decoder {
    Gzip(GzDecoder<Vec<u8>>),
    Zlib(ZlibDecoder<Vec<u8>>),
}

impl Unpacker {
    /// For a `Content-Encoding`; `None` when there is nothing to unpack, or in a way that is not known.
    pub(crate) fn of(encoding: &str) -> Option<Self> {
        let decoder = match encoding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Decoder::Gzip(GzDecoder::new(Vec::new())),
            "deflate" => Decoder::Zlib(ZlibDecoder::new(Vec::new())),
            _ => return None,
        };
        Some(Self {
            decoder,
            input: Bytes::new(),
            is_over: false,
        })
    }

    /// Takes more of the compressed body, once [`Self::unpack`] has used up what it has.
    pub(crate) fn feed(&mut self, bytes: Bytes) {
        self.input = bytes;
    }

    /// The next bytes; empty when more of the compressed body is needed, or after its end.
    ///
    /// # Errors
    /// When the body is damaged.
    pub(crate) fn unpack(&mut self) -> io::Result<Bytes> {
        while !self.input.is_empty() && !self.is_over {
            let piece = &self.input[..self.input.len().min(PIECE)];
            let (taken, out) = match &mut self.decoder {
                Decoder::Gzip(decoder) => step(decoder, piece, GzDecoder::get_mut)?,
                Decoder::Zlib(decoder) => step(decoder, piece, ZlibDecoder::get_mut)?,
            };
            // What comes behind the end is nobody's.
            self.is_over = taken == 0;
            let _used = self.input.split_to(taken);
            if !out.is_empty() {
                return Ok(out.into());
            }
        }
        Ok(Bytes::new())
    }

    /// The compressed body has ended: its last bytes.
    ///
    /// # Errors
    /// When it ends early.
    pub(crate) fn finish(&mut self) -> io::Result<Bytes> {
        if self.is_over {
            return Ok(Bytes::new());
        }
        self.is_over = true;
        let out = match &mut self.decoder {
            Decoder::Gzip(decoder) => {
                decoder.try_finish()?;
                std::mem::take(decoder.get_mut())
            }
            Decoder::Zlib(decoder) => {
                decoder.try_finish()?;
                std::mem::take(decoder.get_mut())
            }
        };
        Ok(out.into())
    }
}

/// Bytes of `piece` taken, and what came out.
fn step<D: Write>(
    decoder: &mut D,
    piece: &[u8],
    out: fn(&mut D) -> &mut Vec<u8>,
) -> io::Result<(usize, Vec<u8>)> {
    let taken = decoder.write(piece)?;
    decoder.flush()?;
    Ok((taken, std::mem::take(out(decoder))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    fn all(encoding: &str, packed: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut unpacker = Unpacker::of(encoding).expect("a known encoding");
        let mut out = Vec::new();
        for bytes in packed.chunks(piece) {
            unpacker.feed(Bytes::copy_from_slice(bytes));
            loop {
                let bytes = unpacker.unpack()?;
                if bytes.is_empty() {
                    break;
                }
                assert!(bytes.len() <= 2 * 1024 * PIECE, "bounded");
                out.extend_from_slice(&bytes);
            }
        }
        out.extend_from_slice(&unpacker.finish()?);
        Ok(out)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn a_cut_body_is_an_error_and_an_unknown_encoding_is_left_alone() {
        let packed = gzip(&[7; 5_000]);
        assert!(all("gzip", &packed[..packed.len() - 9], 64).is_err());
        let followed = [packed.as_slice(), &b"trailing"[..]].concat();
        assert_eq!(all("x-gzip", &followed, 1_000).expect("whole"), [7; 5_000]);
        assert!(Unpacker::of("br").is_none() && Unpacker::of("identity").is_none());
    }

    #[test]
    fn what_grows_a_thousandfold_comes_in_bounded_pieces() {
        let packed = gzip(&vec![0; 20_000_000]);
        assert_eq!(all("gzip", &packed, 64 * 1024).expect("whole").len(), 20_000_000);
    }

    proptest! {
        #[test]
        fn any_body_in_any_pieces(bytes in proptest::collection::vec(any::<u8>(), 0..3_000), piece in 1_usize..500) {
            prop_assert_eq!(&all("gzip", &gzip(&bytes), piece).expect("whole"), &bytes);
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&bytes).expect("memory");
            let packed = encoder.finish().expect("memory");
            prop_assert_eq!(&all("deflate", &packed, piece).expect("whole"), &bytes);
        }

        #[test]
        fn damage_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..300) {
            let mut packed = gzip(&bytes);
            let at = at % packed.len();
            packed[at] ^= 0x55;
            let _ = all("gzip", &packed, 50);
        }
    }
}
