//! The interface `routes` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use self::exports::lavalink::plugin::routes as wit;
use super::host::NodeHost;
use super::part::{exports_of, part};
use super::{Exported, Glue};
use crate::carry::Carry;

exports_of!("routes-plugin");

impl<T: Exported> wit::Guest for Glue<T> {
    fn describe() -> Vec<Vec<wit::Endpoint>> {
        let routes = T::plugin().routes.iter();
        routes.map(|routes| routes.endpoints().carry()).collect()
    }
    fn handle(
        index: u32,
        endpoint: u32,
        request: wit::RestRequest,
    ) -> Result<wit::RestResponse, wit::RestError> {
        match part(&T::plugin().routes, index) {
            Ok(routes) => routes.handle(&NodeHost, endpoint, request.carry()).carry(),
            Err(failure) => Err(crate::RestError::from(failure).carry()),
        }
    }
}
