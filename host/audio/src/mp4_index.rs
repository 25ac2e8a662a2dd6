//! What MP4 files say that the container reader leaves out: where the audio starts and ends within its packets, and
//! where the fragments of a fragmented file begin.

use std::time::Duration;

use crate::recording::Recording;

/// Boxes walked at one level before a file is taken for hostile.
const MAX_BOXES: usize = 10_000;

/// Most bytes of a file's start kept for jumping between fragments.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// What was found besides the tracks themselves.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mp4Index {
    edits: Vec<(u32, Edit)>,
    /// From `iTunSMPB`; samples at the rate of the track.
    samples: Option<(u64, u64)>,
    /// Present for fragmented files with a segment index over all of their media.
    pub(crate) fragments: Option<Fragments>,
}

/// The part of a track's media that is to be heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Media time of the first sample to be heard.
    pub(crate) start: Duration,
    /// How long it is; `None` to the end.
    pub(crate) length: Option<Duration>,
}

/// The fragments of a file, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fragments {
    /// The bytes before the first fragment.
    pub(crate) header: Vec<u8>,
    /// Media time and byte position of every fragment.
    starts: Vec<(Duration, u64)>,
}

impl Fragments {
    /// Position of the fragment that holds `time`, and the time it starts at.
    pub(crate) fn at(&self, time: Duration) -> Option<(Duration, u64)> {
        let after = self.starts.partition_point(|&(start, _)| start <= time);
        self.starts.get(after.saturating_sub(1)).copied()
    }
}

impl Mp4Index {
    /// Collects what the opened file's bytes say; what is missing or broken is left out.
    pub(crate) fn read(recording: &Recording, file_bytes: Option<u64>) -> Self {
        let mut index = Self::default();
        let mut at = 0;
        let mut segments = None;
        for _ in 0..MAX_BOXES {
            let Some((header_bytes, size, name)) = box_header(recording.from(at)) else {
                break;
            };
            let size = size.unwrap_or(u64::MAX);
            match &name {
                b"moov" => index
                    .read_movie(recording.between(at.saturating_add(header_bytes), at.saturating_add(size))),
                b"sidx" => {
                    let end = at.saturating_add(size);
                    let body = recording.between(at + header_bytes, end);
                    segments = segments.or_else(|| read_segment_index(body, end));
                }
                b"moof" => {
                    // The movie's own duration says nothing about fragments.
                    index.edits.iter_mut().for_each(|(_, edit)| edit.length = None);
                    index.fragments = segments.take().and_then(|starts| {
                        let (starts, end) = starts;
                        // An index of some of the fragments would send every later jump to the last of them.
                        let whole = file_bytes.is_none_or(|length| end >= length - length / 10);
                        let first = starts.first().map(|&(_, position)| position);
                        let header = recording.between(0, at);
                        (whole && first == Some(at) && at <= MAX_HEADER_BYTES && header.len() as u64 == at)
                            .then(|| Fragments {
                                header: header.to_vec(),
                                starts,
                            })
                    });
                    break;
                }
                _ => {}
            }
            match at.checked_add(size) {
                Some(next) if size >= header_bytes => at = next,
                _ => break,
            }
        }
        index
    }

    /// What of track `id` is to be heard. `rate_hz`: its sample rate.
    pub(crate) fn edit(&self, id: u32, rate_hz: u32) -> Edit {
        if let Some((delay, length)) = self.samples.filter(|_| rate_hz > 0) {
            return Edit {
                start: scaled(delay, rate_hz),
                length: Some(scaled(length, rate_hz)).filter(|length| !length.is_zero()),
            };
        }
        let found = self.edits.iter().find(|(track, _)| *track == id);
        found.map(|&(_, edit)| edit).unwrap_or_default()
    }

    fn read_movie(&mut self, movie: &[u8]) {
        let movie_scale = child(movie, b"mvhd").and_then(time_scale).unwrap_or(0);
        for track in children(movie).filter_map(|(name, body)| (&name == b"trak").then_some(body)) {
            let id = child(track, b"tkhd").and_then(track_id);
            let media_scale = child(track, b"mdia")
                .and_then(|media| child(media, b"mdhd"))
                .and_then(time_scale);
            let list = child(track, b"edts").and_then(|edits| child(edits, b"elst"));
            if let (Some(id), Some(media_scale), Some(list)) = (id, media_scale, list)
                && let Some(edit) = read_edit(list, movie_scale, media_scale)
            {
                self.edits.push((id, edit));
            }
        }
        let items = child(movie, b"udta").and_then(|data| child(data, b"meta"));
        // `meta` is a full box: version and flags come first.
        let items = items
            .and_then(|meta| child(meta.get(4..)?, b"ilst"))
            .unwrap_or_default();
        self.samples = children(items)
            .filter(|(name, _)| name == b"----")
            .find_map(|(_, item)| read_gapless(item));
    }
}

fn scaled(ticks: u64, per_second: u32) -> Duration {
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Header length, size of the whole box (`None`: to the end of the file) and name.
fn box_header(data: &[u8]) -> Option<(u64, Option<u64>, [u8; 4])> {
    let (size, rest) = data.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    Some(match u32::from_be_bytes(*size) {
        0 => (8, None, *name),
        1 => (16, Some(u64::from_be_bytes(*rest.first_chunk()?)), *name),
        size => (8, Some(u64::from(size)), *name),
    })
}

/// The boxes in a box's content.
fn children(mut data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (header, size, name) = box_header(data)?;
        let size = size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(data.len());
        let body = data.get(usize::try_from(header).ok()?..size.min(data.len()))?;
        data = data.get(size..).unwrap_or_default();
        Some((name, body))
    })
    .take(MAX_BOXES)
}

fn child<'d>(data: &'d [u8], wanted: &[u8; 4]) -> Option<&'d [u8]> {
    children(data).find_map(|(name, body)| (name == *wanted).then_some(body))
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    data.get(at..)?
        .first_chunk()
        .map(|bytes| u64::from_be_bytes(*bytes))
}

/// A field behind two times whose width is the box's version (ISO/IEC 14496-12, 8.2.2 and 8.4.2).
fn behind_times(data: &[u8]) -> Option<u32> {
    u32_at(data, if *data.first()? == 1 { 20 } else { 12 })
}

fn time_scale(header: &[u8]) -> Option<u32> {
    behind_times(header).filter(|&scale| scale > 0)
}

fn track_id(header: &[u8]) -> Option<u32> {
    behind_times(header)
}

/// The first part of the media an edit list plays (ISO/IEC 14496-12, 8.6.6).
fn read_edit(list: &[u8], movie_scale: u32, media_scale: u32) -> Option<Edit> {
    let wide = *list.first()? == 1;
    let count = u32_at(list, 4)? as usize;
    let entry_bytes = if wide { 20 } else { 12 };
    let entries = list
        .get(8..)?
        .chunks_exact(entry_bytes)
        .take(count.min(MAX_BOXES));
    let mut played = entries.filter_map(|entry| {
        let (duration, time) = if wide {
            (u64_at(entry, 0)?, u64_at(entry, 8)? as i64)
        } else {
            (u64::from(u32_at(entry, 0)?), i64::from(u32_at(entry, 4)? as i32))
        };
        // Negative times stand for silence.
        Some((duration, u64::try_from(time).ok()?))
    });
    let (duration, time) = played.next()?;
    // Several parts would have to be joined; the file is played as it comes then.
    let is_only = played.next().is_none();
    Some(Edit {
        start: scaled(time, media_scale),
        length: (is_only && duration > 0 && movie_scale > 0).then(|| scaled(duration, movie_scale)),
    })
}

/// Delay and length in samples from a freeform item named `iTunSMPB`: hexadecimal words, the second the delay, the
/// third the padding, the fourth the length.
fn read_gapless(item: &[u8]) -> Option<(u64, u64)> {
    if child(item, b"name")?.get(4..)? != b"iTunSMPB" {
        return None;
    }
    let text = std::str::from_utf8(child(item, b"data")?.get(8..)?).ok()?;
    let mut words = text
        .split_ascii_whitespace()
        .map(|word| u64::from_str_radix(word, 16));
    let delay = words.nth(1)?.ok()?;
    let length = words.nth(1)?.ok()?;
    (delay < 1 << 20).then_some((delay, length))
}

/// Fragment starts and the byte behind the last (ISO/IEC 14496-12, 8.16.3). `anchor`: the byte behind the box.
fn read_segment_index(body: &[u8], anchor: u64) -> Option<(Vec<(Duration, u64)>, u64)> {
    const IS_INDEX: u32 = 1 << 31;
    let scale = u32_at(body, 8).filter(|&scale| scale > 0)?;
    let (mut time, offset, at) = match *body.first()? {
        0 => (u64::from(u32_at(body, 12)?), u64::from(u32_at(body, 16)?), 20),
        _ => (u64_at(body, 12)?, u64_at(body, 20)?, 28),
    };
    let mut position = anchor.checked_add(offset)?;
    let count = usize::from(u16::from_be_bytes(*body.get(at + 2..)?.first_chunk()?));
    let mut starts = Vec::new();
    for entry in body.get(at + 4..)?.chunks_exact(12).take(count) {
        let size = u32_at(entry, 0)?;
        if size & IS_INDEX != 0 {
            return None;
        }
        starts.push((scaled(time, scale), position));
        position = position.checked_add(u64::from(size))?;
        time = time.checked_add(u64::from(u32_at(entry, 4)?))?;
    }
    (starts.len() == count && count > 0).then_some((starts, position))
}

/// Decode time of the first fragment of track `id` in a `moof` box's content, in ticks of the track.
pub(crate) fn decode_time(fragment: &[u8], id: u32) -> Option<u64> {
    children(fragment)
        .filter(|(name, _)| name == b"traf")
        .find(|(_, track)| child(track, b"tfhd").and_then(|header| u32_at(header, 4)) == Some(id))
        .and_then(|(_, track)| {
            let time = child(track, b"tfdt")?;
            if *time.first()? == 1 {
                u64_at(time, 4)
            } else {
                u32_at(time, 4).map(u64::from)
            }
        })
}

/// Length of the content of a `moof` box, given the first bytes of the box.
pub(crate) fn fragment_header(start: &[u8]) -> Option<usize> {
    match box_header(start)? {
        (8, Some(size), name) if &name == b"moof" => usize::try_from(size.checked_sub(8)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut all = (body.len() as u32 + 8).to_be_bytes().to_vec();
        all.extend(name);
        all.extend(body);
        all
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn movie(extra: &[u8]) -> Vec<u8> {
        let mvhd = boxed(b"mvhd", &words(&[0, 0, 0, 1_000, 0]));
        let tkhd = boxed(b"tkhd", &words(&[0, 0, 0, 7, 0]));
        let mdia = boxed(b"mdia", &boxed(b"mdhd", &words(&[0, 0, 0, 48_000, 0])));
        // 500 ms of silence, then 3 s from sample 1024 on.
        let edts = boxed(
            b"edts",
            &boxed(
                b"elst",
                &words(&[0, 2, 500, u32::MAX, 65_536, 3_000, 1_024, 65_536]),
            ),
        );
        let trak = boxed(b"trak", &[tkhd, edts, mdia].concat());
        boxed(b"moov", &[&mvhd, &trak, extra].concat())
    }

    fn recorded(bytes: &[u8]) -> Recording {
        let mut recording = Recording::default();
        recording.add(0, bytes);
        recording
    }

    #[test]
    fn edits_and_gapless_tags() {
        let file = [boxed(b"ftyp", b"M4A "), movie(&[])].concat();
        let edit = Mp4Index::read(&recorded(&file), None).edit(7, 48_000);
        assert_eq!(edit.start, Duration::from_nanos(21_333_333));
        assert_eq!(edit.length, Some(Duration::from_secs(3)));

        let name = boxed(b"name", b"\0\0\0\0iTunSMPB");
        let data = boxed(
            b"data",
            b"\0\0\0\x01\0\0\0\0 00000000 00000840 000001CA 000000000000BB80 0",
        );
        let ilst = boxed(b"ilst", &boxed(b"----", &[name, data].concat()));
        let meta = boxed(b"meta", &[vec![0; 4], ilst].concat());
        let file = [boxed(b"ftyp", b"M4A "), movie(&boxed(b"udta", &meta))].concat();
        let edit = Mp4Index::read(&recorded(&file), None).edit(7, 48_000);
        assert_eq!(
            (edit.start, edit.length),
            (Duration::from_millis(44), Some(Duration::from_secs(1)))
        );
    }

    #[test]
    fn fragments_are_found_by_time() {
        let sidx = boxed(
            b"sidx",
            &words(&[0, 7, 1_000, 0, 0, 2, 40, 10_000, 0, 60, 10_000, 0]),
        );
        let mut file = [boxed(b"ftyp", b"M4A "), movie(&[]), sidx].concat();
        let start = file.len() as u64;
        let header = file.clone();
        file.extend(boxed(b"moof", &[0; 92]));
        let index = Mp4Index::read(&recorded(&file), Some(start + 100));
        let fragments = index.fragments.expect("an index");
        assert_eq!(fragments.header, header);
        assert_eq!(
            fragments.at(Duration::from_secs(9)),
            Some((Duration::ZERO, start))
        );
        assert_eq!(
            fragments.at(Duration::from_secs(10)),
            Some((Duration::from_secs(10), start + 40))
        );
        assert_eq!(
            fragments.at(Duration::from_secs(99)),
            Some((Duration::from_secs(10), start + 40))
        );
        let partial = Mp4Index::read(&recorded(&file), Some(start + 1_000));
        assert_eq!(partial.fragments, None, "an index of the first fragments only");
    }

    #[test]
    fn decode_time_of_the_right_track() {
        let traf = |id, time| {
            let tfhd = boxed(b"tfhd", &words(&[0, id]));
            let tfdt = boxed(b"tfdt", &words(&[1 << 24, 0, time]));
            boxed(b"traf", &[tfhd, tfdt].concat())
        };
        let fragment = [boxed(b"mfhd", &[0; 8]), traf(1, 5), traf(7, 99)].concat();
        assert_eq!(decode_time(&fragment, 7), Some(99));
        assert_eq!(decode_time(&fragment, 2), None);
        assert_eq!(fragment_header(&boxed(b"moof", &fragment)), Some(fragment.len()));
        assert_eq!(fragment_header(&boxed(b"mdat", &fragment)), None);
    }

    proptest! {
        #[test]
        fn never_panics(mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20)) {
            let sidx = boxed(b"sidx", &words(&[0, 7, 1_000, 0, 0, 2, 40, 10_000, 0, 60, 10_000, 0]));
            let mut file = [boxed(b"ftyp", b"M4A "), movie(&[]), sidx, boxed(b"moof", &[0; 92])].concat();
            for (at, byte) in mutations {
                let at = at.index(file.len());
                file[at] = byte;
            }
            let index = Mp4Index::read(&recorded(&file), Some(file.len() as u64));
            let _ = index.edit(7, 44_100);
            let _ = decode_time(&file, 7);
        }
    }
}
