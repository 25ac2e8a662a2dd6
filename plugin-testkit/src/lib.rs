//! For the tests of plugins: a host without a node, and a look at sources as the node looks at them.
//!
//! ```
//! use lavalink_plugin_api::Host;
//! use lavalink_plugin_testkit::{Answer, TestHost};
//!
//! let host = TestHost::new()
//!     .with_config(r#"{"country": "DE"}"#)
//!     .with_answer("https://hymns.example/1", Answer::text(200, "Now thank we all our God"));
//! assert_eq!(host.config(), r#"{"country": "DE"}"#);
//! ```

mod answer;
mod host;
mod source;

pub use answer::Answer;
pub use host::{Marker, TestHost};
pub use source::{bytes_of, problems_of};
