//! Answers of servers that are not there.

use lavalink_plugin_api::{Failure, Header, HttpResponse};

/// What a server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A status and a body.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into().into_bytes(),
        }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), value.as_bytes().to_vec()));
        self
    }
}

/// An answer while it is read.
pub(crate) struct Reading {
    pub(crate) answer: Answer,
    pub(crate) url: String,
    pub(crate) at: usize,
    /// Most bytes the request wanted.
    pub(crate) limit: usize,
}

impl HttpResponse for Reading {
    fn status(&self) -> u16 {
        self.answer.status
    }
    fn headers(&self) -> Vec<Header> {
        self.answer.headers.clone()
    }
    fn url(&self) -> String {
        self.url.clone()
    }
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        let end = self.answer.body.len().min(self.limit);
        let rest = self.answer.body.get(self.at..end).unwrap_or_default();
        let read = rest.get(..max.min(rest.len())).unwrap_or_default().to_vec();
        self.at += read.len();
        Ok(read)
    }
}
