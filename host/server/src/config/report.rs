//! What `lavalink-rust check-config` prints.

use std::fmt;

use super::effective;
use super::findings::{Finding, Severity};
use super::sources::{Merged, Sources};
use super::typed::Config;

/// The outcome of a check.
#[derive(Debug)]
pub struct Report {
    text: String,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// Checks the sources a start would read; nothing is started. `further` may look for more reasons not to start, or else
    /// for what will be missing.
    pub fn of(sources: &Sources, further: impl FnOnce(&Config) -> Result<Vec<String>, String>) -> Self {
        let merged = match sources.merge() {
            Ok(merged) => merged,
            Err(error) => {
                return Self {
                    text: format!("error: {error}\n"),
                    errors: 1,
                    warnings: 0,
                };
            }
        };
        let config = Config::from_merged(&merged);
        let mut report = Self {
            text: String::new(),
            errors: config.findings.of(Severity::Error).count(),
            warnings: config.findings.of(Severity::Warning).count(),
        };
        for finding in config.findings.sorted() {
            report.finding(finding);
        }
        if report.errors == 0 {
            match further(&config) {
                Ok(missing) => {
                    report.warnings += missing.len();
                    for what in missing {
                        report.line(&format!("warning: {what}"));
                    }
                }
                Err(reason) => {
                    report.errors += 1;
                    report.line(&format!("error: {reason}"));
                }
            }
        }
        report.sources(&merged, &config);
        report.line("");
        report.line("Effective configuration:");
        report.text.push_str(&effective::yaml(&merged.tree));
        report
    }

    /// Whether a start would fail; with `is_strict`, whether there is anything to complain about.
    pub fn is_bad(&self, is_strict: bool) -> bool {
        self.errors > 0 || (is_strict && self.warnings > 0)
    }

    fn finding(&mut self, finding: &Finding) {
        self.line(&finding.to_string());
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn sources(&mut self, merged: &Merged, config: &Config) {
        if merged.files.is_empty() {
            self.line("No configuration file found; the built-in configuration counts.");
        }
        for file in &merged.files {
            self.line(&format!("Read {}", file.display()));
        }
        if !merged.profiles.is_empty() {
            self.line(&format!("Active profiles: {}", merged.profiles.join(", ")));
        }
        if !config.without_effect.is_empty() {
            self.line(&format!(
                "Accepted without effect: {}",
                config.without_effect.join(", ")
            ));
        }
        if config.is_password_generated {
            self.line("No lavalink.server.password is set: every start makes one up.");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        f.write_str(&self.text)?;
        writeln!(
            f,
            "\n{} error{}, {} warning{}",
            self.errors,
            plural(self.errors),
            self.warnings,
            plural(self.warnings)
        )
    }
}
