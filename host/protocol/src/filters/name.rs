//! Names of the built-in filters.

/// A built-in filter, in the order of the API's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FilterName {
    /// `volume`
    Volume,
    /// `equalizer`
    Equalizer,
    /// `karaoke`
    Karaoke,
    /// `timescale`
    Timescale,
    /// `tremolo`
    Tremolo,
    /// `vibrato`
    Vibrato,
    /// `distortion`
    Distortion,
    /// `rotation`
    Rotation,
    /// `channelMix`
    ChannelMix,
    /// `lowPass`
    LowPass,
}

impl FilterName {
    /// All of them, in table order.
    pub const ALL: [Self; 10] = [
        Self::Volume,
        Self::Equalizer,
        Self::Karaoke,
        Self::Timescale,
        Self::Tremolo,
        Self::Vibrato,
        Self::Distortion,
        Self::Rotation,
        Self::ChannelMix,
        Self::LowPass,
    ];

    /// The name in JSON and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Equalizer => "equalizer",
            Self::Karaoke => "karaoke",
            Self::Timescale => "timescale",
            Self::Tremolo => "tremolo",
            Self::Vibrato => "vibrato",
            Self::Distortion => "distortion",
            Self::Rotation => "rotation",
            Self::ChannelMix => "channelMix",
            Self::LowPass => "lowPass",
        }
    }

    /// The filter a JSON member stands for.
    #[must_use]
    pub fn from_member(member: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == member)
    }
}

/// A set of built-in filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilterNames(u16);

impl FilterNames {
    /// Adds or removes a name.
    pub fn set(&mut self, name: FilterName, present: bool) {
        let bit = 1 << name as u8;
        self.0 = if present { self.0 | bit } else { self.0 & !bit };
    }

    /// Whether the set holds a name.
    #[must_use]
    pub fn contains(self, name: FilterName) -> bool {
        self.0 & 1 << name as u8 != 0
    }
}
