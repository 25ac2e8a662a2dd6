//! Any text: a track or an error, and a track comes back byte for byte from what it is encoded to.
#![no_main]

use lavalink_protocol::codec::EncodedTrack;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(track) = EncodedTrack::decode(text)
        && let Ok(again) = track.encode()
    {
        assert_eq!(EncodedTrack::decode(&again).as_ref(), Ok(&track));
    }
});
