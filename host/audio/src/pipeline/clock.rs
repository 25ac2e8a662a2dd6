//! Conversions between container times, nanoseconds and samples. All saturate: times come from untrusted files.

use std::time::Duration;

use symphonia::core::units::Time;

use crate::SAMPLE_RATE_HZ;

/// A container time in ns, limited to what fits.
pub(super) fn time_ns(time: Time) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(if time.is_negative() { i64::MIN } else { i64::MAX })
}

/// A duration in ns, limited to what fits.
pub(super) fn duration_ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Samples at 48 kHz in ns.
pub(super) fn nanos_of(samples: u64) -> i64 {
    i64::try_from(u128::from(samples) * 1_000_000_000 / u128::from(SAMPLE_RATE_HZ)).unwrap_or(i64::MAX)
}

/// Nanoseconds in samples at 48 kHz, rounded; 0 for times before zero.
pub(super) fn samples_of(nanos: i64) -> u64 {
    let nanos = u128::try_from(nanos).unwrap_or(0);
    u64::try_from((nanos * u128::from(SAMPLE_RATE_HZ) + 500_000_000) / 1_000_000_000).unwrap_or(u64::MAX / 2)
}

/// Nanoseconds in frames at a rate, rounded; 0 for times before zero.
pub(super) fn frames_of(nanos: i64, rate_hz: u32) -> usize {
    let nanos = u128::try_from(nanos).unwrap_or(0);
    usize::try_from((nanos * u128::from(rate_hz) + 500_000_000) / 1_000_000_000).unwrap_or(usize::MAX)
}

/// Samples at 48 kHz as a playback position.
pub(super) fn position_of(samples: u64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos_of(samples)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn samples_survive_the_way_through_nanoseconds(samples in 0..=u64::MAX / 1_000_000) {
            prop_assert_eq!(samples_of(nanos_of(samples)), samples.min(samples_of(i64::MAX)));
        }

        #[test]
        fn nothing_overflows(samples: u64, nanos: i64, rate: u32) {
            let _ = (nanos_of(samples), samples_of(nanos), frames_of(nanos, rate), position_of(samples));
        }
    }

    #[test]
    fn times_before_zero_are_zero_samples() {
        assert_eq!((samples_of(-1), frames_of(i64::MIN, 44_100)), (0, 0));
        assert_eq!(position_of(48_000), Duration::from_secs(1));
    }
}
