//! The interface `filters` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use std::cell::RefCell;

use self::exports::lavalink::plugin::filters as wit;
use super::host::NodeHost;
use super::part::{exports_of, part};
use super::{Exported, Glue};
use crate::Filter;
use crate::carry::Carry;

exports_of!("filters-plugin");

/// A filter of the plugin's own.
pub struct AtWork(RefCell<Box<dyn Filter>>);

impl wit::GuestFilter for AtWork {
    fn process(&self, mut samples: Vec<f32>) -> Result<Vec<f32>, wit::Failure> {
        let done = self.0.borrow_mut().process(&mut samples);
        done.map(|()| samples).map_err(Carry::carry)
    }
    fn seeked(&self, position_ms: u64) -> Result<(), wit::Failure> {
        self.0.borrow_mut().seeked(position_ms.carry()).carry()
    }
    fn flush(&self) -> Result<Vec<f32>, wit::Failure> {
        self.0.borrow_mut().flush().carry()
    }
}

impl<T: Exported> wit::Guest for Glue<T> {
    type Filter = AtWork;

    fn names() -> Vec<String> {
        T::plugin().filters.iter().map(|kind| kind.name()).collect()
    }
    fn is_enabled(kind: u32, config: String) -> Result<bool, wit::Failure> {
        part(&T::plugin().filters, kind)
            .and_then(|kind| kind.is_enabled(&config))
            .carry()
    }
    fn build(kind: u32, config: String, format: wit::AudioFormat) -> Result<wit::Filter, wit::Failure> {
        let filter =
            part(&T::plugin().filters, kind).and_then(|kind| kind.build(&NodeHost, &config, format.carry()));
        filter
            .map(|filter| wit::Filter::new(AtWork(RefCell::new(filter))))
            .map_err(Carry::carry)
    }
}
