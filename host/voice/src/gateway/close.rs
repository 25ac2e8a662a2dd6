//! What to do about each close code of the voice gateway.

/// Lost without a close frame (RFC 6455, section 7.1.5).
pub(crate) const ABNORMAL: u16 = 1006;

/// A close frame without a code (RFC 6455, section 7.1.5).
pub(crate) const NO_STATUS: u16 = 1005;

/// How a connection that ended goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Resume the voice session on a new socket.
    Resume,
    /// Resume once; the same again before the session is back is reported.
    ResumeOnce,
    /// Start a new voice session, once; the same again is reported.
    Identify,
    /// Over; the owner is told.
    Report,
}

/// The reaction to `code`. Unknown codes are reported, as the Java server does.
pub(crate) fn reaction(code: u16) -> Reaction {
    match code {
        // Going away, lost, internal error, server crashed, "reconnect" of Java's library.
        1001 | ABNORMAL | 4000 | 4015 | 4900 => Reaction::Resume,
        // Session timeout: mostly we were gone for long, and then the session may be as well.
        4009 => Reaction::ResumeOnce,
        // Unknown opcode, decode error, not authenticated, already authenticated, unknown protocol, unknown
        // encryption mode, bad request: a race or a mistake of ours.
        4001 | 4002 | 4003 | 4005 | 4012 | 4016 | 4020 => Reaction::Identify,
        _ => Reaction::Report,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let resumed = [1001, 1006, 4000, 4015, 4900];
        let identified = [4001, 4002, 4003, 4005, 4012, 4016, 4020];
        for code in 0..=u16::MAX {
            let expected = if resumed.contains(&code) {
                Reaction::Resume
            } else if code == 4009 {
                Reaction::ResumeOnce
            } else if identified.contains(&code) {
                Reaction::Identify
            } else {
                Reaction::Report
            };
            assert_eq!(reaction(code), expected, "{code}");
        }
        for reported in [1000, 1005, 4004, 4006, 4011, 4014, 4017, 4021, 4022] {
            assert_eq!(reaction(reported), Reaction::Report, "{reported}");
        }
    }
}
