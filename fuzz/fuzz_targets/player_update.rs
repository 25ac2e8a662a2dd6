//! Any body of a PATCH of a player: an update or an error.
#![no_main]

use lavalink_protocol::update::PlayerUpdate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let _ = PlayerUpdate::parse(body);
});
