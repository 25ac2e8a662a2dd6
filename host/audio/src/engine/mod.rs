//! The worker pool that plays many tracks on a few threads.

pub(crate) mod bell;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use lavalink_protocol::filters::Filters;

use bell::Bell;

use crate::effects::MakeEffects;
use crate::pipeline::{Control, FilterSetup, Job, Settings};
use crate::queue::{FrameConsumer, frame_queue};
use crate::{AudioError, MediaHint, MediaInput, ResamplingQuality};

/// New pipelines a worker may have waiting; it takes them all every round.
const INTAKE: usize = 256;

/// What an [`Engine`] is built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Worker threads, at least 1.
    pub workers: usize,
    /// Opus encoder complexity, `0..=10`; more is taken as 10.
    pub opus_quality: u8,
    /// How source rates other than 48 kHz are converted.
    pub resampling: ResamplingQuality,
    /// Encoded frames of 20 ms kept ready per pipeline, at least 1; changes are heard after as many.
    pub queue_frames: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            opus_quality: 10,
            resampling: ResamplingQuality::default(),
            queue_frames: 3,
        }
    }
}

/// One track to play.
pub struct PipelineSpec {
    /// The bytes, standing at the first one.
    pub input: Box<dyn MediaInput>,
    /// What is known about them.
    pub hint: MediaHint,
    /// Where to start; ignored when the input cannot seek.
    pub start: Duration,
    /// Player volume, `0..=1000`, 100 leaves the audio alone; more is taken as 1000.
    pub volume: u16,
    /// Filters to start with.
    pub filters: Arc<Filters>,
    /// Outside filters to start with. Packets are not passed through while there are any.
    pub effects: Option<Arc<dyn MakeEffects>>,
    /// Whether frames from before a seek go on being handed out until the first new one is there.
    pub use_seek_ghosting: bool,
    /// Told about the pipeline's progress, on a worker thread; must not block.
    pub observer: Box<dyn Fn(PipelineEvent) + Send + Sync>,
}

/// What happens to a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipelineEvent {
    /// The container is open.
    Ready {
        /// Playing time, when the container tells.
        length: Option<Duration>,
        /// Whether seeks have an effect.
        is_seekable: bool,
        /// Whether source packets are handed through with the volume and filters of now.
        passthrough: bool,
    },
    /// Nothing more will be produced; what is queued still plays.
    Failed {
        /// Why.
        error: AudioError,
        /// Whether any frame was queued before.
        any_frames: bool,
    },
    /// The latest seek has taken effect, or was ignored because the input cannot seek.
    SeekDone,
}

struct Worker {
    // `None` only while being dropped.
    intake: Option<SyncSender<Job>>,
    pipelines: Arc<AtomicUsize>,
    bell: Arc<Bell>,
}

impl Worker {
    /// Hands over a job; gives it back with the reason when that is not possible.
    fn take(&self, job: Job) -> Option<(Job, &'static str)> {
        let Some(intake) = &self.intake else {
            return Some((job, "the audio worker has stopped"));
        };
        self.pipelines.fetch_add(1, Ordering::Relaxed);
        // The caller must not wait for a worker that is stuck in a decoder.
        let refused = match intake.try_send(job) {
            Ok(()) => {
                self.bell.ring();
                return None;
            }
            Err(TrySendError::Full(job)) => (job, "the audio worker is overloaded"),
            Err(TrySendError::Disconnected(job)) => (job, "the audio worker has stopped"),
        };
        self.pipelines.fetch_sub(1, Ordering::Relaxed);
        Some(refused)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A worker that finds its intake closed ends.
        self.intake = None;
        self.bell.ring();
    }
}

/// A pool of worker threads that plays [`Pipeline`]s. Dropping it stops the workers and ends all pipelines.
pub struct Engine {
    workers: Vec<Worker>,
    config: EngineConfig,
}

impl Engine {
    /// Starts the workers.
    ///
    /// # Errors
    /// [`AudioError::Broken`] when a thread cannot be started.
    pub fn new(config: EngineConfig) -> Result<Self, AudioError> {
        let settings = Settings {
            opus_quality: config.opus_quality,
            resampling: config.resampling,
        };
        let workers = (0..config.workers.max(1)).map(|number| {
            let (intake, jobs) = sync_channel(INTAKE);
            let pipelines = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&pipelines);
            let bell = Arc::<Bell>::default();
            let rung = Arc::clone(&bell);
            std::thread::Builder::new()
                .name(format!("audio-{number}"))
                .spawn(move || worker::run(&jobs, &counter, &rung, settings))
                .map_err(|error| AudioError::Broken {
                    cause: format!("no audio worker thread: {error}"),
                })?;
            Ok(Worker {
                intake: Some(intake),
                pipelines,
                bell,
            })
        });
        Ok(Self {
            workers: workers.collect::<Result<_, _>>()?,
            config,
        })
    }

    /// Starts playing a track on the worker with the fewest pipelines. Problems are reported to the observer.
    pub fn start(&self, spec: PipelineSpec) -> (Pipeline, FrameConsumer) {
        let least = self
            .workers
            .iter()
            .min_by_key(|worker| worker.pipelines.load(Ordering::Relaxed));
        let bell = least.map_or_else(Arc::default, |worker| Arc::clone(&worker.bell));
        let control = Arc::new(Control::new(
            spec.volume,
            FilterSetup {
                filters: spec.filters,
                effects: spec.effects,
            },
            !spec.use_seek_ghosting,
            bell,
        ));
        let (frames, consumer) = frame_queue(self.config.queue_frames, control.timeline());
        let job = Job {
            input: spec.input,
            hint: spec.hint,
            start: spec.start,
            observer: spec.observer,
            control: Arc::clone(&control),
            frames,
        };
        let refused = match least {
            Some(worker) => worker.take(job),
            None => Some((job, "the engine has no audio worker")),
        };
        if let Some((job, cause)) = refused {
            let error = AudioError::Broken {
                cause: cause.to_owned(),
            };
            (job.observer)(PipelineEvent::Failed {
                error,
                any_frames: false,
            });
            control.timeline().close();
        }
        (Pipeline { control }, consumer)
    }

    /// Pipelines each worker owns now.
    #[must_use]
    pub fn load(&self) -> Vec<usize> {
        self.workers
            .iter()
            .map(|worker| worker.pipelines.load(Ordering::Relaxed))
            .collect()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("config", &self.config)
            .field("load", &self.load())
            .finish_non_exhaustive()
    }
}

/// Handle of a playing track. Dropping it stops production and frees everything, within a turn of its worker.
pub struct Pipeline {
    control: Arc<Control>,
}

impl Pipeline {
    /// Jumps to a position in source time; a later call replaces one that has not taken effect. Beyond the end the
    /// track ends. Reported by [`PipelineEvent::SeekDone`].
    pub fn seek(&self, to: Duration) {
        self.control.seek(to);
    }

    /// Changes the volume, `0..=1000`; heard after the queued frames, with a ramp of 20 ms.
    pub fn set_volume(&self, volume: u16) {
        self.control.set_volume(volume);
    }

    /// Replaces all filters, and takes outside filters away; heard after the queued frames.
    pub fn set_filters(&self, filters: Arc<Filters>) {
        self.set_filters_and_effects(filters, None);
    }

    /// Replaces all filters; heard after the queued frames. Outside filters go on as they are when they come from the
    /// same maker as before.
    pub fn set_filters_and_effects(&self, filters: Arc<Filters>, effects: Option<Arc<dyn MakeEffects>>) {
        self.control.set_filters(FilterSetup { filters, effects });
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.control.stop();
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").finish_non_exhaustive()
    }
}
