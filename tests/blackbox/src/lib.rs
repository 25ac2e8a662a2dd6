//! Harness of the black-box suite: the real binary, the real plugins, a fake Discord and made-up media.

pub mod audience;
pub mod authoring;
pub mod client;
pub mod driver;
pub mod media;
pub mod node;
pub mod process;
pub mod proxy;
pub mod seat;
pub mod stage;

pub use client::{Rest, Socket};
pub use node::{Node, NodeOptions};
pub use stage::Stage;
