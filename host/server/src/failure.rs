//! Failures of plugins, network and audio engine in one shape, and that shape on the wire.

use lavalink_audio::AudioError;
use lavalink_plugin_api::{Failure, Severity};
use lavalink_protocol::exception::{Exception, Severity as WireSeverity};

/// A failure of the audio engine.
pub fn from_audio(error: &AudioError) -> Failure {
    let severity = match error.severity() {
        WireSeverity::Common => Severity::Common,
        WireSeverity::Suspicious => Severity::Suspicious,
        WireSeverity::Fault => Severity::Fault,
    };
    Failure {
        message: error.message(),
        severity,
        cause: error.cause().unwrap_or_default().to_owned(),
        retry: None,
    }
}

/// Lavalink's exception object for a failure.
pub fn to_exception(failure: &Failure) -> Exception {
    let severity = match failure.severity {
        Severity::Common => WireSeverity::Common,
        Severity::Suspicious => WireSeverity::Suspicious,
        Severity::Fault => WireSeverity::Fault,
    };
    let causes: &[String] = if failure.cause.is_empty() {
        &[]
    } else {
        std::slice::from_ref(&failure.cause)
    };
    Exception::new(failure.message.clone(), severity, causes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_deepest_reason_or_the_message() {
        let exception = to_exception(&Failure::suspicious("It broke.").because("connection reset"));
        assert_eq!(exception.message.as_deref(), Some("It broke."));
        assert_eq!(
            (exception.severity, exception.cause.as_str()),
            (WireSeverity::Suspicious, "connection reset")
        );
        assert_eq!(to_exception(&Failure::common("Gone.")).cause, "Gone.");
    }

    #[test]
    fn audio_errors_keep_text_and_severity() {
        let failure = from_audio(&AudioError::Decode {
            cause: "bad frame".into(),
        });
        assert_eq!(
            (failure.severity, failure.cause.as_str()),
            (Severity::Fault, "bad frame")
        );
        assert_eq!(failure.message, "Something went wrong when decoding the track.");
    }
}
