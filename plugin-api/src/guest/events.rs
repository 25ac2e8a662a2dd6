//! The interface `events` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use self::exports::lavalink::plugin::events as wit;
use super::host::NodeHost;
use super::part::{exports_of, part};
use super::{Exported, Glue};
use crate::carry::Carry;

exports_of!("events-plugin");

impl<T: Exported> wit::Guest for Glue<T> {
    fn describe() -> Vec<wit::Interest> {
        let listeners = T::plugin().listeners.iter();
        listeners.map(|listener| listener.interest().carry()).collect()
    }
    fn on_event(index: u32, event: wit::Event) -> Result<(), wit::Failure> {
        part(&T::plugin().listeners, index)
            .and_then(|listener| listener.on_event(&NodeHost, event.carry()))
            .carry()
    }
}
