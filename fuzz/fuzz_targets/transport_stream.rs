//! An MPEG transport stream.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lavalink_audio::fuzzing::transport_stream(bytes));
