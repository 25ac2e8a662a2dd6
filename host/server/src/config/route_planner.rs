//! `lavalink.server.ratelimit`: rotation of the local address.

use super::ConfigError;
use super::reader::Reader;

/// Where the object stands.
const ROOT: &str = "lavalink.server.ratelimit";

/// Settings of the route planner; there are some only when `ipBlocks` names a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// Blocks in CIDR notation, as written; at least one.
    pub ip_blocks: Vec<String>,
    /// Addresses never to use, as written.
    pub excluded_ips: Vec<String>,
    /// Name of the strategy, as written and trimmed.
    pub strategy: String,
    /// Tries of one request.
    pub retry_limit: RetryLimit,
    /// Whether a search answered 429 marks its address as failing.
    pub search_triggers_fail: bool,
}

/// How often a request that is rate limited is tried again from another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryLimit {
    /// `-1` and any other negative number: the planner's own number, 10.
    Default,
    /// `0`: until it succeeds or the request's deadline ends it.
    Unlimited,
    /// That many times.
    Times(u32),
}

/// Reads the settings; `None` when no block is named.
///
/// # Errors
/// [`ConfigError::Value`] for a value of a wrong type.
pub fn read(reader: &Reader<'_>) -> Result<Option<RateLimitConfig>, ConfigError> {
    let key = |name: &str| format!("{ROOT}.{name}");
    let ip_blocks = reader.texts(&key("ipBlocks"))?;
    if ip_blocks.is_empty() {
        return Ok(None);
    }
    let strategy = reader
        .text(&key("strategy"))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "RotateOnBan".to_owned());
    let retries = reader.integer(&key("retryLimit"), -1, i64::from(i32::MIN), i64::from(i32::MAX))?;
    Ok(Some(RateLimitConfig {
        ip_blocks,
        excluded_ips: reader.texts(&key("excludedIps"))?,
        strategy,
        retry_limit: match u32::try_from(retries) {
            Err(_negative) => RetryLimit::Default,
            Ok(0) => RetryLimit::Unlimited,
            Ok(times) => RetryLimit::Times(times),
        },
        search_triggers_fail: reader.boolean(&key("searchTriggersFail"), true)?,
    }))
}
