//! The interface `search` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use self::exports::lavalink::plugin::search as wit;
use super::host::NodeHost;
use super::part::{exports_of, part};
use super::{Exported, Glue};
use crate::carry::Carry;

exports_of!("search-plugin");

impl<T: Exported> wit::Guest for Glue<T> {
    fn describe() -> Vec<String> {
        let searches = T::plugin().searches.iter();
        searches.map(|search| search.source_name()).collect()
    }
    fn search(
        index: u32,
        query: String,
        kinds: wit::SearchKinds,
    ) -> Result<Option<wit::SearchResults>, wit::Failure> {
        part(&T::plugin().searches, index)
            .and_then(|search| search.search(&NodeHost, &query, kinds.carry()))
            .carry()
    }
}
