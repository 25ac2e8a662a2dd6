//! `plugin.json`: what Cargo.toml and `export!` say of a plugin in Rust.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::AuthoringError;
use crate::template::is_name;

/// Its name.
pub(crate) const FILE: &str = "plugin.json";

/// The interfaces a plugin may offer: those of the contract.
pub(crate) const OFFERS: [&str; 9] = [
    "source",
    "filters",
    "routes",
    "interceptor",
    "events",
    "info",
    "probe",
    "search",
    "lyrics",
];

/// What the file says. Written, it is the manifest of the component.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Description {
    pub(crate) name: String,
    version: String,
    #[serde(skip_deserializing, default = "generations")]
    generations: [u32; 1],
    licence: String,
    /// The interfaces it implements; the component tells them by itself.
    #[serde(skip_serializing)]
    pub(crate) offers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hosts: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config_schema: Option<Value>,
}

/// The generation of the contract that the bindings are made of.
fn generations() -> [u32; 1] {
    [1]
}

impl Description {
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, AuthoringError> {
        let path = folder.join(FILE);
        let text = std::fs::read(&path).map_err(AuthoringError::file("read", &path))?;
        Self::parse(&text)
    }

    fn parse(text: &[u8]) -> Result<Self, AuthoringError> {
        let description: Self = serde_json::from_slice(text).map_err(AuthoringError::Description)?;
        if !is_name(&description.name) {
            return Err(AuthoringError::Name(description.name));
        }
        let unknown = |offer: &&String| !OFFERS.contains(&offer.as_str());
        match description.offers.iter().find(unknown) {
            Some(offer) => Err(AuthoringError::Offer(offer.clone())),
            None if description.offers.is_empty() => Err(AuthoringError::Offer(String::new())),
            None => Ok(description),
        }
    }

    /// The manifest, as JSON.
    pub(crate) fn manifest(&self) -> Vec<u8> {
        // A structure of texts and numbers can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn becomes_a_manifest() {
        let description = Description::parse(
            br#"{"name":"a","version":"1","licence":"MIT","offers":["source"],"hosts":["x.test"],"configSchema":{}}"#,
        )
        .unwrap();
        let manifest: Value = serde_json::from_slice(&description.manifest()).unwrap();
        assert_eq!(
            manifest,
            serde_json::json!({"name": "a", "version": "1", "generations": [1], "licence": "MIT",
                "hosts": ["x.test"], "configSchema": {}})
        );
    }

    #[test]
    fn says_what_is_wrong() {
        for (members, reason) in [
            (r#""name":"a""#, "missing field"),
            (
                r#""name":"../a","version":"1","licence":"","offers":["source"]"#,
                "cannot be the name",
            ),
            (
                r#""name":"a","version":"1","licence":"","offers":["sauce"]"#,
                "sauce",
            ),
            (
                r#""name":"a","version":"1","licence":"","offers":[]"#,
                "source, filters",
            ),
            (
                r#""name":"a","version":"1","licence":"","offers":["source"],"generations":[2]"#,
                "generations",
            ),
        ] {
            let error = Description::parse(format!("{{{members}}}").as_bytes()).unwrap_err();
            assert!(error.to_string().contains(reason), "{members}: {error}");
        }
    }
}
