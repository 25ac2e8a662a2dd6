//! The two clocks of the node.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static START: OnceLock<Instant> = OnceLock::new();

/// Time since the first call, which `main` makes at once; never goes back.
pub fn monotonic() -> Duration {
    START.get_or_init(Instant::now).elapsed()
}

/// [`monotonic`] in whole milliseconds.
pub fn monotonic_ms() -> i64 {
    i64::try_from(monotonic().as_millis()).unwrap_or(i64::MAX)
}

/// Wall clock, milliseconds since 1970; 0 when the clock is set before that.
pub fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
