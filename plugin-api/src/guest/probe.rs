//! The interface `probe` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use self::exports::lavalink::plugin::probe as wit;
use super::host::NodeHost;
use super::part::{count, exports_of, part};
use super::{Exported, Glue};
use crate::carry::Carry;

exports_of!("probe-plugin");

impl<T: Exported> wit::Guest for Glue<T> {
    fn count() -> u32 {
        count(&T::plugin().probes)
    }
    fn sniff(index: u32, head: Vec<u8>, hint: wit::Hint) -> Result<Option<String>, wit::Failure> {
        part(&T::plugin().probes, index)
            .and_then(|probe| probe.sniff(&NodeHost, &head, &hint.carry()))
            .carry()
    }
}
