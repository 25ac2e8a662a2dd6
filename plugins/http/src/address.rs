//! Which identifiers are URLs of this source, and what they refer to.

use lavalink_plugin_api::Failure;
use url::Url;

/// The URL an identifier stands for, if it is this source's. `icy://` is another spelling of `http://`.
pub(crate) fn claimed(identifier: &str) -> Option<String> {
    if identifier.starts_with("http://") || identifier.starts_with("https://") {
        return Some(identifier.to_owned());
    }
    identifier
        .strip_prefix("icy://")
        .map(|rest| format!("http://{rest}"))
}

/// Checks that the text is a URL.
pub(crate) fn parse(url: &str) -> Result<Url, Failure> {
    Url::parse(url).map_err(|error| invalid().because(error))
}

/// The failure for a text that is no URL.
pub(crate) fn invalid() -> Failure {
    Failure::common("Not a valid URL.")
}

/// What a reference found at `base` (a `Location`, a playlist entry) means. Complete URLs of this source stay as they are
/// written; all else is resolved, so that a path can never be taken for one on this machine.
pub(crate) fn resolve(base: &Url, reference: &str) -> Result<String, Failure> {
    if claimed(reference).is_some() {
        return Ok(reference.to_owned());
    }
    base.join(reference)
        .map(String::from)
        .map_err(|error| invalid().because(error))
}
