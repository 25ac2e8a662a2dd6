//! A medium under examination whose beginning is kept for the probes of plugins, and that can be examined again.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use lavalink_audio::MediaInput;
use parking_lot::Mutex;

use crate::media::ProbeInput;

/// Most bytes kept.
const MAX_HEAD: usize = 64 * 1024;

/// See the module. Clones are the same medium.
#[derive(Clone)]
pub struct Recorded(Arc<Mutex<State>>);

struct State {
    input: ProbeInput,
    position: u64,
    head: Vec<u8>,
}

impl Recorded {
    /// Takes a medium that stands at its first byte.
    pub fn new(input: ProbeInput) -> Self {
        Self(Arc::new(Mutex::new(State {
            input,
            position: 0,
            head: Vec::new(),
        })))
    }

    /// The beginning, as far as it was read.
    pub fn head(&self) -> Vec<u8> {
        self.0.lock().head.clone()
    }

    /// Goes back to the first byte.
    ///
    /// # Errors
    /// When the medium cannot jump there any more.
    pub fn rewind(&self) -> io::Result<()> {
        self.0.lock().seek(SeekFrom::Start(0)).map(drop)
    }
}

impl State {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.input.seek(to)?;
        Ok(self.position)
    }
}

impl Read for Recorded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        let count = state.input.read(buffer)?;
        if state.position == state.head.len() as u64 {
            let kept = count.min(MAX_HEAD - state.head.len());
            state.head.extend_from_slice(&buffer[..kept]);
        }
        state.position += count as u64;
        Ok(count)
    }
}

impl Seek for Recorded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.lock().seek(to)
    }
}

impl MediaInput for Recorded {
    fn byte_len(&self) -> Option<u64> {
        self.0.lock().input.byte_len()
    }

    fn is_seekable(&self) -> bool {
        self.0.lock().input.is_seekable()
    }
}
