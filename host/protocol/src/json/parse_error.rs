//! Why JSON from outside cannot be read.

/// A request body that cannot be decoded. The client sees `Bad Request`; this text is for `?trace` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("request body, byte {offset}: {kind}")]
pub struct ParseError {
    /// Byte of the body at which reading stopped.
    pub offset: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

/// What is wrong with a body. Never repeats the body, which may hold tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// Bytes that are no UTF-8.
    #[error("not UTF-8; send the body in UTF-8")]
    NotUtf8,
    /// Something else stands there.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A required member of the object that ends here is missing.
    #[error("member '{0}' is required; add it")]
    Missing(&'static str),
    /// Nested too deep.
    #[error("nested deeper than {0} levels")]
    TooDeep(u32),
}
