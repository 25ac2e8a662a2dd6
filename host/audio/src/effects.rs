//! Audio filters from outside this crate, such as those of plugins: they run before the built-in ones, on threads of
//! their own, while the pipeline's worker serves other tracks.

use std::task::Waker;
use std::time::Duration;

/// Makes the outside filters of one track. Replacing it by another one, or by none, is how they change.
pub trait MakeEffects: Send + Sync {
    /// Filters without history. Must not block.
    fn make(&self) -> Box<dyn Effects>;
}

/// What outside filters are to do.
#[derive(Debug, Clone, PartialEq)]
pub enum EffectWork {
    /// Replace these samples: 48 kHz, interleaved stereo, full scale ±1.
    Process(Vec<f32>),
    /// Forget what came before: playback goes on from this position of the source.
    Seeked(Duration),
    /// Give back what is held; nothing follows but, perhaps, a jump.
    Flush,
}

/// The outside filters of one track. No call may block.
///
/// An implementation answers within a bounded time, with the samples as they were if need be: the track waits for it.
pub trait Effects: Send {
    /// Begins some work. `waker` is called when it is done. Work begun before that was not waited for still comes first,
    /// but its samples are not asked for any more.
    fn begin(&mut self, work: EffectWork, waker: &Waker);

    /// The samples the latest work gave, an even number; `None` while it is under way.
    fn poll(&mut self) -> Option<Vec<f32>>;
}
