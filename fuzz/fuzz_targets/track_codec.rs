//! Any text: a track or an error. What a track is encoded to, in the newest version, decodes and stays the same.
#![no_main]

use lavalink_protocol::codec::EncodedTrack;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(track) = EncodedTrack::decode(text)
        && let Ok(again) = track.encode()
    {
        let track = EncodedTrack::decode(&again).expect("what was encoded here");
        assert_eq!(track.encode(), Ok(again));
    }
});
