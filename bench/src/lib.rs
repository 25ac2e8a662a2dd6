//! What the load bench, the wire bench and the criterion benches share: media, a node of one's own, its session, and what the kernel
//! says about a process.

pub mod connection;
pub mod epochs;
pub mod media;
pub mod node;
pub mod process;
pub mod report;
pub mod session;
pub mod wire;
