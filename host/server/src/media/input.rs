//! The readers of the network crate as inputs of the audio crate.

use std::io::{self, Read, Seek, SeekFrom};

use lavalink_audio::MediaInput;
use lavalink_net::{BlockingReader, MediaReader};

/// A medium that is being played: `read` answers `WouldBlock` while no bytes are there.
#[derive(Debug)]
pub struct PlaybackInput(pub MediaReader);

/// A medium that is being looked at: `read` waits.
#[derive(Debug)]
pub struct ProbeInput(pub BlockingReader);

macro_rules! media_input {
    ($name:ident) => {
        impl Read for $name {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }

        impl Seek for $name {
            fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                self.0.seek(to)
            }
        }

        impl MediaInput for $name {
            fn byte_len(&self) -> Option<u64> {
                self.0.byte_len()
            }

            fn is_seekable(&self) -> bool {
                self.0.is_seekable()
            }
        }
    };
}

media_input!(PlaybackInput);
media_input!(ProbeInput);
