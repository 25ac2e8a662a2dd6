//! Which end-to-end keys a sender may use when, and what each of its frames turned out to be.

use super::frame::{Frame, SILENCE, SenderKey};
use crate::report::{DaveReport, HISTORY_LIMIT};

/// How long after a key came into force without a handshake plain frames are still taken as sent before it, ns.
const ACTIVATION_GRACE_NS: i64 = 2_000_000_000;
/// Keys kept per sender: the next, the current and earlier ones. A client that is far behind still uses a known one.
const MAX_KEYS: usize = 64;

/// What the server expects a sender's frames to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expectation {
    /// The channel has no DAVE, or was downgraded.
    Plain,
    /// The channel has DAVE, the sender no key yet.
    BeforeGroup,
    /// A key is in force; `confirmed` once a frame came under it.
    Encrypted { since: i64, confirmed: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Next,
    /// In force since that time, ns.
    Current(i64),
    /// Superseded at that time, ns.
    Old(i64),
}

struct EpochKey {
    epoch: u64,
    role: Role,
    key: SenderKey,
    last_nonce: Option<u32>,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was plain Opus.
    Plain,
    /// It was opened; the Opus packet is in the caller's buffer.
    Opened,
    /// It is encrypted and was not to be opened.
    Sealed,
    /// No key opens it.
    Failed,
}

/// The keys of one sender.
pub(crate) struct Epochs {
    expectation: Expectation,
    keys: Vec<EpochKey>,
    pub(crate) report: DaveReport,
}

impl Epochs {
    /// A sender in a channel with that DAVE version (0 = none).
    pub(crate) fn new(version: u16) -> Self {
        Self {
            expectation: if version == 0 {
                Expectation::Plain
            } else {
                Expectation::BeforeGroup
            },
            keys: Vec::new(),
            report: DaveReport {
                version,
                ..DaveReport::default()
            },
        }
    }

    /// Stores the key of an epoch that is announced but not in force; replaces an unused one.
    pub(crate) fn prepare(&mut self, epoch: u64, secret: &[u8]) {
        self.keys.retain(|key| key.role != Role::Next);
        if self.keys.len() >= MAX_KEYS {
            self.keys.remove(0);
        }
        self.keys.push(EpochKey {
            epoch,
            role: Role::Next,
            key: SenderKey::new(secret),
            last_nonce: None,
        });
    }

    /// Forgets an announced key that the sender could not derive.
    pub(crate) fn abandon(&mut self) {
        self.keys.retain(|key| key.role != Role::Next);
        if let Expectation::Encrypted { confirmed: false, .. } = self.expectation {
            self.retire(i64::MAX);
            self.expect(Expectation::BeforeGroup);
        }
    }

    /// Puts the announced key into force at `now`, ns.
    pub(crate) fn activate(&mut self, now: i64) {
        let Some(next) = self.keys.iter().position(|key| key.role == Role::Next) else {
            return;
        };
        self.retire(now);
        self.keys[next].role = Role::Current(now);
        let epoch = self.keys[next].epoch;
        if self.report.epochs.len() < HISTORY_LIMIT {
            self.report.epochs.push(epoch);
        }
        self.report.version = 1;
        let confirmed = matches!(self.expectation, Expectation::Encrypted { confirmed: true, .. });
        self.expect(Expectation::Encrypted {
            since: now,
            confirmed,
        });
    }

    /// Ends the group at `now`: a downgrade if `version` is 0, else a reset that a new group will follow.
    pub(crate) fn deactivate(&mut self, version: u16, now: i64) {
        self.keys.retain(|key| key.role != Role::Next);
        self.retire(now);
        self.report.version = version;
        self.expect(if version == 0 {
            Expectation::Plain
        } else {
            Expectation::BeforeGroup
        });
    }

    fn retire(&mut self, now: i64) {
        for key in self
            .keys
            .iter_mut()
            .filter(|key| matches!(key.role, Role::Current(_)))
        {
            key.role = Role::Old(now);
        }
    }

    fn expect(&mut self, expectation: Expectation) {
        self.expectation = expectation;
        self.report.encrypted = matches!(expectation, Expectation::Encrypted { .. });
    }

    /// Judges one non-silence payload that arrived at `at`, ns; opens it into `opus` if `open` is set.
    pub(crate) fn judge(&mut self, payload: &[u8], at: i64, open: bool, opus: &mut Vec<u8>) -> Verdict {
        let Some(frame) = Frame::parse(payload) else {
            self.count_plain(at);
            return Verdict::Plain;
        };
        if !open {
            self.report.unopened += 1;
            self.confirm();
            return Verdict::Sealed;
        }
        // The newest keys are the likeliest.
        let Some(position) = (0..self.keys.len())
            .rev()
            .find(|n| self.keys[*n].key.open(&frame, opus))
        else {
            self.report.failed += 1;
            return Verdict::Failed;
        };
        let key = &mut self.keys[position];
        if key.last_nonce.is_some_and(|last| frame.nonce <= last) {
            self.report.nonce_not_increasing += 1;
        }
        key.last_nonce = Some(frame.nonce);
        let role = key.role;
        self.report.decrypted += 1;
        match role {
            Role::Next => self.report.early_key += 1,
            Role::Current(since) => {
                // Datagrams are looked at a little after they arrive.
                if at < since {
                    self.report.early_key += 1;
                }
                self.confirm();
            }
            Role::Old(since) if at > since => {
                self.report.late_key += 1;
                let late_ms = (at - since) as f64 / 1e6;
                self.report.late_key_max_ms = self.report.late_key_max_ms.max(late_ms);
            }
            Role::Old(_) => {}
        }
        if opus.as_slice() == SILENCE {
            self.report.encrypted_silence += 1;
        }
        Verdict::Opened
    }

    fn confirm(&mut self) {
        if let Expectation::Encrypted { confirmed, .. } = &mut self.expectation {
            *confirmed = true;
        }
    }

    fn count_plain(&mut self, at: i64) {
        let counter = match self.expectation {
            Expectation::Plain => &mut self.report.plain,
            Expectation::BeforeGroup => &mut self.report.plain_before_group,
            Expectation::Encrypted { since, confirmed } => {
                let grace = if confirmed { 0 } else { ACTIVATION_GRACE_NS };
                if at < since.saturating_add(grace) {
                    &mut self.report.plain_before_group
                } else {
                    &mut self.report.plain_while_encrypted
                }
            }
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::seal;
    use super::*;

    const A: [u8; 16] = [1; 16];
    const B: [u8; 16] = [2; 16];
    const SECOND: i64 = 1_000_000_000;

    fn judge(epochs: &mut Epochs, payload: &[u8], at: i64) -> Verdict {
        epochs.judge(payload, at, true, &mut Vec::new())
    }

    #[test]
    fn plain_frames_by_phase() {
        let mut epochs = Epochs::new(1);
        assert_eq!(judge(&mut epochs, b"opus", 0), Verdict::Plain);
        epochs.prepare(1, &A);
        epochs.activate(SECOND);
        // Not yet confirmed and within the grace.
        judge(&mut epochs, b"opus", 2 * SECOND);
        assert_eq!(
            (
                epochs.report.plain_before_group,
                epochs.report.plain_while_encrypted
            ),
            (2, 0)
        );
        assert_eq!(
            judge(&mut epochs, &seal(&A, 0, b"opus"), 2 * SECOND + 1),
            Verdict::Opened
        );
        judge(&mut epochs, b"opus", 2 * SECOND + 2);
        assert_eq!(epochs.report.plain_while_encrypted, 1);
        epochs.deactivate(0, 3 * SECOND);
        judge(&mut epochs, b"opus", 3 * SECOND);
        assert_eq!((epochs.report.plain, epochs.report.encrypted), (1, false));
    }

    #[test]
    fn never_encrypting_is_found_after_the_grace() {
        let mut epochs = Epochs::new(1);
        epochs.prepare(1, &A);
        epochs.activate(0);
        judge(&mut epochs, b"opus", 2 * SECOND);
        assert_eq!(epochs.report.plain_while_encrypted, 1);
    }

    #[test]
    fn keys_before_and_after_their_time() {
        let mut epochs = Epochs::new(1);
        epochs.prepare(1, &A);
        epochs.activate(0);
        judge(&mut epochs, &seal(&A, 0, b"opus"), 1);
        epochs.prepare(2, &B);
        judge(&mut epochs, &seal(&B, 0, b"opus"), 2);
        assert_eq!(epochs.report.early_key, 1);
        epochs.activate(10);
        judge(&mut epochs, &seal(&A, 1, b"opus"), 9);
        assert_eq!(epochs.report.late_key, 0);
        judge(&mut epochs, &seal(&A, 2, b"opus"), 10 + 3_000_000);
        assert_eq!((epochs.report.late_key, epochs.report.late_key_max_ms), (1, 3.0));
        judge(&mut epochs, &seal(&B, 1, b"opus"), 11);
        assert_eq!((epochs.report.decrypted, epochs.report.failed), (5, 0));
        assert_eq!(epochs.report.epochs, [1, 2]);
        judge(&mut epochs, &seal(&[9; 16], 0, b"opus"), 12);
        assert_eq!(epochs.report.failed, 1);
        judge(&mut epochs, &seal(&B, 2, b"opus"), 9);
        assert_eq!(
            epochs.report.early_key, 2,
            "arrived before op 22, looked at after it"
        );
    }

    #[test]
    fn abandoned_key_is_not_expected() {
        let mut epochs = Epochs::new(1);
        epochs.prepare(1, &A);
        epochs.activate(0);
        epochs.abandon();
        judge(&mut epochs, b"opus", 10 * SECOND);
        assert_eq!(
            (
                epochs.report.plain_before_group,
                epochs.report.plain_while_encrypted
            ),
            (1, 0)
        );

        epochs.prepare(2, &A);
        epochs.activate(11 * SECOND);
        judge(&mut epochs, &seal(&A, 0, b"opus"), 11 * SECOND);
        epochs.prepare(3, &B);
        epochs.abandon();
        epochs.activate(12 * SECOND);
        // The old key stays in force.
        judge(&mut epochs, &seal(&A, 1, b"opus"), 13 * SECOND);
        judge(&mut epochs, b"opus", 13 * SECOND);
        assert_eq!(
            (epochs.report.late_key, epochs.report.plain_while_encrypted),
            (0, 1)
        );
    }

    #[test]
    fn repeated_dave_nonce_is_counted() {
        let mut epochs = Epochs::new(1);
        epochs.prepare(1, &A);
        epochs.activate(0);
        for nonce in [0, 1, 1, 2] {
            judge(&mut epochs, &seal(&A, nonce, b"opus"), 1);
        }
        assert_eq!(epochs.report.nonce_not_increasing, 1);
    }

    #[test]
    fn unopened_frames_still_end_the_grace() {
        let mut epochs = Epochs::new(1);
        epochs.prepare(1, &A);
        epochs.activate(0);
        assert_eq!(
            epochs.judge(&seal(&A, 0, b"opus"), 1, false, &mut Vec::new()),
            Verdict::Sealed
        );
        epochs.judge(b"opus", 2, false, &mut Vec::new());
        assert_eq!(
            (epochs.report.unopened, epochs.report.plain_while_encrypted),
            (1, 1)
        );
    }
}
