//! Resume settings of a session.

use serde::{Deserialize, Serialize};

use crate::update::{Omissible, SessionUpdate};

/// Answer of `PATCH /v4/sessions/{sessionId}`, and the settings themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// Whether players survive a lost socket.
    pub resuming: bool,
    /// Seconds a lost session waits for its client; 0 or negative expires at once.
    pub timeout: i64,
}

impl Default for SessionState {
    fn default() -> Self {
        Self {
            resuming: false,
            timeout: 60,
        }
    }
}

impl SessionState {
    /// Takes over the members present in `update`.
    pub fn apply(&mut self, update: &SessionUpdate) {
        if let Omissible::Present(resuming) = update.resuming {
            self.resuming = resuming;
        }
        if let Omissible::Present(timeout) = update.timeout {
            self.timeout = timeout;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apply_changes_present_members_only() {
        let mut state = SessionState::default();
        state.apply(&SessionUpdate {
            resuming: Omissible::Present(true),
            timeout: Omissible::Omitted,
        });
        assert_eq!(
            state,
            SessionState {
                resuming: true,
                timeout: 60
            }
        );
        state.apply(&SessionUpdate {
            resuming: Omissible::Omitted,
            timeout: Omissible::Present(-1),
        });
        assert_eq!(
            state,
            SessionState {
                resuming: true,
                timeout: -1
            }
        );
    }
}
