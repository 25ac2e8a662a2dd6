//! Writes log lines on a thread of its own: whoever reads standard output may stall, the node must not.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::Duration;

/// Lines that may wait to be written; further ones are dropped and counted.
const MAX_WAITING: usize = 1024;
/// Longest time the last lines may take when the process ends.
const FLUSH_DEADLINE: Duration = Duration::from_secs(1);

/// How long the thread rests when it has written all there was. Woken for every line it would cost a busy node more than the
/// lines themselves.
const REST: Duration = Duration::from_millis(5);

enum Entry {
    Line(Vec<u8>),
    /// Answered when everything before it has been written.
    Flush(SyncSender<()>),
}

/// Takes whole lines and never blocks.
#[derive(Debug, Clone)]
pub struct LineWriter {
    lines: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// Sees to it that the last lines are written; to be kept until the process ends.
#[derive(Debug)]
pub struct LogGuard(LineWriter);

impl Drop for LogGuard {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        // A full queue means that nobody reads: then nothing can be saved.
        if self.0.lines.try_send(Entry::Flush(done)).is_ok() {
            let _too_slow = written.recv_timeout(FLUSH_DEADLINE);
        }
    }
}

/// Starts the thread that writes to `target`.
///
/// # Errors
/// When the thread cannot be started.
pub fn spawn(target: impl Write + Send + 'static) -> io::Result<(LineWriter, LogGuard)> {
    let (lines, waiting) = sync_channel(MAX_WAITING);
    let writer = LineWriter {
        lines,
        dropped: Arc::default(),
    };
    let dropped = Arc::clone(&writer.dropped);
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(target, &waiting, &dropped))?;
    Ok((writer.clone(), LogGuard(writer)))
}

fn write_all(mut target: impl Write, waiting: &Receiver<Entry>, dropped: &AtomicU64) {
    // A log that cannot be written has nowhere to be complained about; the next line may get through again.
    loop {
        let entry = match waiting.try_recv() {
            Ok(entry) => entry,
            Err(TryRecvError::Disconnected) => return,
            // Nothing more for now: what a file has in its buffer gets out.
            Err(TryRecvError::Empty) => {
                let _lost = target.flush();
                std::thread::sleep(REST);
                match waiting.recv() {
                    Ok(entry) => entry,
                    Err(_) => return,
                }
            }
        };
        match entry {
            Entry::Line(line) => {
                let _lost = target.write_all(&line);
            }
            Entry::Flush(done) => {
                let _lost = target.flush();
                let _given_up = done.send(());
            }
        }
        let lost = dropped.swap(0, Relaxed);
        if lost > 0 {
            let _lost = writeln!(
                target,
                "{lost} log lines were dropped: the log was not read fast enough"
            );
        }
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Entry::Line(line.to_vec())) {
            self.dropped.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    /// A target that takes nothing while the gate is locked.
    #[derive(Clone, Default)]
    struct Gated {
        gate: Arc<Mutex<()>>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _open = self.gate.lock();
            self.taken.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_in_order_before_the_guard_is_gone() {
        let target = Gated::default();
        let (mut writer, guard) = spawn(target.clone()).expect("a thread");
        for line in ["one\n", "two\n"] {
            writer.write_all(line.as_bytes()).expect("never fails");
        }
        drop(guard);
        assert_eq!(target.taken.lock().as_slice(), b"one\ntwo\n");
    }

    #[test]
    fn a_stalled_target_costs_lines_and_nothing_else() {
        let target = Gated::default();
        let (mut writer, guard) = spawn(target.clone()).expect("a thread");
        let stalled = target.gate.lock();
        for _ in 0..MAX_WAITING * 2 {
            writer.write_all(b"line\n").expect("never fails");
        }
        drop(stalled);
        // The queue may still be full now; a line gets in as soon as there is room.
        while writer.lines.try_send(Entry::Line(b"last\n".to_vec())).is_err() {
            std::thread::yield_now();
        }
        while !target.taken.lock().ends_with(b"last\n") {
            std::thread::yield_now();
        }
        drop(guard);
        let text = String::from_utf8(target.taken.lock().clone()).expect("text");
        assert!(text.contains("log lines were dropped"), "{}", text.len());
        assert!(text.matches("line\n").count() <= MAX_WAITING + 1);
    }
}
