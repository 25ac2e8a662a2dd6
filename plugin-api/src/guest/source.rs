//! The interface `source` of a component.

// The generated part is from the WIT text, which has the documentation.
#![allow(unsafe_code, missing_docs, clippy::all)]

use std::cell::RefCell;

use self::exports::lavalink::plugin::source as wit;
use super::host::{self, NodeHost, Unknown};
use super::part::{exports_of, part};
use super::{Exported, Glue};
use crate::carry::Carry;
use crate::{ByteStream, Media};

exports_of!("source-plugin");

/// A stream of the plugin's own.
pub struct Stream(RefCell<Box<dyn ByteStream>>);

impl wit::GuestByteStream for Stream {
    fn read(&self, max: u32) -> Result<Vec<u8>, wit::Failure> {
        // `as` widens: addresses of a component have 32 bits.
        self.0.borrow_mut().read(max as usize).carry()
    }
    fn seek(&self, offset: u64) -> Result<(), wit::Failure> {
        self.0.borrow_mut().seek(offset).carry()
    }
    fn length(&self) -> Option<u64> {
        self.0.borrow().length()
    }
}

impl<T: Exported> wit::Guest for Glue<T> {
    type ByteStream = Stream;

    fn describe() -> Vec<wit::SourceDescriptor> {
        let sources = T::plugin().sources.iter();
        sources.map(|source| source.describe().carry()).collect()
    }
    fn load(index: u32, identifier: String) -> Result<wit::Loaded, wit::Failure> {
        part(&T::plugin().sources, index)
            .and_then(|source| source.load(&NodeHost, &identifier))
            .carry()
    }
    fn decode_details(index: u32, version: u8, details: Vec<u8>) -> Result<wit::Details, wit::Failure> {
        part(&T::plugin().sources, index)
            .and_then(|source| source.decode_details(version, &details))
            .carry()
    }
    fn open(index: u32, track: wit::Track, position_ms: u64) -> Result<wit::Media, wit::Failure> {
        let opened = part(&T::plugin().sources, index)
            .and_then(|source| source.open(&NodeHost, &track.carry(), position_ms.carry()));
        match opened {
            Ok(media) => Ok(out(media)),
            Err(failure) => Err(failure.carry()),
        }
    }
}

fn out(media: Media) -> wit::Media {
    let own = |stream: Box<dyn ByteStream>| wit::ByteStream::new(Stream(RefCell::new(stream)));
    match media {
        Media::Http {
            request,
            expires,
            length,
            hint,
        } => wit::Media::Http(host::http_media(request, expires, length, hint)),
        Media::Hls { request, live } => wit::Media::Hls(host::hls_media(request, live)),
        Media::Response(body, hint) => match host::own_response(body) {
            Ok(response) => wit::Media::Response((response, hint.carry())),
            Err(body) => wit::Media::Bytes((own(Box::new(Unknown(body))), hint.carry())),
        },
        Media::Bytes(stream, hint) => wit::Media::Bytes((own(stream), hint.carry())),
        Media::Redirect(identifier) => wit::Media::Redirect(identifier),
    }
}
