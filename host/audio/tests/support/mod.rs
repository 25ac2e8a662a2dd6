//! Media made with ffmpeg, inputs over memory, and playing a track to its end.
#![allow(dead_code, reason = "every test file uses its part")]

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fdk_aac::enc::{AudioObjectType, BitRate, ChannelMode, Encoder, EncoderParams, Transport};
use lavalink_audio::{
    Engine, EngineConfig, FrameConsumer, MAX_PACKET, MediaHint, MediaInput, Pipeline, PipelineEvent,
    PipelineSpec, Popped, ResamplingQuality,
};
use lavalink_protocol::filters::Filters;
use parking_lot::Mutex;

/// Patience for anything that must happen.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Source graph of 440 Hz on the left and 1000 Hz on the right at a quarter of full scale.
pub fn two_tones(seconds: f32, rate: u32) -> String {
    format!("aevalsrc=0.25*sin(440*2*PI*t)|0.25*sin(1000*2*PI*t):s={rate}:d={seconds}")
}

/// Source graph of 440 Hz in mono at a quarter of full scale.
pub fn one_tone(seconds: f32, rate: u32) -> String {
    format!("aevalsrc=0.25*sin(440*2*PI*t):s={rate}:d={seconds}")
}

/// Encodes a source graph; `name` only gives the extension and thereby the container.
pub fn encode(graph: &str, name: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", graph])
        .args(arguments)
        .arg(&path)
        .output()
        .expect("these tests need the ffmpeg program in PATH");
    assert!(
        output.status.success(),
        "ffmpeg failed for {name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::read(path).expect("ffmpeg wrote the file")
}

/// Extended AAC, 440 Hz on the left and 1000 Hz on the right at a quarter of full scale, as ADTS.
pub fn encode_he_aac(seconds: f32, rate: u32, kind: AudioObjectType, bits_per_second: u32) -> Vec<u8> {
    let tone = |n: usize, hertz: f32| {
        let phase = n as f32 / rate as f32 * hertz * std::f32::consts::TAU;
        (phase.sin() * 8_192.0) as i16
    };
    let pcm: Vec<i16> = (0..(seconds * rate as f32) as usize)
        .flat_map(|n| [tone(n, 440.0), tone(n, 1_000.0)])
        .collect();
    encode_pcm_aac(&pcm, rate, kind, bits_per_second)
}

/// Interleaved stereo as AAC in ADTS, made with the FDK encoder.
pub fn encode_pcm_aac(pcm: &[i16], rate: u32, kind: AudioObjectType, bits_per_second: u32) -> Vec<u8> {
    let encoder = Encoder::new(EncoderParams {
        bit_rate: BitRate::Cbr(bits_per_second),
        sample_rate: rate,
        transport: Transport::Adts,
        channels: ChannelMode::Stereo,
        audio_object_type: kind,
    })
    .expect("a supported configuration");
    let frame = encoder.info().expect("a set-up encoder").frameLength as usize * 2;
    let mut file = Vec::new();
    let mut packet = [0; 8_192];
    // The encoder gives its last audio only for more input.
    let pcm = [pcm, &vec![0; frame * 3]].concat();
    for chunk in pcm.chunks_exact(frame) {
        let made = encoder.encode(chunk, &mut packet).expect("valid input");
        file.extend_from_slice(&packet[..made.output_size]);
    }
    file
}

/// Energy of 32768 samples at 48 kHz between two frequencies in Hz.
pub fn band_energy(samples: &[f32], low_hz: f32, high_hz: f32) -> f32 {
    let bins = spectrum(samples);
    let bin = |hertz: f32| (hertz * bins.len() as f32 / 48_000.0) as usize;
    bins[bin(low_hz)..bin(high_hz)]
        .iter()
        .map(|value| value.norm_sqr())
        .sum()
}

/// Windowed spectrum of the first 32768 samples.
fn spectrum(samples: &[f32]) -> Vec<rustfft::num_complex::Complex<f32>> {
    const SIZE: usize = 32_768;
    assert!(
        samples.len() >= SIZE,
        "too short to analyse: {} samples",
        samples.len()
    );
    let mut bins: Vec<_> = samples[..SIZE]
        .iter()
        .enumerate()
        .map(|(n, &s)| {
            let window = 0.5 - 0.5 * (n as f32 * std::f32::consts::TAU / SIZE as f32).cos();
            rustfft::num_complex::Complex::new(s * window, 0.0)
        })
        .collect();
    rustfft::FftPlanner::new()
        .plan_fft_forward(SIZE)
        .process(&mut bins);
    bins
}

/// Puts the audio of a file into another container without coding it again.
pub fn remux(bytes: &[u8], from: &str, to: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, target) = (folder.path().join(from), folder.path().join(to));
    std::fs::write(&source, bytes).expect("the folder is writable");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(&source)
        .args(["-c", "copy"])
        .args(arguments)
        .arg(&target)
        .output()
        .expect("these tests need the ffmpeg program in PATH");
    assert!(
        output.status.success(),
        "ffmpeg failed for {to}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::read(target).expect("ffmpeg wrote the file")
}

/// What an input was asked for, in the terms of a connection: a jump is a new request for a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests, the first included.
    pub ranges: usize,
    /// Bytes read.
    pub bytes: u64,
}

/// An input that counts its traffic.
pub struct Metered {
    inner: Box<dyn MediaInput>,
    position: u64,
    reached: u64,
    traffic: Arc<Mutex<Traffic>>,
}

impl Metered {
    pub fn boxed(bytes: &[u8]) -> (Box<dyn MediaInput>, Arc<Mutex<Traffic>>) {
        let traffic = Arc::new(Mutex::new(Traffic { ranges: 1, bytes: 0 }));
        let input = Self {
            inner: TestInput::boxed(bytes, Manner::PLAIN),
            position: 0,
            reached: 0,
            traffic: Arc::clone(&traffic),
        };
        (Box::new(input), traffic)
    }
}

impl Read for Metered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // What the reader of a connection keeps behind its position.
        const KEPT: u64 = 64 * 1024;
        // It gives no more at once than has come in.
        let most = buf.len().min(16 * 1024);
        let count = self.inner.read(&mut buf[..most])?;
        let mut traffic = self.traffic.lock();
        if self.position > self.reached || self.position + KEPT < self.reached {
            traffic.ranges += 1;
        }
        traffic.bytes += count as u64;
        self.position += count as u64;
        self.reached = self.position;
        Ok(count)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.inner.seek(to)?;
        Ok(self.position)
    }
}

impl MediaInput for Metered {
    fn byte_len(&self) -> Option<u64> {
        self.inner.byte_len()
    }

    fn is_seekable(&self) -> bool {
        self.inner.is_seekable()
    }
}

/// How a test input behaves.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    pub seekable: bool,
    pub known_length: bool,
    /// Every other read answers `WouldBlock`.
    pub choppy: bool,
    /// Most bytes per read.
    pub chunk: usize,
    /// An I/O error at this position.
    pub breaks_at: Option<u64>,
    /// `WouldBlock` for ever from this position on.
    pub stalls_at: Option<u64>,
}

impl Manner {
    pub const PLAIN: Self = Self {
        seekable: true,
        known_length: true,
        choppy: false,
        chunk: usize::MAX,
        breaks_at: None,
        stalls_at: None,
    };
    pub const CHOPPY: Self = Self {
        choppy: true,
        chunk: 1_000,
        ..Self::PLAIN
    };
    pub const LIVE: Self = Self {
        seekable: false,
        known_length: false,
        ..Self::PLAIN
    };
}

pub struct TestInput {
    bytes: Cursor<Arc<[u8]>>,
    manner: Manner,
    reads: usize,
}

impl TestInput {
    pub fn boxed(bytes: &[u8], manner: Manner) -> Box<dyn MediaInput> {
        Box::new(Self {
            bytes: Cursor::new(bytes.into()),
            manner,
            reads: 0,
        })
    }
}

impl Read for TestInput {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.manner.choppy && self.reads.is_multiple_of(2) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self
            .manner
            .breaks_at
            .is_some_and(|at| self.bytes.position() >= at)
        {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "connection reset by the test",
            ));
        }
        if self
            .manner
            .stalls_at
            .is_some_and(|at| self.bytes.position() >= at)
        {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buf.len().min(self.manner.chunk);
        self.bytes.read(&mut buf[..count])
    }
}

impl Seek for TestInput {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if !self.manner.seekable {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.bytes.seek(to)
    }
}

impl MediaInput for TestInput {
    fn byte_len(&self) -> Option<u64> {
        self.manner
            .known_length
            .then(|| self.bytes.get_ref().len() as u64)
    }

    fn is_seekable(&self) -> bool {
        self.manner.seekable
    }
}

pub fn engine() -> Engine {
    engine_with(ResamplingQuality::Medium, 25)
}

pub fn engine_with(resampling: ResamplingQuality, queue_frames: usize) -> Engine {
    Engine::new(EngineConfig {
        workers: 2,
        opus_quality: 5,
        resampling,
        queue_frames,
    })
    .expect("threads start")
}

/// What a test changes about a [`PipelineSpec`].
pub struct Wish {
    pub manner: Manner,
    pub start: Duration,
    pub volume: u16,
    pub filters: Filters,
    pub ghosting: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            manner: Manner::PLAIN,
            start: Duration::ZERO,
            volume: 100,
            filters: Filters::default(),
            ghosting: true,
        }
    }
}

pub struct Playing {
    pub pipeline: Pipeline,
    pub frames: FrameConsumer,
    pub events: Receiver<PipelineEvent>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub packet: Vec<u8>,
    pub position: Duration,
}

pub fn start(engine: &Engine, bytes: &[u8], wish: Wish) -> Playing {
    start_input(engine, TestInput::boxed(bytes, wish.manner), wish)
}

pub fn start_input(engine: &Engine, input: Box<dyn MediaInput>, wish: Wish) -> Playing {
    let (sender, events) = channel();
    let (pipeline, frames) = engine.start(PipelineSpec {
        input,
        hint: MediaHint::default(),
        start: wish.start,
        volume: wish.volume,
        filters: Arc::new(wish.filters),
        effects: None,
        use_seek_ghosting: wish.ghosting,
        observer: Box::new(move |event| drop(sender.send(event))),
    });
    Playing {
        pipeline,
        frames,
        events,
    }
}

impl Playing {
    /// The next frame, `None` at the end.
    pub fn next(&mut self) -> Option<Frame> {
        let mut packet = [0; MAX_PACKET];
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.frames.pop(&mut packet) {
                Popped::Frame { len, position, .. } => {
                    return Some(Frame {
                        packet: packet[..len].to_vec(),
                        position,
                    });
                }
                Popped::Ended => return None,
                Popped::Empty { .. } => assert!(Instant::now() < deadline, "no frame within the deadline"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn take(&mut self, count: usize) -> Vec<Frame> {
        (0..count).map_while(|_| self.next()).collect()
    }

    pub fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.next()).collect()
    }

    pub fn event(&self) -> PipelineEvent {
        self.events
            .recv_timeout(DEADLINE)
            .expect("an event within the deadline")
    }
}

/// Plays all of a medium; panics when it fails.
pub fn play(bytes: &[u8], wish: Wish) -> Vec<Frame> {
    let engine = engine();
    let mut playing = start(&engine, bytes, wish);
    let frames = playing.rest();
    for event in playing.events.try_iter() {
        assert!(
            !matches!(event, PipelineEvent::Failed { .. }),
            "playing failed: {event:?}"
        );
    }
    frames
}

/// Decodes frames with one decoder; left and right.
pub fn decode(frames: &[Frame]) -> [Vec<f32>; 2] {
    let mut decoder = opus::Decoder::new(48_000, opus::Channels::Stereo).expect("libopus is linked");
    let mut sides = [Vec::new(), Vec::new()];
    for frame in frames {
        let mut pcm = vec![0.0; 5_760 * 2];
        let samples = decoder
            .decode_float(&frame.packet, &mut pcm, false)
            .expect("frames are valid Opus");
        assert_eq!(samples, 960, "every frame is 20 ms");
        for pair in pcm[..samples * 2].chunks_exact(2) {
            sides[0].push(pair[0]);
            sides[1].push(pair[1]);
        }
    }
    sides
}

/// Strongest frequency in Hz and its amplitude (1.0 = full scale), from 32768 samples at 48 kHz.
pub fn tone(samples: &[f32]) -> (f32, f32) {
    let bins = spectrum(samples);
    let size = bins.len();
    let (bin, _) = bins[1..size / 2]
        .iter()
        .enumerate()
        .map(|(n, value)| (n + 1, value.norm()))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("not empty");
    // A Hann window spreads a tone over three bins; its energy gives the amplitude whatever the phase.
    let energy: f32 = bins[bin.saturating_sub(2)..=bin + 2]
        .iter()
        .map(|value| value.norm_sqr())
        .sum();
    (
        bin as f32 * 48_000.0 / size as f32,
        (energy / 1.5).sqrt() * 4.0 / size as f32,
    )
}

/// Panics unless a tone of this frequency and amplitude dominates.
pub fn assert_tone(samples: &[f32], hertz: f32, amplitude: f32, what: &str) {
    let (actual_hertz, actual_amplitude) = tone(samples);
    assert!(
        (actual_hertz - hertz).abs() < 3.0,
        "{what}: {actual_hertz} Hz instead of {hertz} Hz"
    );
    let decibels = 20.0 * (actual_amplitude / amplitude).log10();
    assert!(decibels.abs() < 1.0, "{what}: level is {decibels:+.2} dB off");
}
