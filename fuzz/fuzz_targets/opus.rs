//! An Opus header, and an Opus packet that is to be split.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lavalink_audio::fuzzing::opus(bytes));
