//! The objects inside a filters object, with their defaults.

use serde::{Deserialize, Serialize};

use crate::json::ParseError;
use crate::json::reader::Reader;

/// One equalizer band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Band number; 0..=14 exist.
    pub band: i32,
    /// Gain, -0.25 = mute, 0 = unchanged, 0.25 = double. Left out it is 1.0, as in the Java code.
    pub gain: f32,
}

impl Band {
    const DEFAULT_GAIN: f32 = 1.0;

    pub(super) fn read_list(reader: &mut Reader<'_>) -> Result<Vec<Self>, ParseError> {
        let mut bands = Vec::new();
        reader.array(|reader| {
            bands.push(Self::read(reader)?);
            Ok(())
        })?;
        Ok(bands)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let (mut band, mut gain) = (None, Self::DEFAULT_GAIN);
        reader.object(|reader, key| {
            match key {
                "band" => band = Some(reader.i32()?),
                "gain" => gain = reader.f32()?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(Self {
            band: band.ok_or_else(|| reader.missing("band"))?,
            gain,
        })
    }
}

/// Defines a filter object whose members are all numbers with defaults.
macro_rules! filter_object {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ident = $default:literal, $key:literal;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
                let mut filter = Self::default();
                reader.object(|reader, key| {
                    match key {
                        $($key => filter.$field = reader.$type()?,)*
                        _ => reader.skip()?,
                    }
                    Ok(())
                })?;
                Ok(filter)
            }
        }
    };
}

filter_object! {
    /// Removes what both channels share in a band, usually vocals.
    Karaoke {
        /// Strength.
        level: f32 = 1.0, "level";
        /// Strength of the filtered mono signal added back.
        mono_level: f32 = 1.0, "monoLevel";
        /// Centre of the band in Hz.
        filter_band: f32 = 220.0, "filterBand";
        /// Width of the band in Hz.
        filter_width: f32 = 100.0, "filterWidth";
    }
}

filter_object! {
    /// Changes speed and pitch.
    Timescale {
        /// Tempo factor without pitch change.
        speed: f64 = 1.0, "speed";
        /// Pitch factor without tempo change.
        pitch: f64 = 1.0, "pitch";
        /// Factor for both.
        rate: f64 = 1.0, "rate";
    }
}

filter_object! {
    /// Volume that swings.
    Tremolo {
        /// Swings per second, Hz.
        frequency: f32 = 2.0, "frequency";
        /// Depth, 0..=1.
        depth: f32 = 0.5, "depth";
    }
}

filter_object! {
    /// Pitch that swings.
    Vibrato {
        /// Swings per second, Hz.
        frequency: f32 = 2.0, "frequency";
        /// Depth, 0..=1.
        depth: f32 = 0.5, "depth";
    }
}

filter_object! {
    /// Waveshaping by trigonometric functions.
    Distortion {
        /// Offset of the sine.
        sin_offset: f32 = 0.0, "sinOffset";
        /// Factor of the sine.
        sin_scale: f32 = 1.0, "sinScale";
        /// Offset of the cosine.
        cos_offset: f32 = 0.0, "cosOffset";
        /// Factor of the cosine.
        cos_scale: f32 = 1.0, "cosScale";
        /// Offset of the tangent.
        tan_offset: f32 = 0.0, "tanOffset";
        /// Factor of the tangent.
        tan_scale: f32 = 1.0, "tanScale";
        /// Offset of the result.
        offset: f32 = 0.0, "offset";
        /// Factor of the result.
        scale: f32 = 1.0, "scale";
    }
}

filter_object! {
    /// Sound that circles the listener.
    Rotation {
        /// Rounds per second, Hz.
        rotation_hz: f64 = 0.0, "rotationHz";
    }
}

filter_object! {
    /// Mixes the channels into each other.
    ChannelMix {
        /// Left into left.
        left_to_left: f32 = 1.0, "leftToLeft";
        /// Left into right.
        left_to_right: f32 = 0.0, "leftToRight";
        /// Right into left.
        right_to_left: f32 = 0.0, "rightToLeft";
        /// Right into right.
        right_to_right: f32 = 1.0, "rightToRight";
    }
}

filter_object! {
    /// Dampens high frequencies.
    LowPass {
        /// Smoothing factor; only above 1 it does anything.
        smoothing: f32 = 20.0, "smoothing";
    }
}

impl Timescale {
    /// Whether it changes the sound.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        *self != Self::default()
    }
}

impl Tremolo {
    /// Whether it changes the sound.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.depth != 0.0
    }
}

impl Vibrato {
    /// Whether it changes the sound.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.depth != 0.0
    }
}

impl Distortion {
    /// Whether any member differs from its default.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        *self != Self::default()
    }
}

impl Rotation {
    /// Whether it changes the sound.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.rotation_hz != 0.0
    }
}

impl ChannelMix {
    /// Whether it changes the sound.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        *self != Self::default()
    }
}

impl LowPass {
    /// Whether it changes the sound.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.smoothing > 1.0
    }
}
