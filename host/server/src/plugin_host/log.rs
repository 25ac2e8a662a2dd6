//! The log lines of plugins: each under its plugin's name, of bounded length, on one line, and not too many of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use lavalink_plugin_api::Level;
use parking_lot::Mutex;
use tracing::field::{FieldSet, Value};
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Callsite, Event, Metadata, dispatcher};

/// Longest line, characters.
const MAX_LINE: usize = 1000;
/// Lines a plugin may write at once.
const BURST: u32 = 100;
/// Lines a plugin may write per second in the long run.
const PER_SECOND: u32 = 20;

const LEVELS: [(Level, tracing::Level); 5] = [
    (Level::Error, tracing::Level::ERROR),
    (Level::Warn, tracing::Level::WARN),
    (Level::Info, tracing::Level::INFO),
    (Level::Debug, tracing::Level::DEBUG),
    (Level::Trace, tracing::Level::TRACE),
];

/// The logs of all plugins.
#[derive(Debug, Default)]
pub struct PluginLogs(Mutex<HashMap<String, Arc<PluginLog>>>);

impl PluginLogs {
    /// Those of this process: there is one log, as there is one standard output.
    pub fn of_process() -> &'static Self {
        static LOGS: LazyLock<PluginLogs> = LazyLock::new(PluginLogs::default);
        &LOGS
    }

    /// The log of a plugin.
    pub fn of(&self, plugin: &str) -> Arc<PluginLog> {
        let mut logs = self.0.lock();
        if let Some(log) = logs.get(plugin) {
            return Arc::clone(log);
        }
        let log = Arc::new(PluginLog::new(plugin));
        logs.insert(plugin.to_owned(), Arc::clone(&log));
        log
    }

    /// Tells of lines that were dropped, for plugins that have become silent since. To be called every few seconds.
    pub fn tend(&self) {
        let logs: Vec<Arc<PluginLog>> = self.0.lock().values().cloned().collect();
        for log in logs {
            log.catch_up(Instant::now());
        }
    }

    /// Lines dropped so far, by plugin.
    pub fn dropped(&self) -> Vec<(String, u64)> {
        let logs = self.0.lock();
        let dropped = logs
            .iter()
            .map(|(name, log)| (name.clone(), log.state.lock().dropped));
        dropped.filter(|(_, dropped)| *dropped > 0).collect()
    }
}

/// The log of one plugin.
#[derive(Debug)]
pub struct PluginLog {
    lines: [&'static Line; LEVELS.len()],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Lines that may be written at `since`.
    left: u32,
    since: Instant,
    /// Lines dropped since the last one that was written.
    untold: u64,
    dropped: u64,
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            since: now,
            untold: 0,
            dropped: 0,
        }
    }

    fn refill(&mut self, now: Instant) {
        let interval = Duration::from_secs(1) / PER_SECOND;
        let earned = now.saturating_duration_since(self.since).as_nanos() / interval.as_nanos();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if earned >= BURST - self.left {
            self.left = BURST;
            self.since = now;
        } else {
            self.left += earned;
            self.since += interval * earned;
        }
    }

    /// Whether a line may be written, and how many were dropped before it.
    fn take(&mut self, now: Instant) -> Option<u64> {
        self.refill(now);
        if self.left == 0 {
            self.untold += 1;
            self.dropped += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.untold))
    }
}

impl PluginLog {
    fn new(plugin: &str) -> Self {
        // Targets of the log are made to live for ever. There is one set for each plugin that was ever loaded.
        let target: &'static str = Box::leak(format!("plugin::{plugin}").into_boxed_str());
        Self {
            lines: LEVELS.map(|(_, level)| Line::new(target, level)),
            state: Mutex::new(State::new(Instant::now())),
        }
    }

    /// Writes a line, if lines of this level are wanted and there have not been too many.
    pub fn write(&self, level: Level, message: &str) {
        let Some(line) = self.line(level).filter(|line| line.is_wanted()) else {
            return;
        };
        let untold = self.state.lock().take(Instant::now());
        if let Some(untold) = untold {
            self.tell(untold);
            line.write(&printable(message));
        }
    }

    /// Whether lines of this level get into the log.
    pub fn is_wanted(&self, level: Level) -> bool {
        self.line(level).is_some_and(Line::is_wanted)
    }

    fn catch_up(&self, now: Instant) {
        let untold = {
            let mut state = self.state.lock();
            state.refill(now);
            if state.left == 0 {
                return;
            }
            std::mem::take(&mut state.untold)
        };
        self.tell(untold);
    }

    fn tell(&self, untold: u64) {
        if untold > 0
            && let Some(line) = self.line(Level::Warn).filter(|line| line.is_wanted())
        {
            line.write(&format!(
                "{untold} lines dropped: more than {PER_SECOND} a second"
            ));
        }
    }

    fn line(&self, level: Level) -> Option<&'static Line> {
        let at = LEVELS.iter().position(|(known, _)| *known == level)?;
        self.lines.get(at).copied()
    }
}

/// A place log lines come from, made while the node runs: the macros only know targets that are known when it is built.
#[derive(Debug)]
struct Line(OnceLock<Metadata<'static>>);

impl Line {
    fn new(target: &'static str, level: tracing::Level) -> &'static Self {
        let line: &'static Self = Box::leak(Box::new(Self(OnceLock::new())));
        line.0.get_or_init(|| {
            let fields = FieldSet::new(&["message"], tracing::callsite::Identifier(line));
            Metadata::new("plugin", target, level, None, None, None, fields, Kind::EVENT)
        });
        line
    }

    fn is_wanted(&'static self) -> bool {
        dispatcher::get_default(|dispatch| dispatch.enabled(Callsite::metadata(self)))
    }

    fn write(&'static self, message: &str) {
        let metadata = match self.0.get() {
            Some(metadata) => metadata,
            None => return,
        };
        let Some(field) = metadata.fields().field("message") else {
            return;
        };
        let value: &dyn Value = &message;
        Event::dispatch(metadata, &metadata.fields().value_set(&[(&field, Some(value))]));
    }
}

impl Callsite for Line {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        match self.0.get() {
            Some(metadata) => metadata,
            // `new` sets it before anybody else sees the line.
            None => unreachable!("a line without metadata"),
        }
    }
}

/// The message on one line, not too long, and without anything a terminal would act upon.
fn printable(message: &str) -> Cow<'_, str> {
    // Direction marks could make a line read as something else.
    let is_plain = |c: char| {
        !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let (kept, is_cut) = match message.char_indices().nth(MAX_LINE) {
        Some((end, _)) => (message.get(..end).unwrap_or_default(), true),
        None => (message, false),
    };
    if !is_cut && kept.chars().all(is_plain) {
        return Cow::Borrowed(kept);
    }
    let mut text = String::with_capacity(kept.len() + 16);
    for c in kept.chars() {
        if is_plain(c) {
            text.push(c);
        } else {
            text.extend(c.escape_default());
        }
    }
    if is_cut {
        text.push_str(" […]");
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(targets: Targets, act: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(targets).with(lines);
        tracing::subscriber::with_default(subscriber, act);
        let bytes = captured.0.lock().clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn lines_have_the_plugins_target_and_its_level_can_be_set() {
        let targets = Targets::new()
            .with_default(tracing::Level::INFO)
            .with_target("plugin::loud", tracing::Level::ERROR);
        let text = logged(targets, || {
            let logs = PluginLogs::default();
            logs.of("radio").write(Level::Info, "hello");
            logs.of("radio").write(Level::Debug, "not wanted");
            logs.of("loud").write(Level::Warn, "not wanted either");
            logs.of("loud").write(Level::Error, "ouch");
        });
        assert!(text.contains("INFO plugin::radio: hello"), "{text}");
        assert!(text.contains("ERROR plugin::loud: ouch"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn a_flood_is_cut_and_what_was_dropped_is_told() {
        let logs = PluginLogs::default();
        let text = logged(Targets::new().with_default(tracing::Level::INFO), || {
            let log = logs.of("flood");
            for number in 0..5000 {
                log.write(Level::Info, &format!("line {number}"));
                log.write(Level::Debug, "lines that are not wanted do not count");
            }
            log.catch_up(Instant::now() + Duration::from_secs(1));
            log.catch_up(Instant::now() + Duration::from_secs(2));
        });
        let dropped = logs.dropped();
        assert_eq!(dropped.len(), 1);
        let dropped = dropped[0].1;
        let written = text.lines().filter(|line| line.contains("line ")).count() as u64;
        assert_eq!(written + dropped, 5000);
        assert!((u64::from(BURST)..2000).contains(&written), "{written}");
        assert!(text.contains("lines dropped: more than 20 a second"), "{text}");
    }

    #[test]
    fn lines_come_back_at_their_rate() {
        let start = Instant::now();
        let mut state = State::new(start);
        let taken = |state: &mut State, now| (0..1000).filter(|_| state.take(now).is_some()).count();
        assert_eq!(taken(&mut state, start), 100);
        assert_eq!(taken(&mut state, start + Duration::from_millis(499)), 9);
        assert_eq!(taken(&mut state, start + Duration::from_millis(500)), 1);
        assert_eq!(taken(&mut state, start + Duration::from_secs(3600)), 100);
        assert_eq!(state.dropped, 4000 - 210);
    }

    #[test]
    fn nothing_a_terminal_acts_upon_gets_through() {
        assert_eq!(printable("plain ä €"), "plain ä €");
        assert_eq!(printable("a\nb\x1b[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
        let long = printable(&"ö".repeat(5000)).into_owned();
        assert_eq!(long.chars().count(), MAX_LINE + 4);
        assert!(long.ends_with(" […]"));
    }
}
