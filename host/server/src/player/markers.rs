//! Markers plugins have set in the track that plays.

use lavalink_plugin_api::MarkerState;

/// Most markers of one track.
pub const MAX_MARKERS: usize = 64;

/// A marker was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerRefused {
    /// There is no track.
    NothingPlays,
    /// [`MAX_MARKERS`] are set.
    TooMany,
}

/// One marker; its position in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Who set it.
    pub plugin: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub position: i64,
}

/// The markers of one play of a track, the next one first.
#[derive(Debug, Default)]
pub struct Markers(Vec<Marker>);

impl Markers {
    /// Sets a marker; the outcome is its state when it lies behind playback already.
    ///
    /// # Errors
    /// When there are too many.
    pub fn add(&mut self, marker: Marker, now: i64) -> Result<Option<MarkerState>, MarkerRefused> {
        if marker.position <= now {
            return Ok(Some(MarkerState::Late));
        }
        if self.0.len() >= MAX_MARKERS {
            return Err(MarkerRefused::TooMany);
        }
        let at = self.0.partition_point(|other| other.position <= marker.position);
        self.0.insert(at, marker);
        Ok(None)
    }

    /// Where the next one is.
    pub fn next(&self) -> Option<i64> {
        self.0.first().map(|marker| marker.position)
    }

    /// Takes those out that lie at or before a position.
    pub fn take_until(&mut self, position: i64) -> Vec<Marker> {
        let count = self.0.partition_point(|marker| marker.position <= position);
        self.0.drain(..count).collect()
    }

    /// Takes all out.
    pub fn take_all(&mut self) -> Vec<Marker> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(position: i64) -> Marker {
        Marker {
            plugin: "p".to_owned(),
            name: position.to_string(),
            position,
        }
    }

    #[test]
    fn markers_come_in_the_order_of_their_positions() {
        let mut markers = Markers::default();
        assert_eq!(markers.add(marker(10), 10), Ok(Some(MarkerState::Late)));
        for position in [300, 100, 200] {
            assert_eq!(markers.add(marker(position), 10), Ok(None));
        }
        assert_eq!(markers.next(), Some(100));
        assert_eq!(markers.take_until(99), []);
        assert_eq!(markers.take_until(200), [marker(100), marker(200)]);
        assert_eq!(markers.take_all(), [marker(300)]);
        assert_eq!(markers.next(), None);
    }

    #[test]
    fn markers_are_bounded() {
        let mut markers = Markers::default();
        for position in 1..=MAX_MARKERS as i64 {
            assert_eq!(markers.add(marker(position), 0), Ok(None));
        }
        assert_eq!(markers.add(marker(1), 0), Err(MarkerRefused::TooMany));
        assert_eq!(markers.add(marker(0), 0), Ok(Some(MarkerState::Late)));
    }
}
