//! Filters: defaults, what counts as on, what counts as present.

use lavalink_protocol::filters::{FilterName, Filters};
use lavalink_protocol::json;

fn parse(text: &str) -> Filters {
    Filters::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn empty_objects_get_their_defaults() {
    let text = r#"{"equalizer":[{"band":3}],"karaoke":{},"timescale":{},"tremolo":{},"vibrato":{},
        "distortion":{},"rotation":{},"channelMix":{},"lowPass":{}}"#;
    let written = concat!(
        r#"{"equalizer":[{"band":3,"gain":1.0}],"#,
        r#""karaoke":{"level":1.0,"monoLevel":1.0,"filterBand":220.0,"filterWidth":100.0},"#,
        r#""timescale":{"speed":1.0,"pitch":1.0,"rate":1.0},"tremolo":{"frequency":2.0,"depth":0.5},"#,
        r#""vibrato":{"frequency":2.0,"depth":0.5},"distortion":{"sinOffset":0.0,"sinScale":1.0,"cosOffset":0.0,"#,
        r#""cosScale":1.0,"tanOffset":0.0,"tanScale":1.0,"offset":0.0,"scale":1.0},"rotation":{"rotationHz":0.0},"#,
        r#""channelMix":{"leftToLeft":1.0,"leftToRight":0.0,"rightToLeft":0.0,"rightToRight":1.0},"#,
        r#""lowPass":{"smoothing":20.0}}"#
    );
    let filters = parse(text);
    assert_eq!(json::to_string(&filters), written);
    assert_eq!(parse(written), filters);
}

#[test]
fn every_member_is_read_from_its_own_key() {
    let text = concat!(
        r#"{"volume":0.1,"equalizer":[{"band":1,"gain":0.2}],"#,
        r#""karaoke":{"level":0.3,"monoLevel":0.4,"filterBand":0.5,"filterWidth":0.6},"#,
        r#""timescale":{"speed":0.7,"pitch":0.8,"rate":0.9},"tremolo":{"frequency":1.1,"depth":1.2},"#,
        r#""vibrato":{"frequency":1.3,"depth":1.4},"distortion":{"sinOffset":1.5,"sinScale":1.6,"cosOffset":1.7,"#,
        r#""cosScale":1.8,"tanOffset":1.9,"tanScale":2.1,"offset":2.2,"scale":2.3},"rotation":{"rotationHz":2.4},"#,
        r#""channelMix":{"leftToLeft":2.5,"leftToRight":2.6,"rightToLeft":2.7,"rightToRight":2.8},"#,
        r#""lowPass":{"smoothing":2.9},"pluginFilters":{"b":[1],"a":null}}"#
    );
    let filters = parse(text);
    assert_eq!(json::to_string(&filters), text);
    assert_eq!(serde_json::from_str::<Filters>(text).unwrap(), filters);
}

#[test]
fn on_and_off_follow_the_table() {
    let cases = [
        (FilterName::Volume, r#"{"volume":1}"#, r#"{"volume":1.01}"#),
        (
            FilterName::Equalizer,
            r#"{"equalizer":[{"band":0,"gain":0}]}"#,
            r#"{"equalizer":[{"band":14,"gain":-0.1}]}"#,
        ),
        (
            FilterName::Karaoke,
            r#"{"karaoke":null}"#,
            r#"{"karaoke":{"level":0}}"#,
        ),
        (
            FilterName::Timescale,
            r#"{"timescale":{"pitch":1}}"#,
            r#"{"timescale":{"rate":1.1}}"#,
        ),
        (
            FilterName::Tremolo,
            r#"{"tremolo":{"depth":0}}"#,
            r#"{"tremolo":{}}"#,
        ),
        (
            FilterName::Vibrato,
            r#"{"vibrato":{"depth":0}}"#,
            r#"{"vibrato":{}}"#,
        ),
        (
            FilterName::Distortion,
            r#"{"distortion":{}}"#,
            r#"{"distortion":{"tanScale":2}}"#,
        ),
        (
            FilterName::Rotation,
            r#"{"rotation":{}}"#,
            r#"{"rotation":{"rotationHz":0.1}}"#,
        ),
        (
            FilterName::ChannelMix,
            r#"{"channelMix":{}}"#,
            r#"{"channelMix":{"leftToRight":0.5}}"#,
        ),
        (
            FilterName::LowPass,
            r#"{"lowPass":{"smoothing":1}}"#,
            r#"{"lowPass":{}}"#,
        ),
    ];
    assert_eq!(cases.map(|(name, ..)| name), FilterName::ALL);
    for (name, off, on) in cases {
        assert!(parse(off).is_off() && !parse(off).is_enabled(name), "{off}");
        assert!(!parse(on).is_off() && parse(on).is_enabled(name), "{on}");
    }
    assert!(parse("{}").is_off());
    assert!(parse(r#"{"pluginFilters":{"echo":{}}}"#).is_off());
}

#[test]
fn last_gain_of_a_band_wins_and_both_are_kept() {
    let filters =
        parse(r#"{"equalizer":[{"band":2,"gain":0.5},{"band":2,"gain":0.0},{"band":99,"gain":1}]}"#);
    assert_eq!(filters.equalizer.as_ref().map(Vec::len), Some(3));
    assert_eq!(filters.gains(), Some([0.0; 15]));
    assert_eq!(parse("{}").gains(), None);
}

#[test]
fn bands_outside_the_table_are_reported() {
    let message = |band: i32| {
        let filters = parse(&format!(
            r#"{{"equalizer":[{{"band":0}},{{"band":14}},{{"band":{band}}}]}}"#
        ));
        filters.check_bands().map_err(|error| error.java_message())
    };
    assert_eq!(message(1), Ok(()));
    for band in [15, -1, i32::MAX, i32::MIN] {
        let end = format!("ArrayIndexOutOfBoundsException: Index {band} out of bounds for length 15");
        assert!(message(band).unwrap_err().ends_with(&end));
    }
    assert_eq!(parse("{}").check_bands(), Ok(()));
}

#[test]
fn present_names_are_in_table_order_with_plugins_last() {
    let text =
        r#"{"pluginFilters":{"echo":1,"a":2},"lowPass":null,"karaoke":null,"volume":1,"channelMix":{}}"#;
    let filters = parse(text);
    let names: Vec<&str> = filters.present_names().collect();
    assert_eq!(names, ["volume", "karaoke", "channelMix", "lowPass", "echo", "a"]);
    assert_eq!(parse("{}").present_names().next(), None);
}

#[test]
fn last_of_a_repeated_member_wins() {
    let filters = parse(r#"{"karaoke":{},"karaoke":null,"lowPass":null,"lowPass":{}}"#);
    assert!(filters.karaoke.is_none() && filters.low_pass.is_some());
    assert!(filters.nulls.contains(FilterName::Karaoke) && !filters.nulls.contains(FilterName::LowPass));
    assert_eq!(json::to_string(&filters), r#"{"lowPass":{"smoothing":20.0}}"#);
}

#[test]
fn unregistered_plugin_filters_vanish() {
    let mut filters = parse(r#"{"pluginFilters":{"a":1,"b":2,"c":3}}"#);
    filters.retain_plugin_filters(["c", "x", "a"]);
    assert_eq!(json::to_string(&filters), r#"{"pluginFilters":{"c":3,"a":1}}"#);
    filters.retain_plugin_filters([]);
    assert_eq!(json::to_string(&filters), "{}");
}
