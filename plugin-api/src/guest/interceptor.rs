//! The interface `interceptor` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use self::exports::lavalink::plugin::interceptor as wit;
use super::host::NodeHost;
use super::part::{count, exports_of, part};
use super::{Exported, Glue};
use crate::carry::Carry;

exports_of!("interceptor-plugin");

impl<T: Exported> wit::Guest for Glue<T> {
    fn count() -> u32 {
        count(&T::plugin().interceptors)
    }
    fn before(index: u32, request: wit::RestHead) -> Result<wit::Verdict, wit::Failure> {
        part(&T::plugin().interceptors, index)
            .and_then(|interceptor| interceptor.before(&NodeHost, &request.carry()))
            .carry()
    }
    fn after(index: u32, request: wit::RestHead, status: u16) -> Result<(), wit::Failure> {
        part(&T::plugin().interceptors, index)
            .and_then(|interceptor| interceptor.after(&NodeHost, &request.carry(), status))
            .carry()
    }
}
