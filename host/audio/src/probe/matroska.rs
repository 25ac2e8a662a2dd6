//! The title in a Matroska segment's Info element, which the container reader does not report.

/// Element ids (RFC 9559, section 5.1).
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TITLE: u32 = 0x7ba9;
const CLUSTER: u32 = 0x1f43_b675;

/// The segment title, when it is within `head`, the first bytes of a file.
pub(super) fn segment_title(head: &[u8]) -> Option<String> {
    let mut rest = head;
    loop {
        let (id, body, after) = element(rest)?;
        match id {
            // Descends: what follows is the content.
            SEGMENT | INFO => rest = body,
            TITLE => return Some(String::from_utf8_lossy(body).into_owned()),
            CLUSTER => return None,
            _ => rest = after,
        }
    }
}

/// Splits the first element into its id, its content as far as it is there, and what follows.
fn element(data: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (id, data) = vint(data, 4, false)?;
    let (size, data) = vint(data, 8, true)?;
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(data.len());
    let (body, after) = data.split_at(size);
    Some((u32::try_from(id).ok()?, body, after))
}

/// A variable-length integer of at most `longest` bytes (RFC 8794, section 4), without its length marker if asked.
fn vint(data: &[u8], longest: u32, strip: bool) -> Option<(u64, &[u8])> {
    let first = *data.first()?;
    let length = first.leading_zeros() + 1;
    if length > longest {
        return None;
    }
    let (bytes, rest) = data.split_at_checked(length as usize)?;
    let value = bytes
        .iter()
        .fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    let marker = 1_u64 << (7 * length);
    Some((if strip { value & (marker - 1) } else { value }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn title_of_a_small_segment() {
        let mut file = b"\x1a\x45\xdf\xa3\x83abc".to_vec();
        // Segment of unknown size, a Void element, Info with a muxing application and the title.
        file.extend(b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\xec\x82xx");
        file.extend(b"\x15\x49\xa9\x66\x8c\x4d\x80\x82ab\x7b\xa9\x84Song");
        assert_eq!(segment_title(&file), Some("Song".to_owned()));
        assert_eq!(segment_title(&file[..file.len() - 10]), None);
    }

    proptest! {
        #[test]
        fn never_panics(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut file = b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff".to_vec();
            file.extend(tail);
            let _ = segment_title(&file);
        }
    }
}
