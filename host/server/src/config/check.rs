//! Holds the merged tree against the table of keys: what does not convert, what nobody knows, what has no effect.

use strsim::damerau_levenshtein;

use super::environment;
use super::findings::Findings;
use super::key::{Beyond, Effect, Key, Kind, Mismatch, Step};
use super::keys;
use super::origin::Origin;
use super::path::{self, Segment, relaxed};
use super::secrets;
use super::tree::{Node, Value};

/// Sections of which every key is known; elsewhere operators may keep values of their own.
const OWN_SECTIONS: &[&str] = &["lavalink", "server", "metrics", "logging", "sentry"];

/// Adds what is wrong to `findings` and returns the keys that are set but do nothing.
pub fn check(tree: &Node, findings: &mut Findings) -> Vec<String> {
    let mut without_effect = Vec::new();
    for (path, node) in tree.leaves() {
        match keys::of(&path) {
            Some(key) => {
                convert(key, &path, node, findings);
                let name = path::join(&path);
                let is_news = !without_effect.contains(&name) && !node.is_null();
                if matches!(key.effect, Effect::Nothing(_)) && is_news {
                    without_effect.push(name);
                }
            }
            None => unknown(&path, node, findings),
        }
    }
    without_effect
}

/// Whether the node reads the value at this path.
pub fn is_read(path: &[Segment]) -> bool {
    keys::of(path).is_some_and(|key| key.effect == Effect::Used)
}

/// Reports an environment variable that looks like a setting.
pub fn unknown_variable(name: &str, findings: &mut Findings) {
    let plain = |text: &str| text.replace('_', "");
    let wanted = plain(name);
    let near = keys::ALL
        .iter()
        .map(|key| environment::spelling(key))
        .map(|spelling| (damerau_levenshtein(&plain(&spelling), &wanted), spelling))
        .min();
    let hint = match near {
        Some((distance, spelling)) if distance <= 3 => format!("; did you mean {spelling}?"),
        _ => String::new(),
    };
    findings.warning(
        &Origin::Variable(name.into()),
        format!("no setting has this name{hint}"),
    );
}

fn convert(key: &Key, path: &[Segment], node: &Node, findings: &mut Findings) {
    // One item of a list of texts.
    let outcome = match (key.kind, path.last()) {
        (Kind::Texts, Some(Segment::Index(_))) => Kind::Text.convert(node).map(|_| ()),
        _ => key.convert(node).map(|_| ()),
    };
    let Err(mismatch) = outcome else { return };
    let name = path::join(path);
    let value = shown(path, node);
    match (mismatch, key.kind) {
        (
            Mismatch::Beyond,
            Kind::Integer {
                least,
                most,
                beyond: Beyond::Replaced,
            },
        ) => {
            let default = key.default;
            let range = match most {
                0..=1000 => format!("outside {least}..{most}"),
                _ => format!("below {least}"),
            };
            findings.warning(
                &node.origin,
                format!("{name} is {value}, {range}; {default} is used"),
            );
        }
        _ => {
            // What Java says, which operators search for.
            let java = match key.name == keys::STRATEGY.name {
                true => "Unknown strategy! ",
                false => "",
            };
            findings.error(
                &node.origin,
                format!("{java}{name} is `{value}`, but must be {}", key.kind.expected()),
            );
        }
    }
}

fn shown(path: &[Segment], node: &Node) -> String {
    if secrets::is_secret(path) {
        return secrets::MASK.to_owned();
    }
    let text = node.text().unwrap_or_else(|| node.to_json().to_string());
    secrets::without_credentials(&text)
}

fn unknown(path: &[Segment], node: &Node, findings: &mut Findings) {
    let name = path::join(path);
    if is_section(path) {
        let is_empty = matches!(&node.value, Value::Null | Value::Map(_))
            || node.text().is_some_and(|text| text.trim().is_empty());
        if !is_empty {
            findings.error(
                &node.origin,
                format!("{name} is `{}`, but has settings below it", shown(path, node)),
            );
        }
        return;
    }
    for length in 1..path.len() {
        let Some(key) = keys::of(&path[..length]).filter(|key| key.kind != Kind::Anything) else {
            continue;
        };
        let name = path::join(&path[..length]);
        let what = match path[length] {
            Segment::Key(_) => "a section",
            Segment::Index(_) => "a list",
        };
        findings.error(
            &node.origin,
            format!("{name} is {what}, but must be {}", key.kind.expected()),
        );
        return;
    }
    let is_own =
        matches!(path.first(), Some(Segment::Key(key)) if OWN_SECTIONS.contains(&relaxed(key).as_str()));
    match (is_own, suggestion(path, is_own)) {
        (_, Some(near)) => findings.warning(
            &node.origin,
            format!("{name} is not known and is ignored; did you mean {near}?"),
        ),
        (true, None) => findings.warning(&node.origin, format!("{name} is not known and is ignored")),
        (false, None) => {}
    }
}

/// Whether keys lie below this path.
fn is_section(path: &[Segment]) -> bool {
    keys::ALL.iter().any(|key| {
        let mut steps = key.steps();
        let fits = path.iter().all(|segment| match (steps.next(), segment) {
            (Some(Step::Name(name)), Segment::Key(key)) => relaxed(name) == relaxed(key),
            (Some(Step::Entry), Segment::Key(_)) | (Some(Step::Index), Segment::Index(_)) => true,
            _ => false,
        });
        fits && steps.next().is_some()
    })
}

/// The known key that is most like this one, if one is.
fn suggestion(path: &[Segment], may_move: bool) -> Option<String> {
    let plain = |text: &str| relaxed(text).replace("[]", "");
    let names: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(relaxed(key)),
            Segment::Index(_) => None,
        })
        .collect();
    let last = names.last()?;
    let whole = names.join(".");
    keys::ALL
        .iter()
        .filter(|key| !key.name.contains('*'))
        .filter_map(|key| {
            let known = plain(key.name);
            let known_last = known.rsplit('.').next().unwrap_or(&known);
            let in_place = damerau_levenshtein(&known, &whole);
            // A right name in the wrong section.
            let moved = 2 + 2 * damerau_levenshtein(known_last, last);
            let (distance, most) = match may_move && moved < in_place {
                true => (moved, 2 + last.len() / 4),
                false => (in_place, 1 + last.len() / 4),
            };
            (distance <= most).then(|| (distance, key.name.replace("[]", "[0]")))
        })
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::findings::Severity;
    use crate::config::yaml;
    use std::path::Path;
    use std::sync::Arc;

    fn checked(text: &str) -> (Vec<String>, Vec<String>) {
        let path: Arc<Path> = Arc::from(Path::new("a.yml"));
        let tree = yaml::parse(text, &path)
            .expect("yaml")
            .into_iter()
            .map(Node::expanded)
            .fold(Node::empty(), Node::overlaid);
        let mut findings = Findings::default();
        let without_effect = check(&tree, &mut findings);
        let texts = findings.sorted().iter().map(ToString::to_string).collect();
        (texts, without_effect)
    }

    #[test]
    fn what_does_not_convert_is_an_error_with_its_place() {
        for (text, expected) in [
            (
                "server:\n  port: abc\n",
                "a.yml:2: error: server.port is `abc`, but must be a whole number from 0 to 65535",
            ),
            (
                "server: {port: 70000}",
                "a.yml:1: error: server.port is `70000`, but must be a whole number from 0 to 65535",
            ),
            (
                "lavalink:\n  server:\n    opusEncodingQuality: best\n",
                "a.yml:3: error: lavalink.server.opusEncodingQuality is `best`, but must be a whole number from 0 to 10",
            ),
            (
                "lavalink.server.useSeekGhosting: maybe",
                "a.yml:1: error: lavalink.server.useSeekGhosting is `maybe`, but must be true or false",
            ),
            (
                "lavalink: {server: {resamplingQuality: BEST}}",
                "a.yml:1: error: lavalink.server.resamplingQuality is `BEST`, but must be one of LOW, MEDIUM, HIGH",
            ),
            (
                "logging.level: {a.b: LOUD}",
                "a.yml:1: error: logging.level.a.b is `LOUD`, but must be one of OFF, ERROR, WARN, INFO, DEBUG, TRACE",
            ),
            (
                "lavalink: {server: {password: [secret]}}",
                "a.yml:1: error: lavalink.server.password is a list, but must be text",
            ),
            (
                "lavalink: {server: {ratelimit: true}}",
                "a.yml:1: error: lavalink.server.ratelimit is `true`, but has settings below it",
            ),
            (
                "lavalink: {server: {ratelimit: {ipBlocks: [[a]]}}}",
                "a.yml:1: error: lavalink.server.ratelimit.ipBlocks is a list, but must be a list of texts, or one text with commas",
            ),
        ] {
            assert_eq!(checked(text).0, [expected], "{text}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_replaced_with_a_warning() {
        let (findings, _) =
            checked("lavalink: {server: {opusEncodingQuality: 11, trackStuckThresholdMs: 5}}");
        assert_eq!(
            findings,
            [
                "a.yml:1: warning: lavalink.server.opusEncodingQuality is 11, outside 0..10; 10 is used",
                "a.yml:1: warning: lavalink.server.trackStuckThresholdMs is 5, below 100; 10000 is used",
            ]
        );
    }

    #[test]
    fn unknown_keys_come_with_what_was_meant() {
        for (text, near) in [
            (
                "lavalink: {server: {passwort: x}}",
                Some("lavalink.server.password"),
            ),
            ("lavalink: {password: x}", Some("lavalink.server.password")),
            (
                "lavalink: {server: {player-update-intervall: 1}}",
                Some("lavalink.server.playerUpdateInterval"),
            ),
            (
                "lavalnk: {server: {password: x}}",
                Some("lavalink.server.password"),
            ),
            (
                "lavalink: {server: {filter: {volume: true}}}",
                Some("lavalink.server.filters.volume"),
            ),
            (
                "lavalink: {plugins: [{dependancy: x}]}",
                Some("lavalink.plugins[0].dependency"),
            ),
            ("server: {prot: 1}", Some("server.port")),
            ("logging: {file: {pth: x}}", Some("logging.file.path")),
            ("lavalink: {server: {quite-something-else: 1}}", None),
        ] {
            let (findings, _) = checked(text);
            assert_eq!(findings.len(), 1, "{text}: {findings:?}");
            let finding = &findings[0];
            assert!(
                finding.contains("a.yml:1: warning:") && finding.contains("is not known"),
                "{finding}"
            );
            match near {
                Some(near) => assert!(
                    finding.ends_with(&format!("did you mean {near}?")),
                    "{text}: {finding}"
                ),
                None => assert!(!finding.contains("did you mean"), "{finding}"),
            }
        }
        let (findings, _) = checked(
            "port: 1\nmy: {own: value}\nplugins: {x: {y: 1}}\nspring: {z: 1}\nlavalink: {server: {sources: {mine: true}, \
             ratelimit: , httpConfig: {}}}",
        );
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn keys_of_java_without_effect_are_collected() {
        let (findings, without_effect) = checked(
            "lavalink: {server: {gc-warnings: true, password: x}}\nsentry: {dsn: '', tags: {a.b: c}}\nserver.undertow.threads.io: 4",
        );
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(
            without_effect,
            [
                "lavalink.server.gc-warnings",
                "sentry.dsn",
                "sentry.tags.a.b",
                "server.undertow.threads.io"
            ]
        );
    }

    #[test]
    fn variables_come_with_what_was_meant() {
        let mut findings = Findings::default();
        unknown_variable("LAVALINK_SERVER_PASWORD", &mut findings);
        let finding = findings.of(Severity::Warning).next().expect("one").to_string();
        assert_eq!(
            finding,
            "environment variable LAVALINK_SERVER_PASWORD: warning: no setting has this name; did you mean LAVALINK_SERVER_PASSWORD?"
        );
    }
}
