//! The bytes of a file.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use lavalink_plugin_api::{ByteStream, Failure};

/// Most bytes handed out by one read.
const MAX_READ: usize = 1024 * 1024;

/// An open file. Without a buffer of its own: the host reads ahead in large pieces and keeps them.
#[derive(Debug)]
pub(crate) struct FileStream {
    file: File,
    length: u64,
}

impl FileStream {
    pub(crate) fn new(file: File) -> Result<Self, Failure> {
        let length = file.metadata().map_err(unreadable)?.len();
        Ok(Self { file, length })
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::suspicious("Could not read the file.").because(error)
}

impl ByteStream for FileStream {
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; max.min(MAX_READ)];
        loop {
            match self.file.read(&mut bytes) {
                Ok(count) => {
                    bytes.truncate(count);
                    return Ok(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
    }

    fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        self.file
            .seek(SeekFrom::Start(offset))
            .map(drop)
            .map_err(unreadable)
    }

    fn length(&self) -> Option<u64> {
        Some(self.length)
    }
}
