//! A sine as a WAV file that is computed while it is read.

use std::f64::consts::TAU;
use std::time::Duration;

use lavalink_plugin_api::{ByteStream, Failure};

/// How long a tone is.
pub(crate) const LENGTH: Duration = Duration::from_secs(10);

/// Frames per second.
const RATE: u32 = 48_000;

/// Bytes of a frame: one sample of 16 bits.
const FRAME: u32 = 2;

/// Bytes of all frames.
const DATA: u32 = RATE * FRAME * 10;

/// Bytes of the header.
const HEADER: u32 = 44;

/// Loudness, where 1.0 is the loudest there is.
const AMPLITUDE: f64 = 0.25;

/// See the module.
pub(crate) struct Wave {
    /// Hertz.
    frequency: u32,
    /// Byte that is read next.
    position: u32,
}

impl Wave {
    pub(crate) fn new(frequency: u32) -> Self {
        Self {
            frequency,
            position: 0,
        }
    }

    fn byte(&self, at: u32) -> u8 {
        if at < HEADER {
            return header()[at as usize];
        }
        let (frame, part) = ((at - HEADER) / FRAME, (at - HEADER) % FRAME);
        let phase = f64::from(frame) * f64::from(self.frequency) / f64::from(RATE);
        // `as` rounds towards zero; the value is within 16 bits.
        let sample = ((phase * TAU).sin() * AMPLITUDE * f64::from(i16::MAX)) as i16;
        sample.to_le_bytes()[part as usize]
    }
}

/// The header of a WAV file with one channel of 16 bits: the RIFF form of 1991, chunks `fmt ` and `data`.
fn header() -> [u8; HEADER as usize] {
    let mut header = [0; HEADER as usize];
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &(HEADER - 8 + DATA).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16u32.to_le_bytes(),
        &1u16.to_le_bytes(),
        &1u16.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * FRAME).to_le_bytes(),
        &(FRAME as u16).to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &DATA.to_le_bytes(),
    ];
    let bytes = fields.into_iter().flatten();
    for (place, byte) in header.iter_mut().zip(bytes) {
        *place = *byte;
    }
    header
}

impl ByteStream for Wave {
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let rest = HEADER + DATA - self.position;
        let end = self.position + u32::try_from(max).unwrap_or(u32::MAX).min(rest);
        let bytes = (self.position..end).map(|at| self.byte(at)).collect();
        self.position = end;
        Ok(bytes)
    }

    fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        self.position = u32::try_from(offset).unwrap_or(u32::MAX).min(HEADER + DATA);
        Ok(())
    }

    fn length(&self) -> Option<u64> {
        Some(u64::from(HEADER + DATA))
    }
}
