//! The plugin filters of a player, as the audio engine sees them: a task of their own works on the samples, so that a
//! filter that hangs holds up no worker.

use std::sync::Arc;
use std::task::Waker;

use lavalink_audio::{EffectWork, Effects, MakeEffects};
use lavalink_plugins::{ActiveFilter, FilterLine, Plugins};
use lavalink_protocol::filters::Filters;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The plugin filters that are on for a player. Never empty.
pub struct PluginEffects {
    active: Vec<ActiveFilter>,
    runtime: Handle,
}

impl std::fmt::Debug for PluginEffects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PluginEffects({})", self.active.len())
    }
}

impl PluginEffects {
    /// Asks the plugins which of the filters given change the sound; `None` when none does.
    pub async fn of(plugins: &Plugins, filters: &Filters) -> Option<Arc<Self>> {
        if filters.plugin_filters.is_empty() {
            return None;
        }
        let given = filters.plugin_filters.iter();
        let wanted = given.map(|(name, config)| (name.clone(), config.to_string()));
        let active = plugins.active_filters(wanted.collect()).await;
        (!active.is_empty()).then(|| {
            Arc::new(Self {
                active,
                runtime: Handle::current(),
            })
        })
    }
}

impl MakeEffects for PluginEffects {
    fn make(&self) -> Box<dyn Effects> {
        let (orders, waiting) = mpsc::unbounded_channel();
        let answer = Arc::<Mutex<Answer>>::default();
        let line = FilterLine::new(&self.active);
        self.runtime.spawn(work(line, waiting, Arc::clone(&answer)));
        Box::new(Line {
            orders,
            answer,
            number: 0,
            is_lost: false,
        })
    }
}

/// One piece of work.
struct Order {
    number: u64,
    work: EffectWork,
    waker: Waker,
}

/// The samples of the latest work done, with its number.
type Answer = Option<(u64, Vec<f32>)>;

/// The engine's end. The task ends when this is dropped.
struct Line {
    orders: mpsc::UnboundedSender<Order>,
    answer: Arc<Mutex<Answer>>,
    number: u64,
    /// The task is gone, which only a bug can cause: silence instead of a track that stands still.
    is_lost: bool,
}

impl Effects for Line {
    fn begin(&mut self, work: EffectWork, waker: &Waker) {
        self.number += 1;
        let order = Order {
            number: self.number,
            work,
            waker: waker.clone(),
        };
        self.is_lost = self.orders.send(order).is_err();
    }

    fn poll(&mut self) -> Option<Vec<f32>> {
        if self.is_lost || self.orders.is_closed() {
            return Some(Vec::new());
        }
        let mut answer = self.answer.lock();
        match answer.take() {
            Some((number, samples)) if number == self.number => Some(samples),
            _ => None,
        }
    }
}

/// Does the work, one piece after the other. Each is bounded by the deadlines of the plugins' calls.
async fn work(mut line: FilterLine, mut waiting: mpsc::UnboundedReceiver<Order>, answer: Arc<Mutex<Answer>>) {
    while let Some(Order { number, work, waker }) = waiting.recv().await {
        let samples = match work {
            EffectWork::Process(samples) => line.process(samples).await,
            EffectWork::Seeked(position) => {
                line.seeked(position).await;
                Vec::new()
            }
            EffectWork::Flush => line.flush().await,
        };
        *answer.lock() = Some((number, samples));
        waker.wake();
    }
}
