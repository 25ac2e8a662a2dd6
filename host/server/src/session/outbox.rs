//! The bounded queue between whoever produces messages for a session and the socket that sends them.
//!
//! One queue serves both states: while a socket is attached it is drained at once; while the session waits to be
//! resumed it keeps what must be replayed. What a lost socket had not sent yet is replayed as well.
//!
//! Each queue is bounded, and so are all together: while they hold more than [`Budget`] allows, none may hold more than a
//! little.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lavalink_plugin_api::Event;
use lavalink_plugins::{EventBus, Topic};
use lavalink_protocol::message::OutgoingMessage;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Most messages waiting at one time. Room for a playerUpdate of each of some thousand players at once.
const MAX_MESSAGES: usize = 8192;
/// Most bytes of messages waiting at one time.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes waiting in all queues together before each is kept short.
const MAX_TOTAL_BYTES: usize = 256 * 1024 * 1024;
/// Most bytes of one queue while the total is used up.
const SHORT_BYTES: usize = 64 * 1024;

/// The bytes waiting in all queues of a node.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    max: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            used: AtomicUsize::new(0),
            max: MAX_TOTAL_BYTES,
        }
    }
}

/// What the queue treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Pointless once outdated: never kept for a resume.
    PlayerUpdate,
    /// The first to go when a disconnected session's queue is full.
    Stats,
    /// Everything else: must arrive.
    Other,
}

/// Why the socket has to stop sending at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Messages were lost because the socket did not take them fast enough.
    Overflow,
    /// The session wants the socket closed with this code and reason.
    Close(u16, &'static str),
}

/// Where the messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A socket takes them.
    Attached,
    /// They wait for a resume.
    Waiting,
    /// Nobody will ever take them.
    Closed,
}

#[derive(Debug)]
struct Queue {
    messages: VecDeque<(Kind, String)>,
    bytes: usize,
    mode: Mode,
    interrupt: Option<Interrupt>,
    dropped: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    changed: Notify,
    interrupted: Notify,
    ended: Notify,
    max_messages: usize,
    max_bytes: usize,
    budget: Arc<Budget>,
    /// Whose messages these are, for plugins.
    session_id: String,
    events: EventBus,
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.queue.get_mut().bytes, Relaxed);
    }
}

impl Outbox {
    /// An outbox whose socket is about to be attached.
    pub fn new(budget: Arc<Budget>) -> Self {
        Self::with_bounds(MAX_MESSAGES, MAX_BYTES, budget)
    }

    /// The same outbox, whose messages are told to plugins as those of this session.
    #[must_use]
    pub fn of_session(mut self, session_id: &str, events: EventBus) -> Self {
        session_id.clone_into(&mut self.session_id);
        self.events = events;
        self
    }

    /// The session, empty when it is nobody's.
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// Where plugins are told what happens in the session.
    pub fn events(&self) -> &EventBus {
        &self.events
    }

    fn tell(&self, text: &str) {
        self.events.emit(Topic::Messages, || Event::MessageOut {
            session_id: self.session_id.clone(),
            message: text.to_owned(),
        });
    }

    fn with_bounds(max_messages: usize, max_bytes: usize, budget: Arc<Budget>) -> Self {
        let queue = Queue {
            messages: VecDeque::new(),
            bytes: 0,
            mode: Mode::Attached,
            interrupt: None,
            dropped: 0,
        };
        Self {
            queue: Mutex::new(queue),
            changed: Notify::new(),
            interrupted: Notify::new(),
            ended: Notify::new(),
            max_messages,
            max_bytes,
            budget,
            session_id: String::new(),
            events: EventBus::default(),
        }
    }

    /// Most bytes this queue may hold after `more` have come.
    fn room(&self, more: usize) -> usize {
        if self.budget.used.load(Relaxed).saturating_add(more) > self.budget.max {
            SHORT_BYTES.min(self.max_bytes)
        } else {
            self.max_bytes
        }
    }

    /// Takes note that the queue holds another number of bytes.
    fn account(&self, queue: &mut Queue, bytes: usize) {
        if bytes >= queue.bytes {
            self.budget.used.fetch_add(bytes - queue.bytes, Relaxed);
        } else {
            self.budget.used.fetch_sub(queue.bytes - bytes, Relaxed);
        }
        queue.bytes = bytes;
    }

    /// Queues a message. Never blocks: a full queue ends the attached socket and costs the session its oldest
    /// playerUpdates, then its oldest stats, then its oldest messages.
    pub fn send(&self, message: &OutgoingMessage) {
        let kind = match message {
            OutgoingMessage::PlayerUpdate { .. } => Kind::PlayerUpdate,
            OutgoingMessage::Stats(_) => Kind::Stats,
            _ => Kind::Other,
        };
        {
            let queue = self.queue.lock();
            if queue.mode == Mode::Closed || (queue.mode == Mode::Waiting && kind == Kind::PlayerUpdate) {
                return;
            }
        }
        // Serialised outside the lock; the mode is looked at again below.
        self.push(kind, message.to_json());
    }

    /// Queues a message a plugin has written, JSON text, like any other.
    pub fn send_text(&self, text: String) {
        self.push(Kind::Other, text);
    }

    fn push(&self, kind: Kind, text: String) {
        self.tell(&text);
        let mut queue = self.queue.lock();
        if queue.mode == Mode::Closed || (queue.mode == Mode::Waiting && kind == Kind::PlayerUpdate) {
            return;
        }
        while queue.is_full(self.max_messages, self.room(text.len()), text.len()) {
            if queue.mode == Mode::Attached && queue.interrupt.is_none() {
                queue.interrupt = Some(Interrupt::Overflow);
                self.interrupted.notify_one();
            }
            let Some(dropped) = queue.drop_least_important() else {
                if text.len() > self.room(text.len()) && self.room(text.len()) < self.max_bytes {
                    // Too long to be taken while memory is short.
                    queue.dropped += 1;
                    return;
                }
                break;
            };
            let bytes = queue.bytes - dropped;
            self.account(&mut queue, bytes);
        }
        let bytes = queue.bytes + text.len();
        self.account(&mut queue, bytes);
        queue.messages.push_back((kind, text));
        drop(queue);
        self.changed.notify_one();
    }

    /// Waits for the next message to send. Only one socket task may call this at a time.
    pub async fn next(&self) -> String {
        loop {
            let changed = self.changed.notified();
            {
                let mut queue = self.queue.lock();
                if let Some((_, text)) = queue.messages.pop_front() {
                    let bytes = queue.bytes - text.len();
                    self.account(&mut queue, bytes);
                    return text;
                }
            }
            changed.await;
        }
    }

    /// Waits until the attached socket must stop. Only one socket task may call this at a time.
    pub async fn interrupted(&self) -> Interrupt {
        loop {
            let interrupted = self.interrupted.notified();
            if let Some(interrupt) = self.queue.lock().interrupt {
                return interrupt;
            }
            interrupted.await;
        }
    }

    /// Asks the attached socket to close. Messages still queued are not sent any more.
    pub fn close(&self, code: u16, reason: &'static str) {
        self.queue.lock().interrupt = Some(Interrupt::Close(code, reason));
        self.interrupted.notify_one();
    }

    /// The socket is gone and the session waits to be resumed.
    pub fn detach(&self) {
        let mut queue = self.queue.lock();
        queue.mode = Mode::Waiting;
        queue.interrupt = None;
        queue.messages.retain(|(kind, _)| *kind != Kind::PlayerUpdate);
        let bytes = queue.messages.iter().map(|(_, text)| text.len()).sum();
        self.account(&mut queue, bytes);
    }

    /// A new socket is there: `ready` goes out first, then what waited. Returns how many messages waited and how many
    /// were dropped for want of room.
    pub fn attach(&self, ready: &OutgoingMessage) -> (usize, u64) {
        let text = ready.to_json();
        self.tell(&text);
        let mut queue = self.queue.lock();
        let waiting = queue.messages.len();
        let dropped = std::mem::take(&mut queue.dropped);
        queue.mode = Mode::Attached;
        queue.interrupt = None;
        let bytes = queue.bytes + text.len();
        self.account(&mut queue, bytes);
        for (_, replayed) in &queue.messages {
            self.tell(replayed);
        }
        queue.messages.push_front((Kind::Other, text));
        drop(queue);
        self.changed.notify_one();
        (waiting, dropped)
    }

    /// Whether the session is over.
    pub fn is_ended(&self) -> bool {
        self.queue.lock().mode == Mode::Closed
    }

    /// Waits until the session has ended. For one task.
    pub async fn ended(&self) {
        while !self.is_ended() {
            self.ended.notified().await;
        }
    }

    /// The session is over: everything is dropped, now and later.
    pub fn end(&self) {
        let mut queue = self.queue.lock();
        queue.mode = Mode::Closed;
        queue.messages = VecDeque::new();
        self.account(&mut queue, 0);
        drop(queue);
        self.ended.notify_one();
    }
}

impl Queue {
    fn is_full(&self, max_messages: usize, max_bytes: usize, more: usize) -> bool {
        self.messages.len() >= max_messages || self.bytes + more > max_bytes
    }

    /// Makes room and returns how many bytes that gave, not yet accounted; `None` when nothing is left to drop.
    fn drop_least_important(&mut self) -> Option<usize> {
        let oldest_of = |wanted| self.messages.iter().position(|(kind, _)| *kind == wanted);
        let index = oldest_of(Kind::PlayerUpdate)
            .or_else(|| oldest_of(Kind::Stats))
            .unwrap_or(0);
        let (_, text) = self.messages.remove(index)?;
        self.dropped += 1;
        Some(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lavalink_protocol::events::Event;
    use lavalink_protocol::ids::{GuildId, SessionId};
    use lavalink_protocol::player::PlayerState;
    use lavalink_protocol::stats::{Cpu, Memory, Stats};

    fn ready() -> OutgoingMessage {
        OutgoingMessage::Ready {
            resumed: true,
            session_id: SessionId::from("a".repeat(16)),
        }
    }

    fn event(code: i32) -> OutgoingMessage {
        Event::WebSocketClosed {
            guild_id: GuildId(1),
            code,
            reason: String::new(),
            by_remote: false,
        }
        .into()
    }

    fn update() -> OutgoingMessage {
        let state = PlayerState {
            time: 0,
            position: 0,
            connected: false,
            ping: -1,
        };
        OutgoingMessage::PlayerUpdate {
            state,
            guild_id: GuildId(1),
        }
    }

    fn stats(players: i32) -> OutgoingMessage {
        OutgoingMessage::Stats(Stats {
            frame_stats: None,
            players,
            playing_players: 0,
            uptime: 0,
            memory: Memory {
                free: 0,
                used: 0,
                allocated: 0,
                reservable: 0,
            },
            cpu: Cpu {
                cores: 1,
                system_load: 0.0,
                lavalink_load: 0.0,
            },
        })
    }

    async fn drain(outbox: &Outbox) -> Vec<String> {
        let mut found = Vec::new();
        outbox.send(&event(-1));
        loop {
            match outbox.next().await {
                text if text.contains(r#""code":-1"#) => return found,
                text => found.push(text),
            }
        }
    }

    #[tokio::test]
    async fn messages_leave_in_order() {
        let outbox = Outbox::new(Arc::default());
        for code in 0..5 {
            outbox.send(&event(code));
        }
        let sent = drain(&outbox).await;
        assert_eq!(sent.len(), 5);
        assert!(
            sent.iter()
                .enumerate()
                .all(|(i, text)| text.contains(&format!("\"code\":{i}")))
        );
    }

    #[tokio::test]
    async fn a_waiting_session_keeps_events_and_stats_but_no_player_updates() {
        let outbox = Outbox::new(Arc::default());
        outbox.send(&update());
        outbox.send(&event(1));
        outbox.detach();
        outbox.send(&update());
        outbox.send(&stats(3));
        outbox.send(&event(2));
        assert_eq!(outbox.attach(&ready()), (3, 0));
        outbox.send(&update());
        let sent = drain(&outbox).await;
        assert_eq!(sent.len(), 5);
        assert!(sent[0].contains("ready") && sent[1].contains("\"code\":1") && sent[2].contains("stats"));
        assert!(sent[3].contains("\"code\":2") && sent[4].contains("playerUpdate"));
    }

    #[tokio::test]
    async fn a_full_waiting_queue_drops_old_stats_first_then_old_messages() {
        let outbox = Outbox::with_bounds(3, 1 << 20, Arc::default());
        outbox.detach();
        outbox.send(&event(1));
        outbox.send(&stats(1));
        outbox.send(&stats(2));
        outbox.send(&event(2));
        outbox.send(&event(3));
        outbox.send(&event(4));
        let (waiting, dropped) = outbox.attach(&ready());
        assert_eq!((waiting, dropped), (3, 3));
        let mut codes = Vec::new();
        for _ in 0..4 {
            codes.push(outbox.next().await);
        }
        assert!(
            codes[0].contains("ready") && codes[1].contains("\"code\":2") && codes[3].contains("\"code\":4")
        );
    }

    fn interrupt(outbox: &Outbox) -> Option<Interrupt> {
        outbox.queue.lock().interrupt
    }

    #[test]
    fn bytes_bound_the_queue_too() {
        let outbox = Outbox::with_bounds(1000, 200, Arc::default());
        outbox.send(&event(1));
        assert_eq!(interrupt(&outbox), None);
        outbox.send(&event(2));
        outbox.send(&event(3));
        assert_eq!(interrupt(&outbox), Some(Interrupt::Overflow));
    }

    #[tokio::test]
    async fn an_overflowing_socket_is_found_out_and_recovers_on_resume() {
        let outbox = Outbox::with_bounds(2, 1 << 20, Arc::default());
        for code in 0..3 {
            outbox.send(&event(code));
        }
        assert_eq!(outbox.interrupted().await, Interrupt::Overflow);
        outbox.detach();
        assert_eq!(outbox.attach(&ready()), (2, 1));
        assert_eq!(interrupt(&outbox), None);
    }

    #[tokio::test]
    async fn close_interrupts_and_end_drops_everything() {
        let outbox = Outbox::new(Arc::default());
        outbox.send(&event(1));
        outbox.close(1001, "bye");
        assert_eq!(outbox.interrupted().await, Interrupt::Close(1001, "bye"));
        outbox.end();
        outbox.ended().await;
        outbox.send(&event(2));
        assert!(outbox.queue.lock().messages.is_empty());
    }

    #[tokio::test]
    async fn all_queues_together_are_bounded() {
        let length = event(1).to_json().len();
        let budget = Arc::new(Budget {
            used: AtomicUsize::new(0),
            max: SHORT_BYTES + 3 * length,
        });
        let full = Outbox::new(Arc::clone(&budget));
        for _ in 0..SHORT_BYTES / length {
            full.send(&event(1));
        }
        assert_eq!(interrupt(&full), None);
        let other = Outbox::new(Arc::clone(&budget));
        for _ in 0..10 {
            other.send(&event(2));
        }
        assert_eq!(interrupt(&other), None, "a short queue may grow");
        full.send(&event(3));
        assert_eq!(interrupt(&full), Some(Interrupt::Overflow), "a long one may not");
        let kept = full.queue.lock().bytes;
        assert!(kept <= SHORT_BYTES);
        assert_eq!(budget.used.load(Relaxed), kept + 10 * length);
        drop(full);
        other.end();
        assert_eq!(budget.used.load(Relaxed), 0);
    }
}
