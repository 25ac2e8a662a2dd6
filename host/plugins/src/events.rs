//! Events for plugins that listen. Each plugin has a bounded queue and is told by a task of its own: whoever reports an
//! event never waits, and a plugin that is too slow loses the oldest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use lavalink_plugin_api::{Event, EventListener, Interest};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::parts::Part;
use crate::table::Table;

/// Most events waiting for one plugin.
const MAX_EVENTS: usize = 1024;
/// Most bytes of messages waiting for one plugin.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What an event is about, to find out who listens before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Sessions that open, pause and end.
    Sessions,
    /// Messages to clients.
    Messages,
    /// Players that appear and go.
    Players,
    /// Tracks.
    Tracks,
}

impl Topic {
    fn interests(self, interest: Interest) -> bool {
        match self {
            Self::Sessions => interest.sessions,
            Self::Messages => interest.messages,
            Self::Players => interest.players,
            Self::Tracks => interest.tracks,
        }
    }
}

/// Where the node reports what happens. The default one has no listeners.
#[derive(Clone, Default)]
pub struct EventBus {
    table: Option<Arc<ArcSwap<Table>>>,
}

impl std::fmt::Debug for EventBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventBus")
    }
}

impl EventBus {
    pub(crate) fn new(table: Arc<ArcSwap<Table>>) -> Self {
        Self { table: Some(table) }
    }

    /// Tells everyone who listens to the topic. The event is only made when somebody does.
    pub fn emit(&self, topic: Topic, make: impl FnOnce() -> Event) {
        let Some(table) = self.table.as_deref().map(ArcSwap::load) else {
            return;
        };
        let members = table.slots().iter().map(|slot| &slot.active);
        let mut interested = members
            .flat_map(|member| &member.queues)
            .filter(|queue| topic.interests(queue.interest))
            .peekable();
        if interested.peek().is_none() {
            return;
        }
        let event = make();
        for queue in interested {
            queue.push(event.clone());
        }
    }

    /// Tells one plugin, whatever it listens to.
    pub fn tell(&self, plugin: &str, event: &Event) {
        let Some(table) = self.table.as_deref().map(ArcSwap::load) else {
            return;
        };
        let of_plugin = table.slots().iter().filter(|slot| slot.name() == plugin);
        for queue in of_plugin.flat_map(|slot| &slot.active.queues) {
            queue.push(event.clone());
        }
    }

    /// Whether a plugin has a listener.
    pub(crate) fn has_listener(&self, plugin: &str) -> bool {
        let Some(table) = self.table.as_deref().map(ArcSwap::load) else {
            return false;
        };
        let mut slots = table.slots().iter();
        slots.any(|slot| slot.name() == plugin && !slot.active.queues.is_empty())
    }

    /// Waits until every listener has been told all there is, `patience` at most. Answers with the plugins that have not.
    pub async fn told(&self, patience: Duration) -> Vec<String> {
        let Some(table) = self.table.as_deref().map(ArcSwap::load_full) else {
            return Vec::new();
        };
        let deadline = tokio::time::Instant::now() + patience;
        let mut late = Vec::new();
        for slot in table.slots() {
            for queue in &slot.active.queues {
                let told = tokio::time::timeout_at(deadline, queue.waiting.told()).await;
                if told.is_err() {
                    late.push(slot.name().to_owned());
                }
            }
        }
        late
    }

    /// Events dropped because their plugin was too slow, by plugin, of those that listen.
    pub fn dropped(&self) -> Vec<(String, u64)> {
        let Some(table) = self.table.as_deref().map(ArcSwap::load) else {
            return Vec::new();
        };
        let listening = table.slots().iter().filter(|slot| !slot.active.queues.is_empty());
        listening
            .map(|slot| {
                let dropped = slot.active.queues.iter().map(|queue| queue.dropped.load(Relaxed));
                (slot.name().to_owned(), dropped.sum())
            })
            .collect()
    }
}

/// What waits for one listener.
pub(crate) struct EventQueue {
    interest: Interest,
    waiting: Arc<Waiting>,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    events: Mutex<Events>,
    changed: Notify,
    /// Tells all who wait for the end of the queue.
    emptied: Notify,
}

impl Waiting {
    /// Waits until nothing is waiting and the listener has taken what was.
    async fn told(&self) {
        loop {
            // Made before the look, so that no change in between is missed.
            let emptied = self.emptied.notified();
            {
                let events = self.events.lock();
                if events.queue.is_empty() && !events.is_telling {
                    return;
                }
            }
            emptied.await;
        }
    }
}

#[derive(Default)]
struct Events {
    queue: VecDeque<Event>,
    bytes: usize,
    /// Whether the listener is being told one that has left the queue.
    is_telling: bool,
    is_closed: bool,
}

impl Drop for EventQueue {
    fn drop(&mut self) {
        self.waiting.events.lock().is_closed = true;
        self.waiting.changed.notify_one();
    }
}

fn bytes_of(event: &Event) -> usize {
    match event {
        Event::MessageOut { message, .. } => message.len(),
        _ => 0,
    }
}

impl EventQueue {
    /// A queue and the task that empties it; the task ends with the queue.
    pub(crate) fn open(interest: Interest, listener: Part<dyn EventListener>) -> Self {
        let waiting = Arc::<Waiting>::default();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(deliver(Arc::clone(&waiting), listener))),
            Err(_) => tracing::error!(
                "Plugin {}: it hears no events, for there is no runtime to tell it on",
                listener.plugin()
            ),
        }
        Self {
            interest,
            waiting,
            dropped: AtomicU64::new(0),
        }
    }

    fn push(&self, event: Event) {
        let mut events = self.waiting.events.lock();
        let more = bytes_of(&event);
        while events.queue.len() >= MAX_EVENTS
            || (events.bytes + more > MAX_BYTES && !events.queue.is_empty())
        {
            if let Some(oldest) = events.queue.pop_front() {
                events.bytes -= bytes_of(&oldest);
            }
            self.dropped.fetch_add(1, Relaxed);
        }
        events.bytes += more;
        events.queue.push_back(event);
        drop(events);
        self.waiting.changed.notify_one();
    }
}

/// Tells a listener one event after the other.
async fn deliver(waiting: Arc<Waiting>, listener: Part<dyn EventListener>) {
    loop {
        let next = {
            let mut events = waiting.events.lock();
            let next = events.queue.pop_front();
            events.is_telling = next.is_some();
            if let Some(event) = &next {
                events.bytes -= bytes_of(event);
            } else if events.is_closed {
                return;
            }
            next
        };
        let Some(event) = next else {
            waiting.emptied.notify_waiters();
            waiting.changed.notified().await;
            continue;
        };
        let told = listener.call("event", listener.limits.event, move |listener, host| {
            listener.on_event(host, event)
        });
        if let Err(failure) = told.await {
            listener.report("its listener failed over an event", &failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Event {
        Event::MessageOut {
            session_id: String::new(),
            message: "x".repeat(length),
        }
    }

    fn queue() -> EventQueue {
        EventQueue {
            interest: Interest::default(),
            waiting: Arc::default(),
            dropped: AtomicU64::new(0),
        }
    }

    #[test]
    fn the_oldest_events_go_first() {
        let queue = queue();
        for length in 0..MAX_EVENTS + 3 {
            queue.push(message(length % 7));
        }
        let events = queue.waiting.events.lock();
        assert_eq!(events.queue.len(), MAX_EVENTS);
        assert_eq!(events.queue.front(), Some(&message(3)));
        assert_eq!(queue.dropped.load(Relaxed), 3);
        assert_eq!(events.bytes, events.queue.iter().map(bytes_of).sum::<usize>());
    }

    #[test]
    fn long_messages_are_bounded_by_their_bytes() {
        let queue = queue();
        for _ in 0..5 {
            queue.push(message(MAX_BYTES / 4 + 1));
        }
        assert_eq!(queue.waiting.events.lock().queue.len(), 3);
        queue.push(message(2 * MAX_BYTES));
        assert_eq!(
            queue.waiting.events.lock().queue.len(),
            1,
            "one event always fits"
        );
    }
}
