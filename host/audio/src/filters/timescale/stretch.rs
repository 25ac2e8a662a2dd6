//! The tempo part: WSOLA, "waveform similarity overlap-add" (Verhelst and Roelands, 1993), with the
//! parameters SoundTouch publishes.
//!
//! The output is made of sequences cut from the input at distances that differ from their distance
//! in the output. Each is moved within a seek window to where it continues the previous one best.
//! One search serves both channels, so the stereo image stays whole.

use super::Stage;

/// Tempos between which the lengths below are interpolated; outside they stay.
const TEMPO_LOW: f64 = 0.5;
const TEMPO_HIGH: f64 = 2.0;

/// Sequence length in ms at the low and the high tempo.
const SEQUENCE_MS: (f64, f64) = (90.0, 40.0);

/// Seek window in ms at the low and the high tempo.
const SEEK_MS: (f64, f64) = (20.0, 15.0);

/// Crossfade between sequences in ms.
const OVERLAP_MS: f64 = 8.0;

/// How much likeness a splice at the edge of the seek window must have above one at its centre.
const EDGE_PENALTY: f64 = 0.1;

/// Energy below which a candidate counts as silence.
const SILENCE: f64 = 1e-9;

/// Stretches by a tempo without changing the pitch.
#[derive(Debug)]
pub(super) struct Stretch {
    tempo: f64,
    /// Lengths in frames.
    sequence: usize,
    seek: usize,
    overlap: usize,
    /// Input from the start of the next seek window on.
    pending: Vec<f32>,
    /// Input frames to drop before the next sequence, its fraction carried on.
    advance: f64,
    /// End of the last sequence, to be crossfaded with the start of the next; empty at the start.
    tail: Vec<f32>,
    /// Frames taken and given since the start.
    taken: u64,
    given: u64,
}

impl Stretch {
    /// `tempo` in 0.01..=100: input frames per output frame.
    pub(super) fn new(tempo: f64, sample_rate_hz: u32) -> Self {
        let weight = ((tempo - TEMPO_LOW) / (TEMPO_HIGH - TEMPO_LOW)).clamp(0.0, 1.0);
        let frames = |ms: f64| (ms * f64::from(sample_rate_hz) / 1000.0).round() as usize;
        let between = |(low, high): (f64, f64)| frames(low + weight * (high - low));
        let mut stage = Self {
            tempo,
            sequence: between(SEQUENCE_MS),
            seek: between(SEEK_MS),
            overlap: frames(OVERLAP_MS),
            pending: Vec::new(),
            advance: 0.0,
            tail: Vec::new(),
            taken: 0,
            given: 0,
        };
        stage.reset();
        stage
    }

    /// Frames each sequence adds to the output.
    fn output_step(&self) -> usize {
        self.sequence - self.overlap
    }

    /// Input frames between sequences.
    fn input_step(&self) -> f64 {
        self.tempo * self.output_step() as f64
    }

    /// Input frames that must be there for a sequence: its seek window, and at high tempos all it
    /// stands for, so that the output never runs ahead of the input.
    fn needed(&self) -> usize {
        (self.seek + self.sequence).max(self.input_step().ceil() as usize + self.seek / 2)
    }

    fn run(&mut self, output: &mut Vec<f32>) {
        let frames = self.pending.len() / 2;
        let needed = self.needed();
        let mut start = 0;
        loop {
            let dropped = (self.advance as usize).min(frames - start);
            start += dropped;
            self.advance -= dropped as f64;
            if self.advance >= 1.0 || frames - start < needed {
                break;
            }
            self.splice(start, output);
            self.advance += self.input_step();
            self.given += self.output_step() as u64;
        }
        self.pending.drain(..2 * start);
    }

    /// Appends one sequence, taken from the seek window at frame `start`.
    fn splice(&mut self, start: usize, output: &mut Vec<f32>) {
        let window = &self.pending[2 * start..2 * (start + self.seek + self.sequence)];
        // The first sequence has nothing to continue and starts where the audio does.
        let offset = if self.tail.is_empty() {
            self.seek / 2
        } else {
            best_offset(&self.tail, window, self.seek)
        };
        let sequence = &window[2 * offset..2 * (offset + self.sequence)];
        let (body, tail) = sequence.split_at(2 * self.output_step());
        let (faded, kept) = body.split_at(self.tail.len());
        let frames = self.overlap as f32;
        for (index, (old, new)) in self.tail.chunks_exact(2).zip(faded.chunks_exact(2)).enumerate() {
            let weight = (index as f32 + 0.5) / frames;
            output.push(old[0] * (1.0 - weight) + new[0] * weight);
            output.push(old[1] * (1.0 - weight) + new[1] * weight);
        }
        output.extend_from_slice(kept);
        self.tail.clear();
        self.tail.extend_from_slice(tail);
    }
}

impl Stage for Stretch {
    fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.taken += input.len() as u64 / 2;
        self.pending.extend_from_slice(input);
        self.run(output);
    }

    fn flush(&mut self, output: &mut Vec<f32>) {
        let due = (self.taken as f64 / self.tempo).round() as u64;
        let before = output.len();
        while self.given < due {
            // Silence for one more sequence at least; each pass adds output, so this ends.
            let missing = self.advance.ceil() as usize + self.needed();
            self.pending.resize(self.pending.len() + 2 * missing, 0.0);
            self.run(output);
        }
        let surplus = 2 * self.given.saturating_sub(due) as usize;
        output.truncate(output.len().saturating_sub(surplus).max(before));
        self.reset();
    }

    fn reset(&mut self) {
        self.pending.clear();
        // Half a seek window of silence puts the first frame into the middle of the first window.
        self.pending.resize(2 * (self.seek / 2), 0.0);
        self.advance = 0.0;
        self.tail.clear();
        self.taken = 0;
        self.given = 0;
    }
}

/// The frame offset, 0..=`seek`, at which `window` is most like `tail` on both channels: highest
/// normalised cross-correlation, with a slight preference for the centre.
fn best_offset(tail: &[f32], window: &[f32], seek: usize) -> usize {
    let centre = seek / 2;
    let mut energy: f64 = window[..tail.len()].iter().map(|sample| square(*sample)).sum();
    let mut best = (centre, f64::MIN);
    for offset in 0..=seek {
        let candidate = &window[2 * offset..2 * offset + tail.len()];
        let likeness = f64::from(dot(tail, candidate)) / energy.max(SILENCE).sqrt();
        let distance = (offset as f64 - centre as f64) / (seek as f64 / 2.0);
        let score = likeness - likeness.abs() * EDGE_PENALTY * distance * distance;
        // Of equals the nearer to the centre wins, so silence is spliced evenly.
        let is_nearer = offset.abs_diff(centre) < best.0.abs_diff(centre);
        if score > best.1 || (score == best.1 && is_nearer) {
            best = (offset, score);
        }
        // The energy slides along: one frame leaves, one comes in.
        if let ([left, right, ..], Some([next_left, next_right])) = (
            candidate,
            window.get(2 * offset + tail.len()..2 * (offset + 1) + tail.len()),
        ) {
            energy += square(*next_left) + square(*next_right) - square(*left) - square(*right);
        }
    }
    best.0
}

fn square(sample: f32) -> f64 {
    f64::from(sample) * f64::from(sample)
}

/// Sum of products in eight independent lanes, which the processor can work on at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::signal::{noise, sine};

    #[test]
    fn has_the_published_lengths() {
        for (tempo, sequence_ms, seek_ms) in [
            (0.1, 90.0, 20.0),
            (0.5, 90.0, 20.0),
            (1.25, 65.0, 17.5),
            (2.0, 40.0, 15.0),
            (9.0, 40.0, 15.0),
        ] {
            let stage = Stretch::new(tempo, 48_000);
            assert_eq!(stage.sequence as f64, sequence_ms * 48.0, "sequence at {tempo}");
            assert_eq!(stage.seek as f64, seek_ms * 48.0, "seek at {tempo}");
            assert_eq!(stage.overlap, 384);
        }
    }

    #[test]
    fn finds_the_exact_continuation() {
        let signal = noise(0.5, 2000);
        for offset in [0, 1, 333, 719, 720] {
            let tail = &signal[2 * offset..2 * (offset + 384)];
            assert_eq!(best_offset(tail, &signal, 720), offset);
        }
    }

    #[test]
    fn splices_silence_at_the_centre() {
        assert_eq!(best_offset(&[0.0; 768], &[0.0; 4000], 720), 360);
    }

    #[test]
    fn first_frames_are_the_input() {
        let input = noise(0.5, 12_000);
        let mut output = Vec::new();
        Stretch::new(1.5, 48_000).process(&input, &mut output);
        assert_eq!(output[..2000], input[..2000]);
    }

    #[test]
    fn holds_a_bounded_amount() {
        for tempo in [0.01, 0.7, 1.3, 100.0] {
            let mut stage = Stretch::new(tempo, 48_000);
            let block = sine(300.0, 0.5, 960);
            let mut output = Vec::new();
            for _ in 0..200 {
                output.clear();
                stage.process(&block, &mut output);
                let step = stage.input_step() as usize;
                assert!(
                    stage.pending.len() / 2 <= stage.seek + stage.sequence + step + 960,
                    "tempo {tempo}"
                );
            }
            let capacity = stage.pending.capacity();
            for _ in 0..200 {
                output.clear();
                stage.process(&block, &mut output);
                assert_eq!(stage.pending.capacity(), capacity, "tempo {tempo}");
            }
        }
    }

    #[test]
    fn block_size_does_not_matter() {
        let input = noise(0.5, 30_000);
        for tempo in [0.6, 1.7, 30.0] {
            let outputs = [960, 30_000, 77].map(|block| {
                let mut stage = Stretch::new(tempo, 48_000);
                let mut output = Vec::new();
                for piece in input.chunks(2 * block) {
                    stage.process(piece, &mut output);
                }
                stage.flush(&mut output);
                output
            });
            assert!(
                outputs[0] == outputs[1] && outputs[0] == outputs[2],
                "tempo {tempo}"
            );
        }
    }
}
