//! The parsers of foreign bytes, each by itself: entry points of the fuzz targets and of the tests with damaged input.
//!
//! Their answers do not matter, only that there is one.

use bytes::Bytes;
use reqwest::Url;

use crate::stream_title::Deinterleaver;
use crate::{StreamTitles, hls, icy};

/// Reads an HLS playlist, master or media.
pub fn hls_playlist(bytes: &[u8]) {
    if let Ok(base) = Url::parse("http://media.test/a/list.m3u8?token=1") {
        hls::read_playlist(bytes, &base);
    }
}

/// Reads an HLS segment; its first byte says in which pieces it arrives.
pub fn hls_segment(bytes: &[u8]) {
    if let Some((&piece, bytes)) = bytes.split_first() {
        hls::read_segment(bytes, piece.into());
    }
}

/// Reads the head of a Shoutcast answer, from every shorter start of it as well.
pub fn icy_head(bytes: &[u8]) {
    for length in (0..bytes.len().min(512)).chain([bytes.len()]) {
        let _ = icy::parse(&bytes[..length]);
    }
}

/// Takes a station's titles out of its audio. The first line is the interval, the byte after it says in which pieces the
/// rest arrives.
pub fn stream_titles(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return;
    };
    let Some(mut deinterleaver) = Deinterleaver::new(&String::from_utf8_lossy(&bytes[..end])) else {
        return;
    };
    let Some((&piece, stream)) = bytes[end + 1..].split_first() else {
        return;
    };
    let titles = StreamTitles::default();
    let mut offset = 0;
    for received in stream.chunks(usize::from(piece).max(1)) {
        let audio = deinterleaver.audio(Bytes::copy_from_slice(received), offset, &titles);
        offset += audio.len() as u64;
        titles.reach(offset / 2);
    }
    let _ = titles.current();
}
