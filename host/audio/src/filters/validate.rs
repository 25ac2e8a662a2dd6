//! Range checks on a filters object, so that bad values are refused when they are set and not in the
//! middle of playback.

use super::timescale::{self, RATIOS};
use super::{tremolo, vibrato, volume};
use lavalink_protocol::filters::Filters;

/// A value no filter can be built with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// A value is NaN or infinite.
    #[error("filter {filter}: {field} is not a finite number; give a number a 32-bit float can hold")]
    NotFinite {
        /// Name of the filter in the filters object.
        filter: &'static str,
        /// Name of the member inside the filter, or the filter's own name.
        field: &'static str,
    },
    /// A value is outside the range of its filter.
    #[error("filter {filter}: {field} is {value}, it must be {allowed}")]
    OutOfRange {
        /// Name of the filter in the filters object.
        filter: &'static str,
        /// Name of the member inside the filter, a term of members, or the filter's own name.
        field: &'static str,
        /// The value given.
        value: f64,
        /// The values that are allowed, in words.
        allowed: &'static str,
    },
    /// An equalizer band that does not exist.
    #[error("filter equalizer: band is {band}, it must be within 0 and 14")]
    UnknownBand {
        /// The number given.
        band: i32,
    },
}

/// Checks that every filter that is on can be built as given.
///
/// Beyond what Lavalink's DSP refuses (while playing) this refuses values that are not finite and
/// timescales that stretch, shift or shorten more than a hundredfold. Members that are off, like a
/// tremolo of depth 0, may hold any finite value.
///
/// # Errors
/// [`FilterError`] for the first bad value.
pub fn validate(filters: &Filters) -> Result<(), FilterError> {
    check_finite(filters)?;
    if let Some(volume) = filters.volume {
        let is_valid = (0.0..=volume::MAX).contains(&volume);
        check(is_valid, "volume", "volume", volume.into(), "within 0 and 5")?;
    }
    filters
        .check_bands()
        .map_err(|error| FilterError::UnknownBand { band: error.band })?;
    if let Some(filter) = filters.timescale.filter(|it| it.is_enabled()) {
        check_timescale(filter.speed, filter.pitch, filter.rate)?;
    }
    if let Some(filter) = filters.tremolo.filter(|it| it.is_enabled()) {
        let is_valid = tremolo::is_frequency(filter.frequency);
        check(
            is_valid,
            "tremolo",
            "frequency",
            filter.frequency.into(),
            "above 0",
        )?;
        let is_valid = tremolo::is_depth(filter.depth);
        check(
            is_valid,
            "tremolo",
            "depth",
            filter.depth.into(),
            "within 0 and 1",
        )?;
    }
    if let Some(filter) = filters.vibrato.filter(|it| it.is_enabled()) {
        let is_valid = vibrato::is_frequency(filter.frequency);
        check(
            is_valid,
            "vibrato",
            "frequency",
            filter.frequency.into(),
            "above 0 and at most 14",
        )?;
        let is_valid = vibrato::is_depth(filter.depth);
        check(
            is_valid,
            "vibrato",
            "depth",
            filter.depth.into(),
            "within 0 and 1",
        )?;
    }
    Ok(())
}

fn check_timescale(speed: f64, pitch: f64, rate: f64) -> Result<(), FilterError> {
    for (field, value) in [("speed", speed), ("pitch", pitch), ("rate", rate)] {
        check(value > 0.0, "timescale", field, value, "above 0")?;
    }
    let ratios = timescale::ratios(speed, pitch, rate);
    let terms = [
        ("speed / pitch", ratios.tempo),
        ("pitch * rate", ratios.rate),
        ("speed * rate", ratios.duration_divisor),
    ];
    for (field, value) in terms {
        check(
            RATIOS.contains(&value),
            "timescale",
            field,
            value,
            "within 0.01 and 100",
        )?;
    }
    Ok(())
}

fn check_finite(filters: &Filters) -> Result<(), FilterError> {
    if let Some(volume) = filters.volume {
        finite("volume", [("volume", f64::from(volume))])?;
    }
    for band in filters.equalizer.iter().flatten() {
        finite("equalizer", [("gain", f64::from(band.gain))])?;
    }
    if let Some(it) = &filters.karaoke {
        finite("karaoke", [("level", it.level), ("monoLevel", it.mono_level)])?;
        finite(
            "karaoke",
            [("filterBand", it.filter_band), ("filterWidth", it.filter_width)],
        )?;
    }
    if let Some(it) = &filters.timescale {
        finite(
            "timescale",
            [("speed", it.speed), ("pitch", it.pitch), ("rate", it.rate)],
        )?;
    }
    if let Some(it) = &filters.tremolo {
        finite("tremolo", [("frequency", it.frequency), ("depth", it.depth)])?;
    }
    if let Some(it) = &filters.vibrato {
        finite("vibrato", [("frequency", it.frequency), ("depth", it.depth)])?;
    }
    if let Some(it) = &filters.distortion {
        finite(
            "distortion",
            [("sinOffset", it.sin_offset), ("sinScale", it.sin_scale)],
        )?;
        finite(
            "distortion",
            [("cosOffset", it.cos_offset), ("cosScale", it.cos_scale)],
        )?;
        finite(
            "distortion",
            [("tanOffset", it.tan_offset), ("tanScale", it.tan_scale)],
        )?;
        finite("distortion", [("offset", it.offset), ("scale", it.scale)])?;
    }
    if let Some(it) = &filters.rotation {
        finite("rotation", [("rotationHz", it.rotation_hz)])?;
    }
    if let Some(it) = &filters.channel_mix {
        finite(
            "channelMix",
            [("leftToLeft", it.left_to_left), ("leftToRight", it.left_to_right)],
        )?;
        finite(
            "channelMix",
            [
                ("rightToLeft", it.right_to_left),
                ("rightToRight", it.right_to_right),
            ],
        )?;
    }
    if let Some(it) = &filters.low_pass {
        finite("lowPass", [("smoothing", it.smoothing)])?;
    }
    Ok(())
}

fn finite<T: Into<f64>, const N: usize>(
    filter: &'static str,
    members: [(&'static str, T); N],
) -> Result<(), FilterError> {
    for (field, value) in members {
        if !value.into().is_finite() {
            return Err(FilterError::NotFinite { filter, field });
        }
    }
    Ok(())
}

fn check(
    is_valid: bool,
    filter: &'static str,
    field: &'static str,
    value: f64,
    allowed: &'static str,
) -> Result<(), FilterError> {
    if is_valid {
        Ok(())
    } else {
        Err(FilterError::OutOfRange {
            filter,
            field,
            value,
            allowed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let filters = Filters::parse(json).expect("a filters object");
        validate(&filters).expect_err(json).to_string()
    }

    #[test]
    fn names_filter_and_field() {
        for (json, start) in [
            (r#"{"volume":5.01}"#, "filter volume: volume is 5.01"),
            (r#"{"volume":-0.1}"#, "filter volume: volume is -0.1"),
            (
                r#"{"equalizer":[{"band":0},{"band":15,"gain":0.1}]}"#,
                "filter equalizer: band is 15",
            ),
            (r#"{"equalizer":[{"band":-1}]}"#, "filter equalizer: band is -1"),
            (r#"{"timescale":{"speed":0}}"#, "filter timescale: speed is 0"),
            (r#"{"timescale":{"pitch":-1}}"#, "filter timescale: pitch is -1"),
            (
                r#"{"timescale":{"speed":1000}}"#,
                "filter timescale: speed / pitch is 1000",
            ),
            (
                r#"{"timescale":{"rate":0.001}}"#,
                "filter timescale: pitch * rate is 0.001",
            ),
            (
                r#"{"timescale":{"speed":50,"pitch":1,"rate":50}}"#,
                "filter timescale: speed * rate is 2500",
            ),
            (r#"{"tremolo":{"frequency":0}}"#, "filter tremolo: frequency is 0"),
            (r#"{"tremolo":{"depth":1.5}}"#, "filter tremolo: depth is 1.5"),
            (
                r#"{"vibrato":{"frequency":15}}"#,
                "filter vibrato: frequency is 15",
            ),
            (r#"{"vibrato":{"depth":-0.5}}"#, "filter vibrato: depth is -0.5"),
        ] {
            let message = refused(json);
            assert!(message.starts_with(start), "{json}: {message}");
        }
    }

    #[test]
    fn accepts_what_works_and_what_is_off() {
        for json in [
            "{}",
            r#"{"volume":0,"equalizer":[{"band":14,"gain":-9}],"karaoke":{"filterWidth":-4}}"#,
            r#"{"timescale":{"speed":1.2,"pitch":1.3,"rate":0.9},"lowPass":{"smoothing":-3}}"#,
            r#"{"tremolo":{"frequency":-1,"depth":0},"vibrato":{"frequency":99,"depth":0}}"#,
            r#"{"tremolo":{"depth":1},"vibrato":{"depth":1,"frequency":14},"rotation":{"rotationHz":-5}}"#,
        ] {
            assert_eq!(validate(&Filters::parse(json).expect(json)), Ok(()), "{json}");
        }
    }

    #[test]
    fn refuses_numbers_that_are_none() {
        type Spoil = fn(&mut Filters);
        let spoil: [(&str, Spoil); 5] = [
            ("volume", |filters| filters.volume = Some(f32::NAN)),
            ("smoothing", |filters| {
                filters.low_pass.get_or_insert_default().smoothing = f32::INFINITY
            }),
            ("filterBand", |filters| {
                filters.karaoke.get_or_insert_default().filter_band = f32::NAN
            }),
            ("tanScale", |filters| {
                filters.distortion.get_or_insert_default().tan_scale = f32::NAN
            }),
            ("rate", |filters| {
                filters.timescale.get_or_insert_default().rate = f64::INFINITY
            }),
        ];
        for (name, spoil) in spoil {
            let mut filters = Filters::default();
            spoil(&mut filters);
            let error = validate(&filters).expect_err(name);
            assert!(
                matches!(error, FilterError::NotFinite { field, .. } if field == name),
                "{error}"
            );
        }
    }
}
