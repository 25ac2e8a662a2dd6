//! Numbering of server messages, their buffer for resumes, and the check of what the client acknowledges.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::Message;

/// Numbered messages kept for a resume.
const BUFFER: usize = 1024;
/// A delivered message must be acknowledged by heartbeats this much later.
const ACK_PATIENCE: Duration = Duration::from_secs(1);

struct Numbered {
    sequence: u16,
    delivered: Option<Instant>,
    message: Message,
}

/// The numbered messages of one session.
pub(crate) struct Outbox {
    next: u16,
    buffer: VecDeque<Numbered>,
    acked: Option<u16>,
    /// Sequence number of the newest message dropped from a full buffer without acknowledgement.
    forgotten: Option<u16>,
}

/// Whether an acknowledgement was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledgement {
    /// It was.
    Good,
    /// It was not, in words.
    Bad(String),
}

impl Outbox {
    /// Starts numbering at `first`.
    pub(crate) fn new(first: u16) -> Self {
        Self {
            next: first,
            buffer: VecDeque::new(),
            acked: None,
            forgotten: None,
        }
    }

    /// Takes the next number.
    pub(crate) fn number(&mut self) -> u16 {
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        sequence
    }

    /// Keeps a message until it is acknowledged; `delivered` is `None` while no socket is open.
    pub(crate) fn keep(&mut self, sequence: u16, message: Message, delivered: Option<Instant>) {
        if self.buffer.len() == BUFFER
            && let Some(oldest) = self.buffer.pop_front()
        {
            self.forgotten = Some(oldest.sequence);
        }
        self.buffer.push_back(Numbered {
            sequence,
            delivered,
            message,
        });
    }

    /// Checks the `seq_ack` of a heartbeat at `now` and drops what it acknowledges.
    pub(crate) fn acknowledge(&mut self, seq_ack: Option<i64>, now: Instant) -> Acknowledgement {
        let position = match self.position(seq_ack) {
            Ok(position) => position,
            Err(problem) => return Acknowledgement::Bad(problem),
        };
        self.drop_acknowledged(position);
        match self.buffer.front() {
            Some(Numbered {
                sequence,
                delivered: Some(at),
                ..
            }) if now.duration_since(*at) > ACK_PATIENCE => Acknowledgement::Bad(format!(
                "seq_ack {seq_ack:?} ignores message {sequence}, delivered {} ms before",
                now.duration_since(*at).as_millis()
            )),
            _ => Acknowledgement::Good,
        }
    }

    /// Drops what a resume acknowledges and returns what it misses; an error when that is no longer known.
    pub(crate) fn replay(&mut self, seq_ack: Option<i64>, now: Instant) -> Result<Vec<Message>, String> {
        let position = self.position(seq_ack)?;
        if position == 0 && self.forgotten.is_some() && self.forgotten != self.acked {
            return Err(format!(
                "messages after seq_ack {seq_ack:?} are no longer buffered"
            ));
        }
        self.drop_acknowledged(position);
        Ok(self
            .buffer
            .iter_mut()
            .map(|numbered| {
                numbered.delivered = Some(now);
                numbered.message.clone()
            })
            .collect())
    }

    /// How many buffered messages `seq_ack` covers.
    fn position(&self, seq_ack: Option<i64>) -> Result<usize, String> {
        let number = match seq_ack {
            None | Some(-1) if self.acked.is_none() => return Ok(0),
            None => return Err("seq_ack is missing".to_owned()),
            Some(number) => number,
        };
        let sequence =
            u16::try_from(number).map_err(|_| format!("seq_ack {number} is not a sequence number"))?;
        if self.acked == Some(sequence) {
            return Ok(0);
        }
        self.buffer
            .iter()
            .position(|numbered| numbered.sequence == sequence && numbered.delivered.is_some())
            .map(|position| position + 1)
            .ok_or_else(|| {
                format!(
                    "seq_ack {number} was never sent or went backwards from {:?}",
                    self.acked
                )
            })
    }

    fn drop_acknowledged(&mut self, count: usize) {
        if let Some(last) = self.buffer.drain(..count).next_back() {
            self.acked = Some(last.sequence);
            self.forgotten = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(first: u16, count: u16, at: Option<Instant>) -> Outbox {
        let mut outbox = Outbox::new(first);
        for _ in 0..count {
            let sequence = outbox.number();
            outbox.keep(sequence, Message::text(sequence.to_string()), at);
        }
        outbox
    }

    #[test]
    fn acknowledgements_across_the_wrap() {
        let now = Instant::now();
        let mut outbox = filled(65_534, 4, Some(now));
        assert_eq!(outbox.acknowledge(Some(-1), now), Acknowledgement::Good);
        assert_eq!(outbox.acknowledge(Some(65_535), now), Acknowledgement::Good);
        assert_eq!(outbox.acknowledge(Some(65_535), now), Acknowledgement::Good);
        assert_eq!(outbox.acknowledge(Some(1), now), Acknowledgement::Good);
        assert!(matches!(
            outbox.acknowledge(Some(0), now),
            Acknowledgement::Bad(_)
        ));
        assert!(matches!(
            outbox.acknowledge(Some(-1), now),
            Acknowledgement::Bad(_)
        ));
        assert!(matches!(outbox.acknowledge(None, now), Acknowledgement::Bad(_)));
        assert!(matches!(
            outbox.acknowledge(Some(7), now),
            Acknowledgement::Bad(_)
        ));
    }

    #[test]
    fn ignoring_delivered_messages_is_an_error_after_a_second() {
        let now = Instant::now();
        let mut outbox = filled(1, 2, Some(now));
        assert_eq!(
            outbox.acknowledge(Some(1), now + Duration::from_millis(900)),
            Acknowledgement::Good
        );
        assert!(matches!(
            outbox.acknowledge(Some(1), now + Duration::from_millis(1_100)),
            Acknowledgement::Bad(_)
        ));
        let mut outbox = filled(1, 2, None);
        assert_eq!(
            outbox.acknowledge(Some(-1), now + Duration::from_secs(9)),
            Acknowledgement::Good
        );
    }

    #[test]
    fn replays_what_was_missed() {
        let now = Instant::now();
        let mut outbox = filled(10, 3, Some(now));
        assert_eq!(
            outbox.replay(Some(10), now).unwrap(),
            [Message::text("11"), Message::text("12")]
        );
        assert!(outbox.replay(Some(9), now).is_err());
        assert_eq!(outbox.replay(Some(12), now).unwrap(), []);
        let mut outbox = filled(10, 3, None);
        assert_eq!(outbox.replay(Some(-1), now).unwrap().len(), 3);
    }

    #[test]
    fn the_buffer_is_bounded() {
        let now = Instant::now();
        let mut outbox = filled(0, 1_030, Some(now));
        assert_eq!(outbox.buffer.len(), BUFFER);
        assert!(outbox.replay(Some(-1), now).is_err());
        assert_eq!(outbox.replay(Some(1_000), now).unwrap().len(), 29);
    }
}
