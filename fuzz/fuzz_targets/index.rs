//! The start of an MP3 or MP4 file, for where things are in it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lavalink_audio::fuzzing::index(bytes));
