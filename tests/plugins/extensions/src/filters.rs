//! A filter that works, and some that do not.

use std::time::Duration;

use lavalink_plugin_api::{AudioFormat, Failure, Filter, FilterFactory, Host};

use crate::note;

/// `{"factor": 0.5}`
pub struct Gain;

impl FilterFactory for Gain {
    fn name(&self) -> String {
        "gain".to_owned()
    }

    fn is_enabled(&self, config: &str) -> Result<bool, Failure> {
        Ok(factor(config)? != 1.0)
    }

    fn build(&self, _: &dyn Host, config: &str, format: AudioFormat) -> Result<Box<dyn Filter>, Failure> {
        note(format!(
            "gain for {} Hz, {} channels",
            format.sample_rate, format.channels
        ));
        Ok(Box::new(GainAtWork {
            factor: factor(config)?,
            held: Vec::new(),
        }))
    }
}

fn factor(config: &str) -> Result<f32, Failure> {
    let config: serde_json::Value =
        serde_json::from_str(config).map_err(|error| Failure::common("no JSON").because(error))?;
    let factor = config["factor"]
        .as_f64()
        .ok_or_else(|| Failure::common("no factor"))?;
    Ok(factor as f32)
}

/// Holds one frame back, so that a flush has something to give.
struct GainAtWork {
    factor: f32,
    held: Vec<f32>,
}

impl Filter for GainAtWork {
    fn process(&mut self, samples: &mut Vec<f32>) -> Result<(), Failure> {
        for sample in samples.iter_mut() {
            *sample *= self.factor;
        }
        let last = samples.split_off(samples.len().saturating_sub(2));
        let held = std::mem::replace(&mut self.held, last);
        samples.splice(..0, held);
        Ok(())
    }

    fn seeked(&mut self, position: Duration) -> Result<(), Failure> {
        self.held.clear();
        note(format!("gain seeked {}", position.as_millis()));
        Ok(())
    }

    fn flush(&mut self) -> Result<Vec<f32>, Failure> {
        note("gain flushed");
        Ok(std::mem::take(&mut self.held))
    }
}

/// A quarter as loud until a jump, half as loud after one to a whole minute, silent after any other.
pub struct Landing;

impl FilterFactory for Landing {
    fn name(&self) -> String {
        "landing".to_owned()
    }

    fn is_enabled(&self, _: &str) -> Result<bool, Failure> {
        Ok(true)
    }

    fn build(&self, _: &dyn Host, _: &str, _: AudioFormat) -> Result<Box<dyn Filter>, Failure> {
        Ok(Box::new(LandingAtWork(0.25)))
    }
}

struct LandingAtWork(f32);

impl Filter for LandingAtWork {
    fn process(&mut self, samples: &mut Vec<f32>) -> Result<(), Failure> {
        for sample in samples {
            *sample *= self.0;
        }
        Ok(())
    }

    fn seeked(&mut self, position: Duration) -> Result<(), Failure> {
        self.0 = if position == Duration::from_secs(60) {
            0.5
        } else {
            0.0
        };
        Ok(())
    }

    fn flush(&mut self) -> Result<Vec<f32>, Failure> {
        Ok(Vec::new())
    }
}

/// One that does what its name says.
pub struct Broken(pub &'static str);

impl FilterFactory for Broken {
    fn name(&self) -> String {
        self.0.to_owned()
    }

    fn is_enabled(&self, _: &str) -> Result<bool, Failure> {
        Ok(true)
    }

    fn build(&self, _: &dyn Host, _: &str, _: AudioFormat) -> Result<Box<dyn Filter>, Failure> {
        match self.0 {
            "unbuildable" => Err(Failure::common("this filter cannot be built")),
            name => Ok(Box::new(BrokenAtWork(name))),
        }
    }
}

struct BrokenAtWork(&'static str);

impl Filter for BrokenAtWork {
    fn process(&mut self, samples: &mut Vec<f32>) -> Result<(), Failure> {
        match self.0 {
            "nan" => samples.fill(f32::NAN),
            "odd" => samples.push(0.0),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            _ => panic!("a filter that panics"),
        }
        Ok(())
    }

    fn seeked(&mut self, _: Duration) -> Result<(), Failure> {
        Ok(())
    }

    fn flush(&mut self) -> Result<Vec<f32>, Failure> {
        Ok(Vec::new())
    }
}
