//! CPU cost of playing files: `cost FILE [VOLUME] [QUALITY]` plays a file as fast as the engine can and reports
//! microseconds of CPU per 20 ms frame. Linux only (reads the process's CPU time from `/proc`).

use std::io::{Cursor, Read, Result, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lavalink_audio::{
    Engine, EngineConfig, MAX_PACKET, MediaHint, MediaInput, PipelineSpec, Popped, ResamplingQuality,
};
use lavalink_protocol::filters::Filters;

struct Memory(Cursor<Vec<u8>>);

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.0.read(buf)
    }
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.0.seek(to)
    }
}

impl MediaInput for Memory {
    fn byte_len(&self) -> Option<u64> {
        Some(self.0.get_ref().len() as u64)
    }

    fn is_seekable(&self) -> bool {
        true
    }
}

/// CPU time of this process; fields 14 and 15 of `/proc/self/stat` in hundredths of a second (proc(5)).
fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|f| f.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: cost FILE [VOLUME] [QUALITY]")?;
    let volume = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let opus_quality = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let bytes = std::fs::read(path)?;
    let engine = Engine::new(EngineConfig {
        workers: 1,
        opus_quality,
        resampling: ResamplingQuality::Medium,
        queue_frames: 500,
    })?;
    let (before, began) = (cpu_time()?, Instant::now());
    let (_pipeline, mut consumer) = engine.start(PipelineSpec {
        input: Box::new(Memory(Cursor::new(bytes))),
        hint: MediaHint::default(),
        start: Duration::ZERO,
        volume,
        filters: Arc::new(Filters::default()),
        effects: None,
        use_seek_ghosting: true,
        observer: Box::new(|_| {}),
    });
    let mut packet = [0; MAX_PACKET];
    let (mut frames, mut size) = (0_u32, 0);
    loop {
        match consumer.pop(&mut packet) {
            Popped::Frame { len, .. } => {
                frames += 1;
                size += len;
            }
            Popped::Empty { .. } => std::thread::sleep(Duration::from_millis(5)),
            Popped::Ended => break,
        }
    }
    let cpu = cpu_time()?.saturating_sub(before);
    writeln!(
        std::io::stdout(),
        "{frames} frames, {} bytes a frame, {:.1} us CPU a frame, {:.1} times real time",
        size / frames.max(1) as usize,
        cpu.as_secs_f64() * 1e6 / f64::from(frames.max(1)),
        f64::from(frames) * 0.02 / began.elapsed().as_secs_f64()
    )?;
    Ok(())
}
