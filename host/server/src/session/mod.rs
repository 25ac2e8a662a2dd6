//! Sessions: one per WebSocket, living on for a while after it when the client asked for that.

mod outbox;
mod registry;
mod state;

pub use outbox::{Interrupt, Outbox};
pub use registry::{Claim, Registry};
pub use state::Session;
