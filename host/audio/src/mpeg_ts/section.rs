//! The tables that say what a stream carries, collected from their packets. Check sums are not looked at: a table that
//! makes no sense names no stream.

/// Most bytes of a section (ISO/IEC 13818-1, section 2.4.4).
const MAX_SECTION: usize = 4_096;

/// Bytes before a section's body and behind it.
const SECTION_HEADER: usize = 8;
const CHECK_SUM: usize = 4;

/// Descriptor that names a service (ETSI EN 300 468, section 6.2.33).
const SERVICE_DESCRIPTOR: u8 = 0x48;

/// Collects the packets of one table.
#[derive(Debug, Default)]
pub(super) struct Sections {
    partial: Vec<u8>,
}

impl Sections {
    /// Takes a packet's payload; the section, without its table's other parts, once it is whole.
    pub(super) fn push(&mut self, starts: bool, payload: &[u8]) -> Option<Vec<u8>> {
        if starts {
            // A pointer to the first section that begins in this packet.
            let (&pointer, rest) = payload.split_first()?;
            self.partial.clear();
            self.partial.extend_from_slice(rest.get(usize::from(pointer)..)?);
        } else if self.partial.is_empty() {
            return None;
        } else {
            self.partial.extend_from_slice(payload);
        }
        let &[_, high, low, ..] = self.partial.as_slice() else {
            return None;
        };
        let length = 3 + (usize::from(high & 0x0f) << 8 | usize::from(low));
        if length > MAX_SECTION {
            self.partial.clear();
            return None;
        }
        if self.partial.len() < length {
            return None;
        }
        let mut section = std::mem::take(&mut self.partial);
        section.truncate(length);
        Some(section)
    }
}

/// The body of a section of table `id`.
fn body(section: &[u8], id: u8) -> Option<&[u8]> {
    if section.first() != Some(&id) {
        return None;
    }
    section.get(SECTION_HEADER..section.len().checked_sub(CHECK_SUM)?)
}

/// The packets of the first program's map, from the program association table.
pub(super) fn first_program(section: &[u8]) -> Option<u16> {
    body(section, 0)?.chunks_exact(4).find_map(|entry| {
        let program = u16::from_be_bytes([entry[0], entry[1]]);
        (program != 0).then_some(pid(entry[2], entry[3]))
    })
}

/// Types and packets of the streams in a program map.
pub(super) fn streams(section: &[u8]) -> impl Iterator<Item = (u8, u16)> + '_ {
    let mut rest = body(section, 2)
        .and_then(|body| {
            let &[_, _, high, low, ref rest @ ..] = body else {
                return None;
            };
            rest.get(length(high, low)..)
        })
        .unwrap_or_default();
    std::iter::from_fn(move || {
        let &[stream_type, pid_high, pid_low, high, low, ref tail @ ..] = rest else {
            return None;
        };
        rest = tail.get(length(high, low)..).unwrap_or_default();
        Some((stream_type, pid(pid_high, pid_low)))
    })
}

/// Who sends what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// Name of the service.
    pub(crate) name: Option<String>,
    /// Name of the provider.
    pub(crate) provider: Option<String>,
}

/// The first service with a name, from the service description table.
pub(super) fn first_service(section: &[u8]) -> Option<Service> {
    // The network's id and a reserved byte come first.
    let mut rest = body(section, 0x42)?.get(3..)?;
    while let &[_, _, _, high, low, ref tail @ ..] = rest {
        let (descriptors, after) = tail.split_at_checked(length(high, low))?;
        if let Some(service) = named(descriptors) {
            return Some(service);
        }
        rest = after;
    }
    None
}

fn named(mut descriptors: &[u8]) -> Option<Service> {
    while let &[tag, size, ref tail @ ..] = descriptors {
        let (content, after) = tail.split_at_checked(usize::from(size))?;
        if tag == SERVICE_DESCRIPTOR {
            let (_, content) = content.split_first()?;
            let (&size, content) = content.split_first()?;
            let (provider, content) = content.split_at_checked(usize::from(size))?;
            let (&size, content) = content.split_first()?;
            let name = content.get(..usize::from(size))?;
            return Some(Service {
                name: text(name),
                provider: text(provider),
            });
        }
        descriptors = after;
    }
    None
}

/// A text of digital television; a first byte below 0x20 chooses a character set (ETSI EN 300 468, annex A).
fn text(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0x15, utf8 @ ..] => String::from_utf8_lossy(utf8).into_owned(),
        [0..=0x1f, rest @ ..] => rest.iter().map(|&byte| char::from(byte)).collect(),
        // Encoders on the Internet write UTF-8 whatever the standard says.
        plain => String::from_utf8(plain.to_vec())
            .unwrap_or_else(|_| plain.iter().map(|&byte| char::from(byte)).collect()),
    };
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn pid(high: u8, low: u8) -> u16 {
    u16::from(high & 0x1f) << 8 | u16::from(low)
}

/// A length of 12 bits.
fn length(high: u8, low: u8) -> usize {
    usize::from(high & 0x0f) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A service description as ffmpeg writes it.
    fn description() -> Vec<u8> {
        let mut section = vec![
            0x42, 0xf0, 0, 0, 1, 0xc1, 0, 0, 0xff, 1, 0xff, 0, 1, 0xfc, 0x80, 18,
        ];
        section.extend(b"\x48\x10\x01\x06FFmpeg\x07Station");
        section.extend([0; CHECK_SUM]);
        section[2] = (section.len() - 3) as u8;
        section
    }

    #[test]
    fn a_service_has_a_name_and_a_provider() {
        let expected = Service {
            name: Some("Station".to_owned()),
            provider: Some("FFmpeg".to_owned()),
        };
        assert_eq!(first_service(&description()), Some(expected));
    }

    #[test]
    fn a_section_is_collected_over_packets() {
        let section = description();
        let mut sections = Sections::default();
        let mut first = vec![2, 0xaa, 0xaa];
        first.extend(&section[..10]);
        assert_eq!(sections.push(false, &section), None, "nothing has begun");
        assert_eq!(sections.push(true, &first), None);
        assert_eq!(sections.push(false, &section[10..20]), None);
        let mut last = section[20..].to_vec();
        last.extend([0xff; 30]);
        assert_eq!(sections.push(false, &last), Some(section));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), table in prop_oneof![Just(0_u8), Just(2), Just(0x42)]) {
            let mut section = bytes.clone();
            if let Some(first) = section.first_mut() {
                *first = table;
            }
            let _ = (first_program(&section), first_service(&section), streams(&section).count());
            let mut sections = Sections::default();
            let _ = sections.push(true, &bytes);
            let _ = sections.push(false, &bytes);
        }
    }
}
