//! A source of a guest as the node uses it.

use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{Details, Failure, Hint, Host, Loaded, Media, Source, SourceDescriptor, Track};
use wasmtime::component::ResourceAny;

use super::bindings::exports::lavalink::plugin::source as wit;
use super::guest::{Call, Guest};
use super::stream::GuestStream;
use crate::GuardLimits;

/// Most sources one plugin may have.
const MAX_SOURCES: usize = 64;

/// See the module.
pub(super) struct GuestSource {
    guest: Arc<Guest>,
    index: u32,
    descriptor: SourceDescriptor,
    limits: GuardLimits,
}

/// What `open` answers, before a stream of the guest is made one of ours.
enum Opened {
    Media(Media),
    Stream {
        stream: ResourceAny,
        length: Option<u64>,
        hint: Hint,
    },
}

/// Asks a guest for its sources.
///
/// # Errors
/// When it breaks, or has more than any plugin has.
pub(super) fn sources_of(guest: &Arc<Guest>, limits: GuardLimits) -> Result<Vec<GuestSource>, Failure> {
    let call = Call {
        what: "describe",
        host: None,
        limit: limits.start,
    };
    let descriptors = guest.call(call, |instance| {
        let descriptors = instance.source.call_describe(&mut instance.store)?;
        Ok(Ok(descriptors))
    })?;
    if descriptors.len() > MAX_SOURCES {
        return Err(Failure::fault(format!(
            "It has {} sources, {MAX_SOURCES} at most can be used.",
            descriptors.len()
        )));
    }
    Ok((0..)
        .zip(descriptors)
        .map(|(index, descriptor)| GuestSource {
            guest: guest.clone(),
            index,
            descriptor: descriptor.carry(),
            limits,
        })
        .collect())
}

impl Source for GuestSource {
    fn describe(&self) -> SourceDescriptor {
        self.descriptor.clone()
    }

    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        let call = Call {
            what: "load",
            host: Some(host),
            limit: self.limits.load,
        };
        self.guest.call(call, |instance| {
            let answer = instance
                .source
                .call_load(&mut instance.store, self.index, identifier)?;
            Ok(answer.carry())
        })
    }

    fn decode_details(&self, version: u8, details: &[u8]) -> Result<Details, Failure> {
        let call = Call {
            what: "decode_details",
            host: None,
            limit: self.limits.decode,
        };
        self.guest.call(call, |instance| {
            let answer =
                instance
                    .source
                    .call_decode_details(&mut instance.store, self.index, version, details)?;
            Ok(answer.carry())
        })
    }

    fn open(&self, host: &dyn Host, track: &Track, position: Duration) -> Result<Media, Failure> {
        let call = Call {
            what: "open",
            host: Some(host),
            limit: self.limits.open,
        };
        let track = track.clone().carry();
        let (instance, answer) = self.guest.take(call, |instance| {
            let answer =
                instance
                    .source
                    .call_open(&mut instance.store, self.index, &track, position.carry())?;
            Ok(match answer {
                Ok(media) => Ok(opened(instance, media)?),
                Err(failure) => Err(failure.carry()),
            })
        })?;
        match answer {
            Ok(Opened::Stream { stream, length, hint }) => {
                let stream = GuestStream::new(self.guest.clone(), instance, stream, length, self.limits.open);
                Ok(Media::Bytes(Box::new(stream), hint))
            }
            Ok(Opened::Media(media)) => {
                self.guest.keep(instance);
                Ok(media)
            }
            Err(failure) => {
                self.guest.keep(instance);
                Err(failure)
            }
        }
    }
}

fn opened(instance: &mut super::guest::Instance, media: wit::Media) -> wasmtime::Result<Opened> {
    Ok(Opened::Media(match media {
        wit::Media::Http(media) => media.carry(),
        wit::Media::Hls(media) => media.carry(),
        wit::Media::Response((handle, hint)) => {
            Media::Response(instance.store.data_mut().release(handle)?, hint.carry())
        }
        wit::Media::Bytes((stream, hint)) => {
            let length = instance
                .source
                .byte_stream()
                .call_length(&mut instance.store, stream)?;
            return Ok(Opened::Stream {
                stream,
                length,
                hint: hint.carry(),
            });
        }
        wit::Media::Redirect(identifier) => Media::Redirect(identifier),
    }))
}
