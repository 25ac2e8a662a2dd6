//! What the node would see, without a node.

use lavalink_plugin_api::{Loaded, Source};
use lavalink_plugin_testkit::{TestHost, problems_of};

use super::Tones;

#[test]
fn tones_are_sound() {
    let host = TestHost::new();
    for identifier in ["tone:440", "tone:440 880"] {
        assert_eq!(problems_of(&Tones, &host, identifier), Vec::<String>::new());
    }
    assert_eq!(host.lines().last().unwrap().1, "2 tones");
}

#[test]
fn what_is_no_tone_is_refused() {
    let host = TestHost::new();
    assert_eq!(Tones.load(&host, "tone:"), Ok(Loaded::Nothing));
    for wish in ["tone:x", "tone:19", "tone:20001", "tone:-1"] {
        assert!(Tones.load(&host, wish).is_err(), "{wish}");
    }
}
