//! `lavalink:plugin/host` for guests: each function goes to the host lent for the call.

use std::time::Duration;

use lavalink_plugin_api::{ByteStream, Failure, Media};
use wasmtime::component::Resource;

use super::bindings::lavalink::plugin::host::{self, HttpRequest, Level, ProbeMedia};
use super::bindings::lavalink::plugin::types;
use super::state::{OpenResponse, State};

/// Most bytes of a body a guest gets at once.
const MAX_READ: u32 = 1024 * 1024;

type Answer<T> = wasmtime::Result<Result<T, types::Failure>>;

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        if let Ok(host) = self.host() {
            host.log(level.into(), &message);
        }
        Ok(())
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
        let slept = self
            .host()
            .and_then(|host| host.sleep(Duration::from_millis(time_ms)));
        Ok(slept.map_err(Into::into))
    }

    fn fetch(&mut self, request: HttpRequest) -> Answer<Resource<OpenResponse>> {
        match self.host().and_then(|host| host.fetch(request.into())) {
            Ok(response) => Ok(self.keep(response)?.map_err(Into::into)),
            Err(failure) => Ok(Err(failure.into())),
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
            ProbeMedia::Http(media) => media.into(),
            ProbeMedia::Hls(media) => media.into(),
            ProbeMedia::Response((handle, hint)) => Media::Response(self.release(handle)?, hint.into()),
            ProbeMedia::Bytes((bytes, hint)) => Media::Bytes(Box::new(Given { bytes, at: 0 }), hint.into()),
        };
        let probed = self.host().and_then(|host| host.probe(media));
        Ok(probed.map(Into::into).map_err(Into::into))
    }
}

impl host::HostHttpResponse for State {
    fn status(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<u16> {
        Ok(self.response(&response)?.status())
    }

    fn headers(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<Vec<types::Header>> {
        let headers = self.response(&response)?.headers();
        Ok(headers
            .into_iter()
            .map(|(name, value)| types::Header { name, value })
            .collect())
    }

    fn url(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<String> {
        Ok(self.response(&response)?.url())
    }

    fn local_address(&mut self, response: Resource<OpenResponse>) -> wasmtime::Result<Option<String>> {
        Ok(self.response(&response)?.local_address())
    }

    fn read(&mut self, response: Resource<OpenResponse>, max: u32) -> Answer<Vec<u8>> {
        let response = self.response(&response)?;
        if max == 0 {
            return Ok(Err(Failure::fault("The answer cannot be read.")
                .because("nothing was asked for; an empty read is the end of the body")
                .into()));
        }
        // `as` widens: MAX_READ bounds the value.
        Ok(response.read(max.min(MAX_READ) as usize).map_err(Into::into))
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
