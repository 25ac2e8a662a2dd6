//! Order, no-op rules, seeks and robustness of the whole chain.

use super::*;
use crate::filters::signal::{noise, sine};
use crate::filters::validate;
use lavalink_protocol::filters::BAND_COUNT;
use proptest::prelude::*;

fn chain(json: &str) -> Option<FilterChain> {
    FilterChain::build(&Filters::parse(json).expect("a filters object"), 48_000)
}

fn processed(json: &str, input: &[f32]) -> Vec<f32> {
    let mut samples = input.to_vec();
    chain(json).expect("on").process(&mut samples);
    samples
}

#[test]
fn nothing_on_builds_nothing() {
    for json in [
        "{}",
        r#"{"volume":1.0}"#,
        r#"{"equalizer":[]}"#,
        r#"{"equalizer":[{"band":3,"gain":0.5},{"band":3,"gain":0}]}"#,
        r#"{"timescale":{},"rotation":{},"distortion":{},"channelMix":{}}"#,
        r#"{"tremolo":{"depth":0},"vibrato":{"depth":0},"lowPass":{"smoothing":1}}"#,
        r#"{"karaoke":null,"pluginFilters":{"echo":{"delay":1}}}"#,
    ] {
        assert!(chain(json).is_none(), "{json}");
    }
}

#[test]
fn each_filter_alone_changes_the_sound() {
    let input: Vec<f32> = noise(0.6, 9600);
    for json in [
        r#"{"volume":0.5}"#,
        r#"{"equalizer":[{"band":3,"gain":0.5}]}"#,
        r#"{"karaoke":{}}"#,
        r#"{"timescale":{"rate":1.1}}"#,
        r#"{"tremolo":{}}"#,
        r#"{"vibrato":{}}"#,
        r#"{"distortion":{"scale":2}}"#,
        r#"{"rotation":{"rotationHz":0.2}}"#,
        r#"{"channelMix":{"leftToRight":0.5}}"#,
        r#"{"lowPass":{}}"#,
    ] {
        assert_ne!(processed(json, &input), input, "{json}");
    }
}

#[test]
fn members_that_are_off_do_not_disturb_the_others() {
    let input = noise(0.6, 960);
    let alone = processed(r#"{"volume":0.5}"#, &input);
    let among = processed(
        r#"{"volume":0.5,"tremolo":{"depth":0,"frequency":-2},"lowPass":{"smoothing":0},
            "distortion":{},"channelMix":{},"timescale":{},"rotation":{}}"#,
        &input,
    );
    assert_eq!(alone, among);
}

#[test]
fn samples_pass_in_the_documented_order() {
    // Every neighbour pair applied one after the other must equal the pair in one chain; two
    // filters in the wrong order give something else for these inputs and settings.
    let filters = [
        r#""lowPass":{"smoothing":3}"#,
        r#""channelMix":{"leftToLeft":0.9,"rightToLeft":0.8,"leftToRight":-0.6}"#,
        r#""rotation":{"rotationHz":3}"#,
        r#""distortion":{"sinScale":2,"cosScale":0.5,"tanScale":0.7,"sinOffset":0.2,"tanOffset":0.1}"#,
        r#""vibrato":{"frequency":9,"depth":0.9}"#,
        r#""tremolo":{"frequency":11,"depth":0.9}"#,
        r#""timescale":{"speed":1.3,"rate":0.9}"#,
        r#""karaoke":{"level":0.7}"#,
        r#""equalizer":[{"band":6,"gain":0.8},{"band":12,"gain":-0.2}]"#,
        r#""volume":1.8"#,
    ];
    let input = noise(0.8, 24_000);
    for pair in filters.windows(2) {
        let together = processed(&format!("{{{},{}}}", pair[1], pair[0]), &input);
        let first = processed(&format!("{{{}}}", pair[0]), &input);
        let in_order = processed(&format!("{{{}}}", pair[1]), &first);
        assert!(together == in_order, "{pair:?}");
        let other = processed(&format!("{{{}}}", pair[1]), &input);
        let reversed = processed(&format!("{{{}}}", pair[0]), &other);
        let is_apart = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-4;
        let swaps = together.len() != reversed.len() || together.iter().zip(&reversed).any(is_apart);
        assert!(swaps, "{pair:?} cannot show its order");
    }
}

#[test]
fn flush_runs_the_rest_through_what_follows() {
    let input = sine(1000.0, 0.5, 48_000);
    let mut samples = input.clone();
    let mut filters = chain(r#"{"timescale":{"speed":0.5},"volume":0.5}"#).expect("on");
    filters.process(&mut samples);
    let before = samples.len();
    filters.flush(&mut samples);
    assert_eq!(samples.len() / 2, 96_000);
    let rest = &samples[before..samples.len() - 4_800];
    let peak = rest.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!(
        (peak - 0.5 * 0.416_9).abs() < 0.01,
        "volume applies to the rest: {peak}"
    );
}

#[test]
fn flush_without_timescale_gives_nothing() {
    let mut filters = chain(r#"{"vibrato":{},"karaoke":{}}"#).expect("on");
    filters.process(&mut noise(0.5, 960));
    let mut rest = vec![0.25, 0.5];
    filters.flush(&mut rest);
    assert_eq!(rest, [0.25, 0.5]);
}

#[test]
fn seek_forgets_audio_and_keeps_phases() {
    let json = r#"{"lowPass":{"smoothing":30},"vibrato":{"depth":1},"karaoke":{},
                   "timescale":{"speed":1.1,"pitch":1.2},"equalizer":[{"band":0,"gain":1}]}"#;
    let mut filters = chain(json).expect("on");
    filters.process(&mut noise(0.9, 48_000));
    filters.seeked();
    let mut silence = vec![0.0; 19_200];
    filters.process(&mut silence);
    assert!(!silence.is_empty() && silence.iter().all(|sample| *sample == 0.0));

    let mut seeked = chain(r#"{"tremolo":{},"rotation":{"rotationHz":1}}"#).expect("on");
    let mut straight = chain(r#"{"tremolo":{},"rotation":{"rotationHz":1}}"#).expect("on");
    for filters in [&mut seeked, &mut straight] {
        filters.process(&mut vec![0.5; 12_346]);
    }
    seeked.seeked();
    let (mut a, mut b) = (vec![0.5; 960], vec![0.5; 960]);
    seeked.process(&mut a);
    straight.process(&mut b);
    assert_eq!(a, b);
}

#[test]
fn broken_samples_become_silence_and_do_no_lasting_harm() {
    let json = r#"{"lowPass":{},"vibrato":{},"karaoke":{},"equalizer":[{"band":0,"gain":1}],"timescale":{"pitch":2}}"#;
    let mut filters = chain(json).expect("on");
    let mut samples = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX].repeat(4800);
    filters.process(&mut samples);
    assert!(samples.iter().all(|sample| sample.is_finite()));
    let mut silence = vec![0.0; 2 * 240_000];
    filters.process(&mut silence);
    let tail = &silence[silence.len() - 1920..];
    assert!(tail.iter().all(|sample| sample.abs() < 1e-6));
}

#[test]
fn decayed_filters_reach_true_zero() {
    let mut filters =
        chain(r#"{"lowPass":{},"karaoke":{},"equalizer":[{"band":0,"gain":0.2}]}"#).expect("on");
    filters.process(&mut noise(0.9, 960));
    let mut silence = vec![0.0; 1920];
    for _ in 0..250 {
        silence.fill(0.0);
        filters.process(&mut silence);
    }
    assert!(silence.iter().all(|sample| *sample == 0.0));
}

#[test]
fn what_validation_refuses_is_left_out() {
    for json in [
        r#"{"volume":6}"#,
        r#"{"timescale":{"speed":-1}}"#,
        r#"{"timescale":{"speed":1000}}"#,
        r#"{"tremolo":{"depth":2}}"#,
        r#"{"vibrato":{"frequency":15}}"#,
        r#"{"equalizer":[{"band":15,"gain":0.5}]}"#,
    ] {
        assert!(validate(&Filters::parse(json).expect(json)).is_err(), "{json}");
        assert!(chain(json).is_none(), "{json}");
    }
}

/// Any finite f32, from the ordinary to the absurd.
fn finite() -> impl Strategy<Value = f32> {
    use proptest::num::f32::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![
        -2.0f32..2.0,
        -500.0f32..500.0,
        POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
    ]
}

/// A filters object with any finite values; timescale in the range that gives little output.
fn any_filters() -> impl Strategy<Value = Filters> {
    let timescale = (0.3f64..4.0, 0.3f64..4.0, 0.3f64..4.0);
    (proptest::collection::vec(finite(), 40), any::<u16>(), timescale).prop_map(
        |(values, present, timescale)| {
            let mut values = values.into_iter();
            let mut next = || values.next().unwrap_or(0.0);
            let on = |bit: u16| present & (1 << bit) != 0;
            let (speed, pitch, rate) = timescale;
            Filters {
                volume: on(0).then(&mut next),
                equalizer: on(1).then(|| {
                    (0..BAND_COUNT as i32)
                        .map(|band| settings::Band { band, gain: next() })
                        .collect()
                }),
                karaoke: on(2).then(|| settings::Karaoke {
                    level: next(),
                    mono_level: next(),
                    filter_band: next(),
                    filter_width: next(),
                }),
                timescale: on(3).then_some(settings::Timescale { speed, pitch, rate }),
                tremolo: on(4).then(|| settings::Tremolo {
                    frequency: next(),
                    depth: next(),
                }),
                vibrato: on(5).then(|| settings::Vibrato {
                    frequency: next(),
                    depth: next(),
                }),
                distortion: on(6).then(|| settings::Distortion {
                    sin_offset: next(),
                    sin_scale: next(),
                    cos_offset: next(),
                    cos_scale: next(),
                    tan_offset: next(),
                    tan_scale: next(),
                    offset: next(),
                    scale: next(),
                }),
                rotation: on(7).then(|| settings::Rotation {
                    rotation_hz: f64::from(next()) * 1e10,
                }),
                channel_mix: on(8).then(|| settings::ChannelMix {
                    left_to_left: next(),
                    left_to_right: next(),
                    right_to_left: next(),
                    right_to_right: next(),
                }),
                low_pass: on(9).then(|| settings::LowPass { smoothing: next() }),
                ..Filters::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn output_is_always_finite(
        filters in any_filters(),
        samples in proptest::collection::vec(finite(), 2..400),
        rate in prop_oneof![Just(48_000u32), any::<u32>()],
    ) {
        let Some(mut chain) = FilterChain::build(&filters, rate) else { return Ok(()) };
        let block: Vec<f32> = samples.chunks_exact(2).flatten().copied().collect();
        let mut total = 0;
        for round in 0..8 {
            let mut samples = block.repeat(4);
            chain.process(&mut samples);
            if round == 3 {
                chain.seeked();
            }
            if round == 7 {
                chain.flush(&mut samples);
            }
            prop_assert!(samples.iter().all(|sample| sample.is_finite()));
            prop_assert_eq!(samples.len() % 2, 0);
            total += samples.len();
        }
        prop_assert!(total <= 8 * 4 * block.len() * 12 + 100_000);
    }

    #[test]
    fn valid_members_that_are_on_are_built(filters in any_filters()) {
        // The volume's dead zone around 1 is on for the protocol and silent work for the ear.
        prop_assume!(filters.volume.is_none_or(|volume| (volume - 1.0).abs() >= 0.02));
        if validate(&filters).is_ok() {
            prop_assert_eq!(FilterChain::build(&filters, 48_000).is_none(), filters.is_off());
        }
    }
}
