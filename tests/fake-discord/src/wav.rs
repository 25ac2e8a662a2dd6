//! Recordings as WAV files.

use std::path::Path;

use crate::error::FakeError;

/// Writes interleaved stereo samples at 48 kHz as 16-bit PCM.
pub(crate) fn write(path: &Path, interleaved: &[i16]) -> Result<(), FakeError> {
    let failed = |source| FakeError::Wav {
        path: path.to_owned(),
        source,
    };
    let format = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, format).map_err(failed)?;
    for sample in interleaved {
        writer.write_sample(*sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let path = std::env::temp_dir().join(format!("fake-discord-{}.wav", std::process::id()));
        write(&path, &[1, -2, 3, -4]).unwrap();
        let mut reader = hound::WavReader::open(&path).unwrap();
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        assert_eq!((samples, reader.spec().sample_rate), (vec![1, -2, 3, -4], 48_000));
        std::fs::remove_file(&path).unwrap();
    }
}
