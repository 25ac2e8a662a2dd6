//! Bytes a guest makes. The instance that made the stream belongs to it alone and ends with it.

use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{ByteStream, Failure};
use wasmtime::component::ResourceAny;

use super::guest::{Call, Guest, Instance};

/// Most bytes asked for at once: they exist in the guest and in the node.
const MAX_READ: u32 = 1024 * 1024;

/// See the module.
pub(super) struct GuestStream {
    guest: Arc<Guest>,
    /// `None` after a call that broke the instance.
    instance: Option<Instance>,
    stream: ResourceAny,
    length: Option<u64>,
    limit: Duration,
}

impl GuestStream {
    /// A stream in `instance`; each of its calls may take `limit`.
    pub(super) fn new(
        guest: Arc<Guest>,
        instance: Instance,
        stream: ResourceAny,
        length: Option<u64>,
        limit: Duration,
    ) -> Self {
        Self {
            guest,
            instance: Some(instance),
            stream,
            length,
            limit,
        }
    }

    fn call<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&mut Instance, ResourceAny) -> wasmtime::Result<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(instance) = self.instance.take() else {
            return Err(Failure::fault("This stream broke off earlier."));
        };
        let call = Call {
            what,
            host: None,
            limit: self.limit,
        };
        let stream = self.stream;
        let (instance, answer) = self
            .guest
            .run(Some(instance), call, |instance| work(instance, stream))?;
        self.instance = Some(instance);
        answer
    }
}

impl ByteStream for GuestStream {
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let max = u32::try_from(max).unwrap_or(MAX_READ).min(MAX_READ);
        let bytes = self.call("read", |instance, stream| {
            let answer =
                instance
                    .faces
                    .source()?
                    .byte_stream()
                    .call_read(&mut instance.store, stream, max)?;
            Ok(answer.carry())
        })?;
        // `as` widens: MAX_READ bounds the value.
        if bytes.len() > max as usize {
            self.instance = None;
            return Err(Failure::fault(
                "The plugin that makes this stream gave more bytes than it was asked for.",
            )
            .because(format!("{} instead of at most {max}", bytes.len())));
        }
        Ok(bytes)
    }

    fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        self.call("seek", |instance, stream| {
            let answer =
                instance
                    .faces
                    .source()?
                    .byte_stream()
                    .call_seek(&mut instance.store, stream, offset)?;
            Ok(answer.carry())
        })
    }

    fn length(&self) -> Option<u64> {
        self.length
    }
}
