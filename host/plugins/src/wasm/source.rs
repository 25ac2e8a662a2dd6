//! A source of a guest as the node uses it.

use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{Details, Failure, Hint, Host, Loaded, Media, Source, SourceDescriptor, Track};
use wasmtime::component::ResourceAny;

use super::bindings::exports::lavalink::plugin::source as wit;
use super::guest::{Call, Guest};
use super::part::Part;
use super::stream::GuestStream;
use crate::GuardLimits;
use crate::extensions::Described;

/// See the module.
pub(super) struct GuestSource {
    descriptor: SourceDescriptor,
    part: Part,
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

/// The sources of a guest.
///
/// # Errors
/// When it breaks, or has too many.
pub(super) fn sources_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Described<SourceDescriptor, dyn Source>, Failure> {
    let parts = Part::described(guest, limits, "source", |instance| {
        instance.faces.source()?.call_describe(&mut instance.store)
    })?;
    let sources = parts.into_iter().map(|(descriptor, part)| {
        let descriptor: SourceDescriptor = descriptor.carry();
        let source = GuestSource {
            descriptor: descriptor.clone(),
            part,
        };
        (descriptor, Arc::new(source) as Arc<dyn Source>)
    });
    Ok(sources.collect())
}

impl Source for GuestSource {
    fn describe(&self) -> SourceDescriptor {
        self.descriptor.clone()
    }

    fn load(&self, host: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        let call = Call {
            what: "load",
            host: Some(host),
            limit: self.part.limits.load,
        };
        self.part.guest.call(call, |instance| {
            let answer =
                instance
                    .faces
                    .source()?
                    .call_load(&mut instance.store, self.part.index, identifier)?;
            Ok(answer.carry())
        })
    }

    fn decode_details(&self, version: u8, details: &[u8]) -> Result<Details, Failure> {
        let call = Call {
            what: "decode_details",
            host: None,
            limit: self.part.limits.decode,
        };
        self.part.guest.call(call, |instance| {
            let answer = instance.faces.source()?.call_decode_details(
                &mut instance.store,
                self.part.index,
                version,
                details,
            )?;
            Ok(answer.carry())
        })
    }

    fn open(&self, host: &dyn Host, track: &Track, position: Duration) -> Result<Media, Failure> {
        let call = Call {
            what: "open",
            host: Some(host),
            limit: self.part.limits.open,
        };
        let track = track.clone().carry();
        let (instance, answer) = self.part.guest.take(call, |instance| {
            let answer = instance.faces.source()?.call_open(
                &mut instance.store,
                self.part.index,
                &track,
                position.carry(),
            )?;
            Ok(match answer {
                Ok(media) => Ok(opened(instance, media)?),
                Err(failure) => Err(failure.carry()),
            })
        })?;
        match answer {
            Ok(Opened::Stream { stream, length, hint }) => {
                let stream = GuestStream::new(
                    self.part.guest.clone(),
                    instance,
                    stream,
                    length,
                    self.part.limits.open,
                );
                Ok(Media::Bytes(Box::new(stream), hint))
            }
            Ok(Opened::Media(media)) => {
                self.part.guest.keep(instance);
                Ok(media)
            }
            Err(failure) => {
                self.part.guest.keep(instance);
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
                .faces
                .source()?
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
