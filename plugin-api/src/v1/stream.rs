//! Byte streams of plugins on their way to the host.

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{ROption, RResult, RVec};

use super::abi::{self, StreamApi, StreamApi_TO, StreamBox};
use super::contain::{Contained, contained, contained_or};
use super::cross::Cross;
use super::response::clamped;
use crate::{ByteStream, Failure};

const WHO: &str = "The plugin that makes this stream";

/// A stream of this side, as the other side sees it.
struct Lent(Contained<Box<dyn ByteStream>>);

impl StreamApi for Lent {
    fn read(&mut self, max: u64) -> RResult<RVec<u8>, abi::Failure> {
        contained(WHO, "read", || self.0.read(clamped(max))).out()
    }
    fn seek(&mut self, offset: u64) -> RResult<(), abi::Failure> {
        contained(WHO, "seek", || self.0.seek(offset)).out()
    }
    fn length(&self) -> ROption<u64> {
        contained_or(None, || self.0.length()).out()
    }
}

/// A stream of the other side, as this side sees it.
struct Foreign(StreamBox);

impl ByteStream for Foreign {
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let bytes = <Result<Vec<u8>, Failure>>::back(self.0.read(max as u64))?;
        if bytes.len() > max {
            return Err(Failure::fault(
                "The plugin that makes this stream gave more bytes than it was asked for.",
            )
            .because(format!("{} instead of at most {max}", bytes.len())));
        }
        Ok(bytes)
    }
    fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        Cross::back(self.0.seek(offset))
    }
    fn length(&self) -> Option<u64> {
        Cross::back(self.0.length())
    }
}

pub(crate) fn out(stream: Box<dyn ByteStream>) -> StreamBox {
    StreamApi_TO::from_value(Lent(Contained::new(stream)), TD_Opaque)
}

pub(crate) fn back(stream: StreamBox) -> Box<dyn ByteStream> {
    Box::new(Foreign(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>, usize);

    impl ByteStream for Bytes {
        fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
            if max == 13 {
                return Ok(vec![0; 14]);
            }
            let end = self.0.len().min(self.1 + max);
            let bytes = self.0[self.1..end].to_vec();
            self.1 = end;
            Ok(bytes)
        }
        fn seek(&mut self, offset: u64) -> Result<(), Failure> {
            assert!(offset <= self.0.len() as u64, "past the end");
            self.1 = offset as usize;
            Ok(())
        }
        fn length(&self) -> Option<u64> {
            Some(self.0.len() as u64)
        }
    }

    impl Drop for Bytes {
        fn drop(&mut self) {
            panic!("a destructor that panics");
        }
    }

    #[test]
    fn works_through_the_border_and_contains_panics_even_of_drop() {
        let mut stream = back(out(Box::new(Bytes(vec![1, 2, 3, 4], 0))));
        assert_eq!(stream.length(), Some(4));
        assert_eq!(stream.read(3), Ok(vec![1, 2, 3]));
        stream.seek(1).unwrap();
        assert_eq!(stream.read(100), Ok(vec![2, 3, 4]));
        assert_eq!(stream.read(100), Ok(Vec::new()));
        let failure = stream.seek(9).unwrap_err();
        assert!(
            failure.cause.contains("seek") && failure.cause.contains("past the end"),
            "{failure}"
        );
        assert!(stream.read(13).unwrap_err().message.contains("more bytes"));
        drop(stream);
    }
}
