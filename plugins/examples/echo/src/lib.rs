//! An audio filter: repeats what is played, later and softer.
//!
//! `{"filters": {"pluginFilters": {"echo": {"delay": 300, "decay": 0.4}}}}`: after 300 ms, at 0.4 of the loudness. A decay
//! of 0 switches it off.

use std::collections::VecDeque;
use std::time::Duration;

use lavalink_plugin_api::{AudioFormat, Failure, Filter, FilterFactory, Host, Plugin, export};

/// Longest delay, milliseconds.
const MAX_DELAY: u64 = 5_000;

struct Echo;

/// What a player's filters say.
struct Settings {
    /// Milliseconds.
    delay: u64,
    /// 0 to 1.
    decay: f32,
}

impl Settings {
    fn read(config: &str) -> Result<Self, Failure> {
        let config: serde_json::Value =
            serde_json::from_str(config).map_err(|error| nonsense("no JSON object").because(error))?;
        let delay = config["delay"]
            .as_u64()
            .filter(|delay| (1..=MAX_DELAY).contains(delay));
        let decay = config["decay"]
            .as_f64()
            .filter(|decay| (0.0..1.0).contains(decay));
        Ok(Self {
            delay: delay.ok_or_else(|| nonsense("`delay` has to be 1 to 5000"))?,
            // `as` rounds: both are small numbers.
            decay: decay.ok_or_else(|| nonsense("`decay` has to be at least 0 and less than 1"))? as f32,
        })
    }
}

fn nonsense(what: &str) -> Failure {
    Failure::common("The echo cannot be set so.").because(what)
}

impl FilterFactory for Echo {
    fn name(&self) -> String {
        "echo".to_owned()
    }

    fn is_enabled(&self, config: &str) -> Result<bool, Failure> {
        Ok(Settings::read(config)?.decay > 0.0)
    }

    fn build(&self, _host: &dyn Host, config: &str, format: AudioFormat) -> Result<Box<dyn Filter>, Failure> {
        let Settings { delay, decay } = Settings::read(config)?;
        let frames = u64::from(format.sample_rate) * delay / 1_000;
        let samples = frames.max(1) * u64::from(format.channels);
        Ok(Box::new(Line {
            decay,
            // 5 s of stereo at most.
            past: VecDeque::from(vec![0.0; usize::try_from(samples).unwrap_or(0)]),
        }))
    }
}

/// A delay line: what was heard during the delay.
struct Line {
    decay: f32,
    past: VecDeque<f32>,
}

impl Filter for Line {
    fn process(&mut self, samples: &mut Vec<f32>) -> Result<(), Failure> {
        for sample in samples {
            let echo = self.past.pop_front().unwrap_or_default() * self.decay;
            *sample = (*sample + echo).clamp(-1.0, 1.0);
            self.past.push_back(*sample);
        }
        Ok(())
    }

    fn seeked(&mut self, _position: Duration) -> Result<(), Failure> {
        self.past.iter_mut().for_each(|sample| *sample = 0.0);
        Ok(())
    }

    fn flush(&mut self) -> Result<Vec<f32>, Failure> {
        Ok(Vec::new())
    }
}

export!(|| Plugin::new().filter(Echo), name = "echo", offers = [filters]);
