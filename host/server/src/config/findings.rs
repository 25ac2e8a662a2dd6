//! What is wrong with a configuration, each with its place.

use std::fmt;

use super::origin::Origin;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The node does not start.
    Error,
    /// The node starts, but does not do what is written.
    Warning,
}

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is written.
    pub origin: Origin,
    /// What is wrong; never holds a secret.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: {}", self.origin, self.message)
    }
}

/// All complaints, in the order they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a reason not to start.
    pub fn error(&mut self, origin: &Origin, message: impl Into<String>) {
        self.add(Severity::Error, origin, message.into());
    }

    /// Adds something that does not keep the node from starting.
    pub fn warning(&mut self, origin: &Origin, message: impl Into<String>) {
        self.add(Severity::Warning, origin, message.into());
    }

    fn add(&mut self, severity: Severity, origin: &Origin, message: String) {
        let finding = Finding {
            severity,
            origin: origin.clone(),
            message,
        };
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Adds those of another list.
    pub fn append(&mut self, other: Findings) {
        self.0.extend(other.0);
    }

    /// All of this severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(move |finding| finding.severity == severity)
    }

    /// All of them, errors first.
    pub fn sorted(&self) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self.0.iter().collect();
        all.sort_by_key(|finding| finding.severity);
        all
    }

    /// Whether the node cannot start.
    pub fn has_errors(&self) -> bool {
        self.of(Severity::Error).next().is_some()
    }
}

impl fmt::Display for Findings {
    /// The errors, one a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.of(Severity::Error).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}  {}: {}", finding.origin, finding.message)?;
        }
        Ok(())
    }
}
