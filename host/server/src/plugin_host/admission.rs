//! Decides for the operator which plugins are loaded and what they may do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lavalink_net::HostList;
use lavalink_plugins::{Admission, Applicant, Form, Grants, Manifest};
use serde_json::Value;

use super::settings_schema;
use crate::config::{Config, NativePlugins, PluginPolicy};
use crate::provision::Provision;

/// See the module.
pub struct OperatorsAdmission {
    config: Arc<Config>,
    provision: Arc<Provision>,
    /// The folder of plugins that came with the node.
    bundled: Option<PathBuf>,
}

impl OperatorsAdmission {
    /// What the configuration says. `bundled` is the folder beside the node's binary.
    pub fn new(config: Arc<Config>, provision: Arc<Provision>, bundled: Option<&Path>) -> Self {
        Self {
            config,
            provision,
            bundled: bundled.and_then(|folder| folder.canonicalize().ok()),
        }
    }

    /// Holds the file against the hash it should have.
    fn check_hash(&self, applicant: &Applicant<'_>) -> Result<(), String> {
        let Some(wanted) = self.provision.wanted_hash(applicant.path) else {
            return Ok(());
        };
        let found = applicant
            .sha256()
            .map_err(|error| format!("its SHA-256 cannot be taken: {error}"))?;
        if found == wanted {
            Ok(())
        } else {
            Err(format!(
                "its file has the SHA-256 {found}, but should have {wanted}; find out why before changing the hash"
            ))
        }
    }

    /// Natives run with all rights: those that came with the node are in use, others when the operator says so.
    fn check_native(&self, applicant: &Applicant<'_>) -> Result<(), String> {
        let policy = self.config.native_plugins;
        let is_bundled = self.bundled.is_some() && applicant.path.parent() == self.bundled.as_deref();
        let is_pinned = self.provision.is_pinned(applicant.path);
        let is_allowed = match policy {
            NativePlugins::All => true,
            NativePlugins::Pinned => is_bundled || is_pinned,
            NativePlugins::Bundled => is_bundled,
        };
        if applicant.form != Form::Native || is_allowed {
            return Ok(());
        }
        let path = applicant.path.display();
        let pin = match (policy, applicant.sha256()) {
            (NativePlugins::Pinned, Ok(sha256)) => {
                format!(
                    "; if you trust it, add `{{path: \"{path}\", sha256: {sha256}}}` to lavalink.plugins, or allow all by"
                )
            }
            _ => "; allow others by".to_owned(),
        };
        Err(format!(
            "it is native, so it runs with all rights of the node, and did not come with the node{pin} `lavalink.native-plugins: all`"
        ))
    }
}

/// Holds a plugin's settings against the JSON Schema in its manifest.
///
/// # Errors
/// What is wrong with which setting; no value of one is told.
pub fn check_settings(config: &Config, manifest: &Manifest) -> Result<(), String> {
    let Some(schema) = &manifest.config_schema else {
        return Ok(());
    };
    let settings = config.plugin_settings(&manifest.name);
    let settings: Value = serde_json::from_str(&settings).unwrap_or_default();
    settings_schema::check(&manifest.name, schema.clone(), settings)
}

impl Admission for OperatorsAdmission {
    fn admit(&self, applicant: &Applicant<'_>) -> Result<Grants, String> {
        self.check_hash(applicant)?;
        self.check_native(applicant)?;
        check_settings(&self.config, applicant.manifest)?;
        let policy = self.config.plugin_policy(&applicant.manifest.name);
        Ok(granted(applicant.manifest, applicant.form, policy))
    }
}

/// No more than the manifest asks for, no more than the operator gives.
fn granted(manifest: &Manifest, form: Form, policy: Option<&PluginPolicy>) -> Grants {
    let mut grants = Grants::wanted_by(manifest, form);
    if let Some(operators) = policy.and_then(|policy| policy.hosts.as_ref()) {
        let readable = |pattern: &String| HostList::parse([pattern.as_str()]).ok();
        let both = grants
            .hosts
            .iter()
            .filter_map(readable)
            .flat_map(|wanted| wanted.both(operators).patterns());
        grants.hosts = both.collect();
        grants.hosts.sort();
        grants.hosts.dedup();
    }
    let operators = policy.and_then(|policy| policy.memory_mib);
    grants.memory_mib = match (manifest.memory, operators) {
        (Some(wanted), Some(most)) => wanted.min(most),
        (None, Some(given)) => given,
        (wanted, None) => wanted
            .unwrap_or(Grants::none().memory_mib)
            .min(Grants::none().memory_mib),
    };
    if form == Form::Wasm && manifest.memory.is_some_and(|wanted| wanted > grants.memory_mib) {
        tracing::warn!(
            "Plugin {0} asks for {1} MiB of memory and gets {2}; `lavalink.plugin-policy.{0}.memory` gives it more",
            manifest.name,
            manifest.memory.unwrap_or_default(),
            grants.memory_mib
        );
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(hosts: Option<&[&str]>, memory_mib: Option<u32>) -> PluginPolicy {
        PluginPolicy {
            hosts: hosts.map(|hosts| HostList::parse(hosts.iter().copied()).unwrap()),
            memory_mib,
        }
    }

    fn manifest(hosts: Option<&[&str]>, memory: Option<u32>) -> Manifest {
        Manifest {
            name: "x".to_owned(),
            hosts: hosts.map(|hosts| hosts.iter().map(|host| (*host).to_owned()).collect()),
            memory,
            ..Manifest::default()
        }
    }

    #[test]
    fn hosts_are_what_both_name() {
        let wanted = manifest(Some(&["*.a.test", "b.test"]), None);
        let of = |hosts: Option<&[&str]>| granted(&wanted, Form::Wasm, Some(&policy(hosts, None))).hosts;
        assert_eq!(of(None), ["*.a.test", "b.test"]);
        assert_eq!(of(Some(&[])), Vec::<String>::new());
        assert_eq!(of(Some(&["*"])), ["*.a.test", "b.test"]);
        assert_eq!(of(Some(&["x.a.test", "*.b.test", "c.test"])), ["x.a.test"]);
        let silent = manifest(None, None);
        assert_eq!(
            granted(&silent, Form::Wasm, Some(&policy(Some(&["*"]), None))).hosts,
            Vec::<String>::new()
        );
        assert_eq!(
            granted(&silent, Form::Native, Some(&policy(Some(&["a.test"]), None))).hosts,
            ["a.test"]
        );
    }

    #[test]
    fn memory_beyond_the_usual_takes_the_operators_word() {
        let of = |wanted, given| {
            granted(&manifest(None, wanted), Form::Wasm, Some(&policy(None, given))).memory_mib
        };
        assert_eq!(
            (of(None, None), of(Some(8), None), of(Some(512), None)),
            (64, 8, 64)
        );
        assert_eq!(
            (
                of(Some(512), Some(256)),
                of(Some(128), Some(256)),
                of(None, Some(256))
            ),
            (256, 128, 256)
        );
    }
}
