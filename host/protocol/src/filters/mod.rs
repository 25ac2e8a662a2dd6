//! Audio filters of a player: one shape for request and response (spec section 1.8).

mod kinds;
mod name;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json::ParseError;
use crate::json::reader::Reader;

pub use kinds::{Band, ChannelMix, Distortion, Karaoke, LowPass, Rotation, Timescale, Tremolo, Vibrato};
pub use name::{FilterName, FilterNames};

/// Number of equalizer bands.
pub const BAND_COUNT: usize = 15;

/// A player's filters. Members that are `None` are not set; there are no range checks on values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Filters {
    /// Volume factor, 1.0 = unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<f32>,
    /// Equalizer bands as given; for a repeated band the last gain counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equalizer: Option<Vec<Band>>,
    /// Karaoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub karaoke: Option<Karaoke>,
    /// Speed and pitch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timescale: Option<Timescale>,
    /// Tremolo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tremolo: Option<Tremolo>,
    /// Vibrato.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vibrato: Option<Vibrato>,
    /// Distortion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distortion: Option<Distortion>,
    /// Rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Channel mix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_mix: Option<ChannelMix>,
    /// Low pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_pass: Option<LowPass>,
    /// Filters of plugins by name.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub plugin_filters: Map<String, Value>,
    /// Members given as `null` in the request: not set, but present for the check of disabled filters.
    #[serde(skip)]
    pub nulls: FilterNames,
}

impl Filters {
    /// Parses a filters object.
    ///
    /// # Errors
    /// [`ParseError`] when the text is not a valid filters object.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut reader = Reader::over(text);
        let filters = Self::read(&mut reader)?;
        reader.end()?;
        Ok(filters)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let mut filters = Self::default();
        reader.object(|reader, key| {
            match FilterName::from_member(key) {
                Some(name) => filters.read_member(name, reader)?,
                None if key == "pluginFilters" => filters.plugin_filters = reader.members()?,
                None => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(filters)
    }

    fn read_member(&mut self, name: FilterName, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        match name {
            FilterName::Volume => self.volume = Some(reader.f32()?),
            FilterName::Equalizer => self.equalizer = Some(Band::read_list(reader)?),
            FilterName::Karaoke => self.karaoke = reader.nullable(Karaoke::read)?,
            FilterName::Timescale => self.timescale = reader.nullable(Timescale::read)?,
            FilterName::Tremolo => self.tremolo = reader.nullable(Tremolo::read)?,
            FilterName::Vibrato => self.vibrato = reader.nullable(Vibrato::read)?,
            FilterName::Distortion => self.distortion = reader.nullable(Distortion::read)?,
            FilterName::Rotation => self.rotation = reader.nullable(Rotation::read)?,
            FilterName::ChannelMix => self.channel_mix = reader.nullable(ChannelMix::read)?,
            FilterName::LowPass => self.low_pass = reader.nullable(LowPass::read)?,
        }
        self.nulls.set(name, !self.is_set(name));
        Ok(())
    }

    /// Whether a member has a value.
    #[must_use]
    pub fn is_set(&self, name: FilterName) -> bool {
        match name {
            FilterName::Volume => self.volume.is_some(),
            FilterName::Equalizer => self.equalizer.is_some(),
            FilterName::Karaoke => self.karaoke.is_some(),
            FilterName::Timescale => self.timescale.is_some(),
            FilterName::Tremolo => self.tremolo.is_some(),
            FilterName::Vibrato => self.vibrato.is_some(),
            FilterName::Distortion => self.distortion.is_some(),
            FilterName::Rotation => self.rotation.is_some(),
            FilterName::ChannelMix => self.channel_mix.is_some(),
            FilterName::LowPass => self.low_pass.is_some(),
        }
    }

    /// Whether a member has a value that changes the sound; one such member brings all set members into the chain.
    #[must_use]
    pub fn is_enabled(&self, name: FilterName) -> bool {
        match name {
            FilterName::Volume => self.volume.is_some_and(|volume| volume != 1.0),
            FilterName::Equalizer => self
                .gains()
                .is_some_and(|gains| gains.iter().any(|gain| *gain != 0.0)),
            FilterName::Karaoke => self.karaoke.is_some(),
            FilterName::Timescale => self.timescale.is_some_and(|filter| filter.is_enabled()),
            FilterName::Tremolo => self.tremolo.is_some_and(|filter| filter.is_enabled()),
            FilterName::Vibrato => self.vibrato.is_some_and(|filter| filter.is_enabled()),
            FilterName::Distortion => self.distortion.is_some_and(|filter| filter.is_enabled()),
            FilterName::Rotation => self.rotation.is_some_and(|filter| filter.is_enabled()),
            FilterName::ChannelMix => self.channel_mix.is_some_and(|filter| filter.is_enabled()),
            FilterName::LowPass => self.low_pass.is_some_and(|filter| filter.is_enabled()),
        }
    }

    /// Whether no built-in filter changes the sound. Plugin filters are not judged here: their plugin decides.
    #[must_use]
    pub fn is_off(&self) -> bool {
        !FilterName::ALL.into_iter().any(|name| self.is_enabled(name))
    }

    /// Gains of the 15 equalizer bands; bands outside 0..15 are left out (see [`Self::check_bands`]).
    #[must_use]
    pub fn gains(&self) -> Option<[f32; BAND_COUNT]> {
        let bands = self.equalizer.as_deref()?;
        let mut gains = [0.0; BAND_COUNT];
        for band in bands {
            if let Some(gain) = usize::try_from(band.band)
                .ok()
                .and_then(|index| gains.get_mut(index))
            {
                *gain = band.gain;
            }
        }
        Some(gains)
    }

    /// Checks that every equalizer band is in 0..15.
    ///
    /// # Errors
    /// [`BandOutOfRange`] for the first that is not.
    pub fn check_bands(&self) -> Result<(), BandOutOfRange> {
        let is_out = |band: &&Band| !(0..BAND_COUNT as i32).contains(&band.band);
        match self.equalizer.iter().flatten().find(is_out) {
            Some(band) => Err(BandOutOfRange { band: band.band }),
            None => Ok(()),
        }
    }

    /// Names present in the request (also as `null`), in table order, plugin filters last.
    pub fn present_names(&self) -> impl Iterator<Item = &str> {
        let is_present = |name: &FilterName| self.is_set(*name) || self.nulls.contains(*name);
        let built_in = FilterName::ALL
            .into_iter()
            .filter(is_present)
            .map(|name| -> &str { name.as_str() });
        built_in.chain(self.plugin_filters.keys().map(String::as_str))
    }

    /// Drops plugin filters no plugin registered and brings the rest into the order of `registered`.
    pub fn retain_plugin_filters<'a>(&mut self, registered: impl IntoIterator<Item = &'a str>) {
        let mut given = std::mem::take(&mut self.plugin_filters);
        let kept = registered
            .into_iter()
            .filter_map(|name| given.shift_remove_entry(name));
        self.plugin_filters = kept.collect();
    }
}

/// An equalizer band that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("equalizer band {band} does not exist; use 0 to 14")]
pub struct BandOutOfRange {
    /// The band as given.
    pub band: i32,
}

impl BandOutOfRange {
    /// The REST `message` of the Java server, with status 500.
    #[must_use]
    pub fn java_message(&self) -> String {
        format!(
            "Request processing failed: java.lang.ArrayIndexOutOfBoundsException: Index {} out of bounds for length {BAND_COUNT}",
            self.band
        )
    }
}
