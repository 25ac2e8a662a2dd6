//! Finds, verifies, loads and guards plugins, and answers the node's questions through them.
//!
//! [`Plugins::load`] reads each file's manifest before any of its code runs, checks the interface generation and the
//! layout of every type, and only then loads it. Loaded libraries are never unloaded. Every later call of a plugin runs
//! on threads for plugins, under a limit of calls in flight per plugin and a deadline; what a plugin does
//! wrong becomes a [`Failure`](lavalink_plugin_api::Failure) and never takes the node with it (short of a crash of the
//! process itself, which native code can always cause).
//!
//! What is loaded stands in one immutable table, which is replaced as a whole. Every question works on the table of the
//! moment it began in, so a plugin can be exchanged while others are being asked, and goes when its last user is gone.

mod admission;
mod bounds;
mod breaker;
mod built_in;
mod call;
mod checked_tails;
mod discovery;
mod error;
mod events;
mod extensions;
mod filters;
mod finders;
mod footprint;
mod guard;
mod inspect;
mod java;
mod loaders;
mod manifest;
mod native;
mod parts;
mod plugins;
mod registry;
mod resolution;
mod routes;
mod scope;
mod table;
mod threads;
mod trial;
#[cfg(feature = "wasm")]
mod wasm;

pub use admission::{Admission, AdmitAll, Applicant, BadSha256, DEFAULT_MEMORY_MIB, Form, Grants, Sha256};
pub use breaker::BreakerPolicy;
pub use call::{CallEnding, CallOutcome, CallReport, GuardReport};
pub use error::{ComponentError, LoadError, LoadReport};
pub use events::{EventBus, Topic};
pub use extensions::Extensions;
pub use filters::{ActiveFilter, FilterLine};
pub use footprint::Footprint;
pub use guard::GuardLimits;
pub use inspect::{Inspected, inspect};
pub use java::java_dependency;
pub use manifest::{CUSTOM_SECTION, Manifest, ManifestError};
pub use plugins::{
    Exchange, HostFactory, LoadOptions, OpenedMedia, PluginInfo, PluginStatus, Plugins, ReloadError,
    Reloaded, Tail, Watch,
};
pub use resolution::{Item, Resolution};
pub use routes::{EndpointCall, Intercepted, Routed};
pub use threads::PluginThreads;
pub use trial::{TrialCounts, TrialPolicy};
