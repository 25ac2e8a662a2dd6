//! `lavalink.native-plugins` and `lavalink.plugin-policy`: what the operator lets plugins do.

use std::collections::HashMap;

use lavalink_net::HostList;

use super::findings::Findings;
use super::key::Converted;
use super::keys;
use super::path::relaxed;
use super::reader::Reader;
use super::tree::{Node, Value};

/// Which native plugins are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativePlugins {
    /// Those beside the node's binary.
    Bundled,
    /// Those, and files whose hash the operator names.
    Pinned,
    /// Any file in a plugin directory.
    All,
}

/// What the operator lets one plugin do; `None` leaves it to the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginPolicy {
    /// Hosts it may reach at most.
    pub hosts: Option<HostList>,
    /// Memory of an instance, MiB.
    pub memory_mib: Option<u32>,
}

/// Which natives are loaded.
pub fn natives(reader: &Reader<'_>) -> NativePlugins {
    match reader.choice(&keys::NATIVE_PLUGINS) {
        "all" => NativePlugins::All,
        "bundled" => NativePlugins::Bundled,
        _ => NativePlugins::Pinned,
    }
}

/// The policies by name, in relaxed form; what is wrong with them is an error.
pub fn read(reader: &Reader<'_>, findings: &mut Findings) -> HashMap<String, PluginPolicy> {
    let Some(Value::Map(entries)) = reader.tree().at("lavalink.plugin-policy").map(|node| &node.value) else {
        return HashMap::new();
    };
    entries
        .iter()
        .map(|(name, node)| (relaxed(name), policy(name, node, findings)))
        .collect()
}

fn policy(name: &str, node: &Node, findings: &mut Findings) -> PluginPolicy {
    let hosts = node.get("hosts").and_then(|hosts| {
        let Ok(Some(Converted::Texts(patterns))) = keys::POLICY_HOSTS.convert(hosts) else {
            return None;
        };
        HostList::parse(patterns.iter().map(String::as_str))
            .map_err(|reason| {
                findings.error(
                    &hosts.origin,
                    format!("lavalink.plugin-policy.{name}.hosts: {reason}"),
                )
            })
            .ok()
    });
    let memory = node
        .get("memory")
        .map(|memory| keys::POLICY_MEMORY.convert(memory));
    let memory_mib = match memory {
        Some(Ok(Some(Converted::Integer(mebibytes)))) => u32::try_from(mebibytes).ok(),
        _ => None,
    };
    PluginPolicy { hosts, memory_mib }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::origin::Origin;

    #[test]
    fn policies_are_read_by_name() {
        let tree = Node::from_json(
            json!({"lavalink": {"native-plugins": "ALL", "plugin-policy": {
                "my-plugin": {"hosts": ["*.a.test"], "memory": 128},
                "shut": {"hosts": []},
                "bad": {"hosts": "http://x"},
            }}}),
            &Origin::BuiltIn,
        )
        .expanded();
        let mut findings = Findings::default();
        let reader = Reader::new(&tree);
        assert_eq!(natives(&reader), NativePlugins::All);
        let policies = read(&reader, &mut findings);
        assert_eq!(
            policies["myplugin"],
            PluginPolicy {
                hosts: Some(HostList::parse(["*.a.test"]).unwrap()),
                memory_mib: Some(128)
            }
        );
        assert_eq!(policies["shut"].hosts, Some(HostList::default()));
        assert!(
            findings.to_string().contains("lavalink.plugin-policy.bad.hosts"),
            "{findings}"
        );
    }
}
