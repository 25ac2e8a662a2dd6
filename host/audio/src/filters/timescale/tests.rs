//! Duration, pitch and stereo image of whole conversions.

use super::*;
use crate::filters::signal::{amplitude, left, noise, peak_hz, sine};

/// Nightcore, daycore, single members, combinations, extremes: speed, pitch, rate.
const SETTINGS: [(f64, f64, f64); 12] = [
    (1.0, 1.0, 1.2),
    (1.0, 1.0, 0.8),
    (1.5, 1.0, 1.0),
    (0.7, 1.0, 1.0),
    (1.0, 1.3, 1.0),
    (1.0, 0.75, 1.0),
    (1.2, 1.2, 1.0),
    (1.1, 1.3, 0.9),
    (0.8, 0.9, 1.1),
    (3.0, 0.5, 0.7),
    (0.5, 2.0, 1.0),
    (2.0, 1.0, 2.0),
];

fn converted((speed, pitch, rate): (f64, f64, f64), input: &[f32]) -> Vec<f32> {
    let mut filter = Timescale::new(speed, pitch, rate, 48_000).expect("on");
    let mut output = Vec::new();
    for block in input.chunks(1920) {
        let mut samples = block.to_vec();
        filter.process(&mut samples);
        output.append(&mut samples);
    }
    filter.flush(&mut output);
    output
}

#[test]
fn duration_is_divided_by_speed_times_rate() {
    for settings in SETTINGS {
        let expected = 96_000.0 / (settings.0 * settings.2);
        let frames = converted(settings, &noise(0.3, 96_000)).len() as f64 / 2.0;
        assert!(
            (frames / expected - 1.0).abs() < 0.001,
            "{settings:?}: {frames} frames, not {expected}"
        );
    }
}

#[test]
fn extreme_ratios_keep_their_duration() {
    for settings in [
        (0.01, 1.0, 1.0),
        (1.0, 1.0, 0.01),
        (0.1, 10.0, 1.0),
        (100.0, 1.0, 1.0),
        (1.0, 1.0, 100.0),
    ] {
        let input_frames = if settings.0 * settings.2 > 1.0 {
            960_000
        } else {
            9_600
        };
        let expected = f64::from(input_frames) / (settings.0 * settings.2);
        let frames = converted(settings, &noise(0.3, input_frames as usize)).len() as f64 / 2.0;
        assert!((frames / expected - 1.0).abs() < 0.001, "{settings:?}: {frames}");
    }
}

#[test]
fn frequency_is_multiplied_by_pitch_times_rate() {
    for settings in SETTINGS {
        let output = converted(settings, &sine(440.0, 0.5, 144_000));
        let middle = output.len() / 4 - 12_000;
        let hz = peak_hz(&left(&output)[middle..middle + 24_000]);
        let expected = 440.0 * settings.1 * settings.2;
        assert!(
            (hz - expected).abs() < 1.0,
            "{settings:?}: {hz} Hz, not {expected}"
        );
    }
}

#[test]
fn a_steady_tone_stays_steady() {
    for settings in SETTINGS {
        let output = converted(settings, &sine(500.0, 0.5, 144_000));
        // Away from the faded ends every millisecond-scale stretch keeps the full level.
        for (index, piece) in output[9_600..output.len() - 19_200].chunks_exact(960).enumerate() {
            let peak = piece.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
            assert!(
                (0.47..0.53).contains(&peak),
                "{settings:?}, piece {index}: {peak}"
            );
        }
    }
}

#[test]
fn faster_rates_do_not_alias() {
    // 16 kHz at rate 2 would be 32 kHz, which folds to 16 kHz.
    let output = converted((1.0, 1.0, 2.0), &sine(16_000.0, 0.5, 96_000));
    let level = amplitude(&output[9_600..57_600], 16_000.0);
    assert!(level < 0.005, "{level}");
}

#[test]
fn slower_rates_leave_no_images() {
    // 18 kHz at rate 0.5 is 9 kHz, with an image at 24 - 9 = 15 kHz.
    let output = converted((1.0, 1.0, 0.5), &sine(18_000.0, 0.5, 48_000));
    let level = amplitude(&output[48_000..96_000], 15_000.0);
    assert!(level < 0.005, "{level}");
}

#[test]
fn stereo_image_is_kept() {
    let mono: Vec<f32> = left(&noise(0.5, 48_000));
    let centred: Vec<f32> = mono.iter().flat_map(|sample| [*sample, *sample]).collect();
    let sided: Vec<f32> = mono.iter().flat_map(|sample| [*sample, -0.5 * *sample]).collect();
    for settings in SETTINGS {
        for frame in converted(settings, &centred).chunks_exact(2) {
            assert_eq!(frame[0], frame[1], "{settings:?}");
        }
        // The right channel alone would be spliced elsewhere if each had its own search.
        for frame in converted(settings, &sided).chunks_exact(2) {
            assert!((frame[1] + 0.5 * frame[0]).abs() < 1e-5, "{settings:?}");
        }
    }
}

#[test]
fn one_search_serves_different_channels() {
    // Left and right are unrelated; the time at which each output frame was taken must agree.
    let input: Vec<f32> = (0..48_000)
        .flat_map(|n| [(n as f32 * 0.031).sin() * 0.5, (n as f32 * 0.0437).sin() * 0.5])
        .collect();
    let swapped: Vec<f32> = input
        .chunks_exact(2)
        .flat_map(|frame| [frame[1], frame[0]])
        .collect();
    for settings in SETTINGS {
        let plain = converted(settings, &input);
        let mirrored = converted(settings, &swapped);
        for (a, b) in plain.chunks_exact(2).zip(mirrored.chunks_exact(2)) {
            assert!(
                (a[0] - b[1]).abs() < 1e-5 && (a[1] - b[0]).abs() < 1e-5,
                "{settings:?}"
            );
        }
    }
}

#[test]
fn pure_rates_skip_the_stretcher() {
    let stages = |speed, pitch, rate| {
        Timescale::new(speed, pitch, rate, 48_000)
            .expect("on")
            .stages
            .len()
    };
    assert_eq!(stages(1.0, 1.0, 1.25), 2, "resampling only");
    assert_eq!(stages(1.2, 1.2, 1.0), 2, "speed and pitch together are a rate");
    assert_eq!(stages(1.5, 1.0, 1.0), 1, "stretching only");
    assert_eq!(stages(1.0, 1.5, 1.0), 3, "both");
}

#[test]
fn seek_and_flush_start_anew() {
    let input = noise(0.5, 20_000);
    for settings in SETTINGS {
        let (speed, pitch, rate) = settings;
        let fresh = converted(settings, &input);
        let mut filter = Timescale::new(speed, pitch, rate, 48_000).expect("on");
        let mut discarded = noise(0.9, 7_777);
        filter.process(&mut discarded);
        filter.seeked();
        for _ in 0..2 {
            let mut samples = input.clone();
            filter.process(&mut samples);
            filter.flush(&mut samples);
            assert!(samples == fresh, "{settings:?}");
        }
    }
}

#[test]
fn is_off_or_refused() {
    for (speed, pitch, rate) in [
        (1.0, 1.0, 1.0),
        (0.0, 1.0, 1.0),
        (1.0, -1.0, 1.0),
        (1.0, 1.0, f64::NAN),
        (f64::INFINITY, 1.0, 1.0),
        (f64::MAX, f64::MIN_POSITIVE, 1.0),
        (101.0, 1.0, 1.0),
        (1.0, 1.0, 0.0099),
        (20.0, 1.0, 20.0),
    ] {
        assert!(
            Timescale::new(speed, pitch, rate, 48_000).is_none(),
            "{speed} {pitch} {rate}"
        );
    }
}
