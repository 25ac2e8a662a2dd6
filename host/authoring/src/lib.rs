//! What plugin authors get from the node's command line: a plugin to begin with, and its way to a file the node loads.

mod build;
mod c;
mod component;
mod error;
mod package;
mod template;
mod toolchain;

pub use build::{BuildOptions, Built, build};
pub use component::component_of;
pub use error::AuthoringError;
pub use package::Kind;
pub use template::{Language, NewOptions, create};
pub use toolchain::Toolchain;
