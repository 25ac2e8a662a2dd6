//! `lavalink.server.egress`: where requests of the node may go.

use lavalink_net::{EgressRules, parse_network};

use super::findings::Findings;
use super::key::Key;
use super::keys;
use super::reader::Reader;

/// Reads the rules; what is wrong with them is an error.
pub fn read(reader: &Reader<'_>, findings: &mut Findings) -> EgressRules {
    EgressRules {
        allow_private: reader.boolean(&keys::EGRESS_ALLOW_PRIVATE),
        allow: list(reader, &keys::EGRESS_ALLOW, findings, parse_network),
        deny: list(reader, &keys::EGRESS_DENY, findings, parse_network),
        // A block the route planner cannot use is reported by the planner itself.
        own: reader
            .texts(&keys::IP_BLOCKS)
            .iter()
            .filter_map(|block| parse_network(block).ok())
            .collect(),
        ports: list(reader, &keys::EGRESS_PORTS, findings, str::parse),
        trusted_hosts: Vec::new(),
    }
}

fn list<T, E: std::fmt::Display>(
    reader: &Reader<'_>,
    key: &Key,
    findings: &mut Findings,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Vec<T> {
    let mut values = Vec::new();
    for text in reader.texts(key) {
        match parse(text.trim()) {
            Ok(value) => values.push(value),
            Err(reason) => findings.error(&reader.origin(key), format!("{}: {reason}", key.name)),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origin::Origin;
    use crate::config::tree::Node;
    use serde_json::json;

    fn rules(settings: serde_json::Value) -> (EgressRules, String) {
        let tree = Node::from_json(settings, &Origin::BuiltIn).expanded();
        let mut findings = Findings::default();
        let rules = read(&Reader::new(&tree), &mut findings);
        (rules, findings.to_string())
    }

    #[test]
    fn nothing_is_open_unless_it_is_said() {
        assert_eq!(rules(json!({})), (EgressRules::default(), String::new()));
        let (rules, findings) = rules(json!({"lavalink.server": {
            "egress": {"allowPrivate": "yes", "allow": "192.168.0.0/16, 10.1.2.3", "deny": ["fd00::/8"], "ports": [81, "88-90"]},
            "ratelimit.ipBlocks": ["1.2.3.0/24"],
        }}));
        assert_eq!(findings, "");
        assert!(rules.allow_private);
        assert_eq!(
            (
                rules.allow.len(),
                rules.deny.len(),
                rules.ports.len(),
                rules.own.len()
            ),
            (2, 1, 2, 1)
        );
    }

    #[test]
    fn what_cannot_be_read_is_an_error_with_its_key() {
        for key in ["allow", "deny", "ports"] {
            let mut settings = json!({});
            settings["lavalink.server.egress"] = json!({key: ["lan"]});
            let (_, findings) = rules(settings);
            assert!(
                findings.contains(&format!("lavalink.server.egress.{key}")),
                "{findings}"
            );
        }
    }
}
