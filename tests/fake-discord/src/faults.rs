//! Misbehaviour a test asks for, guild by guild; see `README.md` for the whole list.

use std::time::Duration;

/// When the server sends one of its answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// At once.
    #[default]
    Prompt,
    /// This much later.
    After(Duration),
    /// Not at all.
    Never,
}

/// A message of the client that can be answered by the end of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Op 0.
    Identify,
    /// Op 1.
    SelectProtocol,
    /// Op 7.
    Resume,
}

/// How a socket ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A close frame with that code and reason.
    Close(u16, String),
    /// TCP goes away without a word.
    Drop,
}

/// The end of a socket instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is answered so.
    pub stage: Stage,
    /// With what.
    pub ending: Ending,
    /// How many times; then the server is its old self.
    pub times: u32,
}

/// What happens to the answers of IP discovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discovery {
    /// Answered.
    #[default]
    Answered,
    /// So many requests of each connection stay unanswered.
    Lost(u32),
    /// Each answer comes that much later.
    Late(Duration),
    /// Before each answer come others: of a wrong type, a wrong length, another SSRC, with an address that is none.
    Foreign,
    /// Only those others come.
    ForeignOnly,
}

/// The faults of one guild. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Op 8.
    pub hello: Reply,
    /// `heartbeat_interval` of op 8 instead of the configured one.
    pub heartbeat_interval: Option<Duration>,
    /// Op 2.
    pub ready: Reply,
    /// Op 4.
    pub description: Reply,
    /// Op 6.
    pub heartbeat_ack: Reply,
    /// Op 9 and the replay that follows it.
    pub resumed: Reply,
    /// Sockets that end instead.
    pub refusal: Option<Refusal>,
    /// IP discovery.
    pub discovery: Discovery,
}

impl Faults {
    /// Only a refusal.
    pub fn refusing(stage: Stage, ending: Ending, times: u32) -> Self {
        Self {
            refusal: Some(Refusal { stage, ending, times }),
            ..Self::default()
        }
    }

    /// Counts down a refusal of that stage; the ending it prescribes.
    pub(crate) fn refuse(&mut self, stage: Stage) -> Option<Ending> {
        let refusal = self.refusal.as_mut()?;
        if refusal.stage != stage || refusal.times == 0 {
            return None;
        }
        refusal.times -= 1;
        Some(refusal.ending.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_run_out() {
        let mut faults = Faults::refusing(Stage::Resume, Ending::Drop, 2);
        assert_eq!(faults.refuse(Stage::Identify), None);
        assert_eq!(faults.refuse(Stage::Resume), Some(Ending::Drop));
        assert_eq!(faults.refuse(Stage::Resume), Some(Ending::Drop));
        assert_eq!(faults.refuse(Stage::Resume), None);
    }
}
