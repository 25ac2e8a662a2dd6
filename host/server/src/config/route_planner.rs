//! `lavalink.server.ratelimit`: rotation of the local address.

use super::keys;
use super::reader::Reader;

/// Settings of the route planner; there are some only when `ipBlocks` names a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// Blocks in CIDR notation, as written; at least one.
    pub ip_blocks: Vec<String>,
    /// Addresses never to use, as written.
    pub excluded_ips: Vec<String>,
    /// Name of the strategy: RotateOnBan, LoadBalance, NanoSwitch or RotatingNanoSwitch.
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
pub fn read(reader: &Reader<'_>) -> Option<RateLimitConfig> {
    let ip_blocks = reader.texts(&keys::IP_BLOCKS);
    if ip_blocks.is_empty() {
        return None;
    }
    Some(RateLimitConfig {
        ip_blocks,
        excluded_ips: reader.texts(&keys::EXCLUDED_IPS),
        strategy: reader.choice(&keys::STRATEGY).to_owned(),
        retry_limit: match u32::try_from(reader.integer(&keys::RETRY_LIMIT)) {
            Err(_negative) => RetryLimit::Default,
            Ok(0) => RetryLimit::Unlimited,
            Ok(times) => RetryLimit::Times(times),
        },
        search_triggers_fail: reader.boolean(&keys::SEARCH_TRIGGERS_FAIL),
    })
}
