//! Why audio was not sent when it was due.

/// Why a frame was missing or late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GapCause {
    /// The bytes of the track did not come in time.
    SourceStarved,
    /// This node had more to do than its processors can.
    CpuOverrun,
    /// The system's send buffer was full.
    SocketFull,
    /// The machine ran something else: another process, or another guest of the same host.
    HostStolen,
    /// End-to-end encryption had no key to send with.
    DaveTransition,
    /// A seek had not arrived at its target yet.
    Seek,
    /// The player was just being changed.
    SourceLocked,
    /// The system refused to send, for instance because the network was unreachable.
    SocketError,
    /// The voice connection was being set up anew.
    VoiceReconnect,
}

impl GapCause {
    /// Every cause, in a fixed order.
    pub const ALL: [Self; 9] = [
        Self::SourceStarved,
        Self::CpuOverrun,
        Self::SocketFull,
        Self::HostStolen,
        Self::DaveTransition,
        Self::Seek,
        Self::SourceLocked,
        Self::SocketError,
        Self::VoiceReconnect,
    ];

    /// Its name in the REST interface and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::SourceStarved => "sourceStarved",
            Self::CpuOverrun => "cpuOverrun",
            Self::SocketFull => "socketFull",
            Self::HostStolen => "hostStolen",
            Self::DaveTransition => "daveTransition",
            Self::Seek => "seek",
            Self::SourceLocked => "sourceLocked",
            Self::SocketError => "socketError",
            Self::VoiceReconnect => "voiceReconnect",
        }
    }

    /// Its place in [`GapCause::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_place_and_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = GapCause::ALL.iter().map(|cause| cause.name()).collect();
        assert_eq!(names.len(), GapCause::ALL.len());
        for (index, cause) in GapCause::ALL.into_iter().enumerate() {
            assert_eq!(cause.index(), index);
        }
    }
}
