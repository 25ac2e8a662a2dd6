//! Continuity of RTP sequence numbers and timestamps, and reuse of transport nonces.

use crate::report::RtpReport;

/// Samples per 20 ms frame at 48 kHz.
pub(crate) const SAMPLES_PER_FRAME: u32 = 960;
/// Payload type 120 without marker, as bots send it.
const EXPECTED_START: [u8; 2] = [0x80, 0x78];

/// The fields of a fixed RTP header (RFC 3550, section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) start: [u8; 2],
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl RtpHeader {
    /// Reads the header; `None` for short datagrams and other versions than 2.
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let bytes: [u8; 12] = packet.get(..12)?.try_into().ok()?;
        let [a, b, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = bytes;
        (a >> 6 == 2).then_some(Self {
            start: [a, b],
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        })
    }
}

/// How a packet relates to the newest one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The first, the successor, or a later packet; `missing` sequence numbers lie between.
    Forward { missing: u16, in_pause: bool },
    /// Older than or equal to the newest; not to be played.
    Stale,
}

/// Follows one stream.
#[derive(Default)]
pub(crate) struct RtpTracker {
    last: Option<(u16, u32)>,
}

impl RtpTracker {
    /// Takes the next authentic packet; `after_silence` says that its predecessor was a silence frame.
    pub(crate) fn observe(
        &mut self,
        header: &RtpHeader,
        after_silence: bool,
        report: &mut RtpReport,
    ) -> Step {
        if header.start != EXPECTED_START {
            report.header_errors += 1;
        }
        let Some((sequence, timestamp)) = self.last else {
            self.last = Some((header.sequence, header.timestamp));
            return Step::Forward {
                missing: 0,
                in_pause: false,
            };
        };
        let ahead = header.sequence.wrapping_sub(sequence);
        if ahead == 0 {
            report.duplicates += 1;
            return Step::Stale;
        }
        if ahead >= 0x8000 {
            report.reordered += 1;
            report.lost = report.lost.saturating_sub(1);
            return Step::Stale;
        }
        if header.timestamp.wrapping_sub(timestamp) != u32::from(ahead) * SAMPLES_PER_FRAME {
            report.timestamp_errors += 1;
        }
        self.last = Some((header.sequence, header.timestamp));
        let missing = ahead - 1;
        if after_silence {
            report.skipped_in_pause += u64::from(missing);
        } else {
            report.lost += u64::from(missing);
        }
        Step::Forward {
            missing,
            in_pause: after_silence && missing > 0,
        }
    }
}

/// Ranges of nonces kept before the oldest is forgotten; one range per jump of the counter.
const MAX_RANGES: usize = 1024;

/// Every transport nonce seen under one key, as ranges of the client's counter.
///
/// Clients count in either byte order; the order is the one in which the second nonce is nearer to the first.
#[derive(Default)]
pub(crate) struct NonceSet {
    first: Option<[u8; 4]>,
    order: Option<fn([u8; 4]) -> u32>,
    /// Inclusive, disjoint, the newest last.
    ranges: Vec<(u32, u32)>,
}

impl NonceSet {
    /// Adds a nonce; false when it was in the set.
    pub(crate) fn insert(&mut self, nonce: [u8; 4]) -> bool {
        let order = match (self.order, self.first) {
            (Some(order), _) => order,
            (None, None) => {
                self.first = Some(nonce);
                return true;
            }
            (None, Some(first)) if first == nonce => return false,
            (None, Some(first)) => {
                let distance = |order: fn([u8; 4]) -> u32| {
                    let ahead = order(nonce).wrapping_sub(order(first));
                    ahead.min(ahead.wrapping_neg())
                };
                let order: fn([u8; 4]) -> u32 =
                    if distance(u32::from_be_bytes) <= distance(u32::from_le_bytes) {
                        u32::from_be_bytes
                    } else {
                        u32::from_le_bytes
                    };
                self.order = Some(order);
                self.ranges.push((order(first), order(first)));
                order
            }
        };
        self.insert_value(order(nonce))
    }

    fn insert_value(&mut self, value: u32) -> bool {
        if let Some((_, end)) = self.ranges.last_mut()
            && end.checked_add(1) == Some(value)
            && !self.ranges[..self.ranges.len() - 1]
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&value))
        {
            if let Some((_, end)) = self.ranges.last_mut() {
                *end = value;
            }
            return true;
        }
        if self
            .ranges
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&value))
        {
            return false;
        }
        if self.ranges.len() == MAX_RANGES {
            self.ranges.remove(0);
        }
        self.ranges.push((value, value));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, timestamp: u32) -> RtpHeader {
        RtpHeader {
            start: EXPECTED_START,
            sequence,
            timestamp,
            ssrc: 1,
        }
    }

    #[test]
    fn parses_and_refuses() {
        let packet = [0x80, 0x78, 0x12, 0x34, 0, 0, 3, 0xC0, 0, 0, 0, 9, 0xFF];
        assert_eq!(
            RtpHeader::parse(&packet),
            Some(RtpHeader {
                start: EXPECTED_START,
                sequence: 0x1234,
                timestamp: 960,
                ssrc: 9
            })
        );
        assert_eq!(RtpHeader::parse(&packet[..11]), None);
        assert_eq!(RtpHeader::parse(&[0x40; 12]), None);
    }

    #[test]
    fn contiguous_stream_is_clean_across_the_wrap() {
        let (mut tracker, mut report) = (RtpTracker::default(), RtpReport::default());
        for n in 0..10u32 {
            let packet = header(65_530u16.wrapping_add(n as u16), u32::MAX.wrapping_add(n * 960));
            assert_eq!(
                tracker.observe(&packet, false, &mut report),
                Step::Forward {
                    missing: 0,
                    in_pause: false
                }
            );
        }
        assert_eq!(report, RtpReport::default());
    }

    #[test]
    fn loss_pause_reordering_and_bad_timestamps_are_told_apart() {
        let (mut tracker, mut report) = (RtpTracker::default(), RtpReport::default());
        tracker.observe(&header(1, 0), false, &mut report);
        let step = tracker.observe(&header(4, 2_880), false, &mut report);
        assert_eq!(
            step,
            Step::Forward {
                missing: 2,
                in_pause: false
            }
        );
        assert_eq!(
            tracker.observe(&header(3, 1_920), false, &mut report),
            Step::Stale
        );
        assert_eq!(
            tracker.observe(&header(4, 2_880), false, &mut report),
            Step::Stale
        );
        let step = tracker.observe(&header(10, 8_640), true, &mut report);
        assert_eq!(
            step,
            Step::Forward {
                missing: 5,
                in_pause: true
            }
        );
        tracker.observe(&header(11, 8_640), false, &mut report);
        let mut odd = header(12, 9_600);
        odd.start = [0x90, 0x78];
        tracker.observe(&odd, false, &mut report);
        assert_eq!((report.lost, report.reordered, report.duplicates), (1, 1, 1));
        assert_eq!(
            (
                report.skipped_in_pause,
                report.timestamp_errors,
                report.header_errors
            ),
            (5, 1, 1)
        );
    }

    #[test]
    fn nonces_in_either_byte_order() {
        for order in [u32::to_le_bytes, u32::to_be_bytes] {
            let mut set = NonceSet::default();
            for value in 250..2_000u32 {
                assert!(set.insert(order(value)), "{value}");
            }
            assert_eq!(set.ranges.len(), 1);
            for value in [250, 1_000, 1_999] {
                assert!(!set.insert(order(value)), "{value}");
            }
            assert!(set.insert(order(5)));
            assert!(set.insert(order(2_000)));
            assert!(!set.insert(order(5)));
        }
    }

    #[test]
    fn second_nonce_equal_to_the_first() {
        let mut set = NonceSet::default();
        assert!(set.insert([0; 4]));
        assert!(!set.insert([0; 4]));
        assert!(set.insert([0, 0, 0, 1]));
        assert!(!set.insert([0, 0, 0, 0]));
    }

    #[test]
    fn counter_wraps() {
        let mut set = NonceSet::default();
        for value in [u32::MAX - 1, u32::MAX, 0, 1] {
            assert!(set.insert(value.to_be_bytes()));
        }
        assert!(!set.insert(u32::MAX.to_be_bytes()));
        assert!(!set.insert(0u32.to_be_bytes()));
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_a_plain_set(values in proptest::collection::vec(0u32..300, 0..400)) {
            let mut set = NonceSet::default();
            // Two neighbours fix the byte order first.
            set.insert(1_000u32.to_be_bytes());
            set.insert(1_001u32.to_be_bytes());
            let mut seen = std::collections::HashSet::new();
            for value in values {
                proptest::prop_assert_eq!(set.insert(value.to_be_bytes()), seen.insert(value));
            }
        }
    }
}
