//! Reads the fields of a track message.

use std::borrow::Cow;

use super::error::DecodeError;
use super::modified_utf8::read_utf;

/// What is left of a message or its body.
pub(super) struct BodyReader<'a> {
    rest: &'a [u8],
}

impl<'a> BodyReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The first `size` bytes of the rest, or all of it if that is less.
    pub(super) fn part(&self, size: usize) -> BodyReader<'a> {
        Self {
            rest: &self.rest[..size.min(self.rest.len())],
        }
    }

    /// Whether fewer than `size` bytes are left.
    pub(super) fn is_short_of(&self, size: usize) -> bool {
        self.rest.len() < size
    }

    fn chunk<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (chunk, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::EndOfData { field })?;
        self.rest = rest;
        Ok(*chunk)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.chunk(field).map(u8::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.chunk(field).map(u32::from_be_bytes)
    }

    pub(super) fn i64(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        self.chunk(field).map(i64::from_be_bytes)
    }

    pub(super) fn bool(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        self.u8(field).map(|byte| byte != 0)
    }

    pub(super) fn utf(&mut self, field: &'static str) -> Result<Cow<'a, str>, DecodeError> {
        read_utf(&mut self.rest, field)
    }

    pub(super) fn nullable_utf(&mut self, field: &'static str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        if self.bool(field)? {
            self.utf(field).map(Some)
        } else {
            Ok(None)
        }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have not been read yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }
}
