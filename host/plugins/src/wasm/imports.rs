//! `lavalink:plugin/host` for guests: each function goes to the host lent for the call.

use std::time::Duration;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{ByteStream, Failure, Host, Media};
use wasmtime::component::Resource;

use super::bindings::lavalink::plugin::host::{self, HttpRequest, Level, ProbeMedia};
use super::bindings::lavalink::plugin::types;
use super::state::{OpenResponse, State};

/// Most bytes of a body a guest gets at once.
const MAX_READ: u32 = 1024 * 1024;

type Answer<T> = wasmtime::Result<Result<T, types::Failure>>;

impl types::Host for State {}

impl State {
    /// What the host answers; a failure too when there is none. It may take its time: others compute meanwhile.
    fn ask<T, U>(&mut self, question: impl FnOnce(&dyn Host) -> Result<T, Failure>) -> Answer<U>
    where
        Result<T, Failure>: Carry<Result<U, types::Failure>>,
    {
        self.step_out();
        let answer = self.host().and_then(question);
        self.step_in()?;
        Ok(answer.carry())
    }
}

impl host::Host for State {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        if let Ok(host) = self.host() {
            host.log(level.carry(), &message);
        }
        Ok(())
    }

    fn enabled(&mut self, level: Level) -> wasmtime::Result<bool> {
        Ok(self.host().is_ok_and(|host| host.enabled(level.carry())))
    }

    fn config(&mut self) -> wasmtime::Result<String> {
        Ok(self.host().map_or_else(|_| "{}".to_owned(), |host| host.config()))
    }

    fn now_unix_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.host().map_or(0, |host| host.now_unix_ms()))
    }

    fn monotonic_ns(&mut self) -> wasmtime::Result<u64> {
        Ok(self.host().map_or(0, |host| host.monotonic_ns()))
    }

    fn sleep(&mut self, time_ms: u64) -> Answer<()> {
        self.ask(|host| host.sleep(Duration::from_millis(time_ms)))
    }

    fn fetch(&mut self, request: HttpRequest) -> Answer<Resource<OpenResponse>> {
        self.step_out();
        let answer = self.host().and_then(|host| host.fetch(request.carry()));
        self.step_in()?;
        match answer {
            Ok(response) => Ok(self.keep(response)?.map_err(Carry::carry)),
            Err(failure) => Ok(Err(failure.carry())),
        }
    }

    fn cache_get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.host().ok().and_then(|host| host.cache_get(&key)))
    }

    fn cache_set(&mut self, key: String, value: Vec<u8>, ttl_ms: u64) -> wasmtime::Result<()> {
        if let Ok(host) = self.host() {
            host.cache_set(&key, &value, Duration::from_millis(ttl_ms));
        }
        Ok(())
    }

    fn probe(&mut self, media: ProbeMedia) -> Answer<types::Probe> {
        let media = match media {
            ProbeMedia::Http(media) => media.carry(),
            ProbeMedia::Hls(media) => media.carry(),
            ProbeMedia::Response((handle, hint)) => Media::Response(self.release(handle)?, hint.carry()),
            ProbeMedia::Bytes((bytes, hint)) => Media::Bytes(Box::new(Given { bytes, at: 0 }), hint.carry()),
        };
        self.ask(|host| host.probe(media))
    }

    fn random(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        // `as` widens: the host gives 4,096 bytes at most.
        Ok(self
            .host()
            .map_or_else(|_| Vec::new(), |host| host.random(length as usize)))
    }

    fn load(&mut self, identifier: String) -> Answer<types::Found> {
        self.ask(|host| host.load(&identifier))
    }

    fn store_get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        self.ask(|host| host.store_get(&key))
    }

    fn store_set(&mut self, key: String, value: Vec<u8>) -> Answer<()> {
        self.ask(|host| host.store_set(&key, &value))
    }

    fn store_delete(&mut self, key: String) -> Answer<()> {
        self.ask(|host| host.store_delete(&key))
    }

    fn sessions(&mut self) -> wasmtime::Result<Vec<types::SessionRef>> {
        Ok(self
            .host()
            .map_or_else(|_| Vec::new(), |host| host.sessions().carry()))
    }

    fn send_event(&mut self, session_id: String, message: String) -> Answer<()> {
        self.ask(|host| host.send_event(&session_id, &message))
    }

    fn player(&mut self, session_id: String, guild_id: u64) -> wasmtime::Result<Option<String>> {
        Ok(self
            .host()
            .ok()
            .and_then(|host| host.player(&session_id, guild_id)))
    }

    fn update_player(&mut self, session_id: String, guild_id: u64, update: String) -> Answer<String> {
        self.ask(|host| host.update_player(&session_id, guild_id, &update))
    }

    fn add_marker(
        &mut self,
        session_id: String,
        guild_id: u64,
        position_ms: u64,
        marker: String,
    ) -> Answer<()> {
        let position = Duration::from_millis(position_ms);
        self.ask(|host| host.add_marker(&session_id, guild_id, position, &marker))
    }
}

impl host::HostHttpResponse for State {
    fn status(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<u16> {
        Ok(self.response(&response)?.status())
    }

    fn headers(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<Vec<types::Header>> {
        Ok(self.response(&response)?.headers().carry())
    }

    fn url(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<String> {
        Ok(self.response(&response)?.url())
    }

    fn local_address(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<Option<String>> {
        Ok(self.response(&response)?.local_address())
    }

    fn read(&mut self, response: Resource<OpenResponse>, max: u32) -> Answer<Vec<u8>> {
        if max == 0 {
            return Ok(Err(Failure::fault("The answer cannot be read.")
                .because("nothing was asked for; an empty read is the end of the body")
                .carry()));
        }
        self.step_out();
        // `as` widens: MAX_READ bounds the value.
        let bytes = self.response(&response)?.read(max.min(MAX_READ) as usize);
        self.step_in()?;
        Ok(bytes.carry())
    }

    fn drop(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<()> {
        drop(self.release(response)?);
        Ok(())
    }
}

/// Bytes a guest gave to be probed.
struct Given {
    bytes: Vec<u8>,
    at: usize,
}

impl ByteStream for Given {
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let rest = &self.bytes[self.at..];
        let read = rest[..rest.len().min(max)].to_vec();
        self.at += read.len();
        Ok(read)
    }

    fn seek(&mut self, offset: u64) -> Result<(), Failure> {
        self.at = usize::try_from(offset).map_or(self.bytes.len(), |offset| offset.min(self.bytes.len()));
        Ok(())
    }

    fn length(&self) -> Option<u64> {
        Some(self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_to_be_probed_can_be_read_and_jumped_in() {
        let mut given = Given {
            bytes: vec![1, 2, 3],
            at: 0,
        };
        assert_eq!(given.read(2), Ok(vec![1, 2]));
        assert_eq!(given.read(2), Ok(vec![3]));
        assert_eq!(given.read(2), Ok(vec![]));
        given.seek(1).unwrap();
        assert_eq!(given.read(9), Ok(vec![2, 3]));
        given.seek(u64::MAX).unwrap();
        assert_eq!(given.read(9), Ok(vec![]));
        assert_eq!(given.length(), Some(3));
    }
}
