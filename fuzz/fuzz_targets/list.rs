//! A PLS, M3U or plain list, by way of the probe.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lavalink_audio::fuzzing::probe_medium(bytes));
