//! A JSON Schema (draft 2020-12) of `application.yml`, made from the table of keys.

use serde_json::{Map, Value, json};

use super::key::{Effect, Key, Kind, Step};
use super::keys;

/// A section of the tree while it is put together.
#[derive(Default)]
struct Section {
    /// Named children in the order of the table.
    children: Vec<(&'static str, Section)>,
    /// Children with names the operator chooses.
    entries: Option<Box<Section>>,
    /// Items, when this is a list.
    items: Option<Box<Section>>,
    /// The key that stands here.
    key: Option<&'static Key>,
    /// Whether everything below is accepted.
    is_open: bool,
}

/// The schema.
pub fn schema() -> Value {
    let mut root = Section {
        // Operators may keep values of their own, for placeholders.
        is_open: true,
        ..Section::default()
    };
    for key in keys::ALL {
        let mut section = &mut root;
        for step in key.steps() {
            section = match step {
                Step::Name(name) => child(section, name),
                Step::Entry => section.entries.get_or_insert_default(),
                Step::Index => section.items.get_or_insert_default(),
                Step::Rest => {
                    section.is_open = true;
                    section
                }
            };
        }
        // A key for everything below describes nothing itself when there are others.
        let is_leaf = section.key.is_none() && section.children.is_empty();
        if is_leaf || !key.name.ends_with("**") {
            section.key = Some(key);
        }
    }
    let mut schema = render(&root);
    if let Value::Object(entries) = &mut schema {
        let mut head = Map::new();
        head.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        head.insert("title".to_owned(), json!("application.yml of lavalink-rust"));
        head.append(entries);
        head.insert("$defs".to_owned(), definitions());
        return Value::Object(head);
    }
    schema
}

fn child<'a>(section: &'a mut Section, name: &'static str) -> &'a mut Section {
    let position = section
        .children
        .iter()
        .position(|(known, _)| *known == name)
        .unwrap_or_else(|| {
            section.children.push((name, Section::default()));
            section.children.len() - 1
        });
    &mut section.children[position].1
}

fn definitions() -> Value {
    json!({
        "placeholder": {"type": "string", "pattern": "\\$\\{"},
        "boolean": {"anyOf": [
            {"type": "boolean"},
            {"type": "integer", "enum": [0, 1]},
            {"type": "string", "pattern": "^\\s*([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Oo][Nn]|[Oo][Ff][Ff]|[Yy][Ee][Ss]|[Nn][Oo]|0|1|)\\s*$"},
            {"$ref": "#/$defs/placeholder"},
            {"type": "null"},
        ]},
        "text": {"type": ["string", "number", "boolean", "null"]},
        "texts": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/text"}}, {"$ref": "#/$defs/text"}]},
        "size": {"anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": "^\\s*([0-9]+\\s*([kKmMgGtT]?[bB]?))?\\s*$"},
            {"$ref": "#/$defs/placeholder"},
            {"type": "null"},
        ]},
        "time": {"anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": "^\\s*([0-9]+\\s*(ns|us|ms|s|m|h|d)?|[pP][tT]([0-9]+[hHmMsS])+)?\\s*$"},
            {"$ref": "#/$defs/placeholder"},
            {"type": "null"},
        ]},
        "level": {"anyOf": [
            {"type": "string", "pattern": "^\\s*([Oo][Ff][Ff]|[Ff][Aa][Ll][Ss][Ee]|[Ff][Aa][Tt][Aa][Ll]|[Ee][Rr][Rr][Oo][Rr]|[Ww][Aa][Rr][Nn]|[Ii][Nn][Ff][Oo]|[Dd][Ee][Bb][Uu][Gg]|[Tt][Rr][Aa][Cc][Ee]|[Aa][Ll][Ll])?\\s*$"},
            {"const": false},
            {"$ref": "#/$defs/placeholder"},
            {"type": "null"},
        ]},
    })
}

fn render(section: &Section) -> Value {
    let has_children = !section.children.is_empty() || section.entries.is_some();
    match section.key {
        Some(key) if !has_children => return leaf(key),
        _ => {}
    }
    if let Some(items) = &section.items {
        return json!({"type": ["array", "null"], "items": render(items)});
    }
    let mut properties = Map::new();
    let mut patterns = Map::new();
    for (name, child) in &section.children {
        let rendered = render(child);
        if let Some(pattern) = other_spellings(name) {
            patterns.insert(pattern, rendered.clone());
        }
        properties.insert((*name).to_owned(), rendered);
    }
    // `server.port: 1` instead of two levels.
    patterns.insert("[.\\[]".to_owned(), json!(true));
    let additional = match (&section.entries, section.is_open) {
        (_, true) => json!(true),
        (Some(entries), false) => render(entries),
        (None, false) => json!(false),
    };
    json!({
        // A section whose keys are all commented out is null.
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": additional,
    })
}

/// A pattern of the spellings of a name that has several words: camel, kebab and snake case.
fn other_spellings(name: &str) -> Option<String> {
    let mut pattern = "^".to_owned();
    let mut words = 1;
    let mut is_start = false;
    for c in name.chars() {
        if c == '-' {
            is_start = true;
            continue;
        }
        if is_start || c.is_ascii_uppercase() {
            words += 1;
            is_start = false;
            pattern.push_str(&format!(
                "[-_]?[{}{}]",
                c.to_ascii_uppercase(),
                c.to_ascii_lowercase()
            ));
        } else {
            pattern.push(c);
        }
    }
    pattern.push('$');
    (words > 1).then_some(pattern)
}

fn leaf(key: &Key) -> Value {
    let mut schema = match key.kind {
        Kind::Boolean => json!({"$ref": "#/$defs/boolean"}),
        Kind::Integer { least, most, .. } => json!({"anyOf": [
            {"type": "integer", "minimum": least, "maximum": most},
            {"type": "string", "pattern": "^\\s*([-+]?[0-9_]+|0[xX][0-9a-fA-F]+)?\\s*$"},
            {"$ref": "#/$defs/placeholder"},
            {"type": "null"},
        ]}),
        Kind::Text | Kind::Secret | Kind::Address => json!({"$ref": "#/$defs/text"}),
        Kind::Choice(names) => json!({"anyOf": [
            {"enum": names},
            {"type": "string", "pattern": format!("^\\s*({})?\\s*$", names.iter().map(|name| any_case(name)).collect::<Vec<_>>().join("|"))},
            {"$ref": "#/$defs/placeholder"},
            {"type": "null"},
        ]}),
        Kind::Level => json!({"$ref": "#/$defs/level"}),
        Kind::Size => json!({"$ref": "#/$defs/size"}),
        Kind::Time => json!({"$ref": "#/$defs/time"}),
        Kind::Texts => json!({"$ref": "#/$defs/texts"}),
        Kind::Anything => json!({}),
    };
    if let Value::Object(entries) = &mut schema {
        let mut description = key.meaning.to_owned();
        if let Effect::Nothing(reason) = key.effect {
            description.push_str(&format!(". Without effect: {reason}"));
        }
        entries.insert("description".to_owned(), json!(description));
        if !key.default.is_empty() {
            let default = match key.kind {
                Kind::Boolean => json!(key.default == "true"),
                Kind::Integer { .. } => serde_json::from_str(key.default).unwrap_or(Value::Null),
                _ => json!(key.default),
            };
            entries.insert("default".to_owned(), default);
        }
        if key.is_secret() {
            entries.insert("writeOnly".to_owned(), json!(true));
        }
    }
    schema
}

/// A pattern that matches the name in any case, with `-` and `_` anywhere between its letters.
fn any_case(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| match c.is_ascii_alphabetic() {
            true => format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase()),
            false => c.to_string(),
        })
        .collect::<Vec<_>>()
        .join("[-_]*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml;
    use std::path::Path;
    use std::sync::Arc;

    /// Every key of Java Lavalink's example file, with values of the types it has there.
    const JAVA: &str = r#"
server: {port: 2333, address: 0.0.0.0, http2: {enabled: false}}
plugins: {}
lavalink:
  plugins:
    - dependency: "com.example:example-plugin:1.0.0"
      repository: "https://maven.example.com/releases"
      snapshot: false
  pluginsDir: "./plugins"
  defaultPluginRepository: "https://maven.example.com/releases"
  defaultPluginSnapshotRepository: "https://maven.example.com/snapshots"
  server:
    password: "youshallnotpass"
    sources: {youtube: false, bandcamp: true, soundcloud: true, twitch: true, vimeo: true, nico: true, http: true, local: false}
    filters: {volume: true, equalizer: true, karaoke: true, timescale: true, tremolo: true, vibrato: true, distortion: true,
              rotation: true, channelMix: true, lowPass: true}
    nonAllocatingFrameBuffer: false
    bufferDurationMs: 400
    frameBufferDurationMs: 5000
    opusEncodingQuality: 10
    resamplingQuality: LOW
    trackStuckThresholdMs: 10000
    useSeekGhosting: true
    youtubePlaylistLoadLimit: 6
    playerUpdateInterval: 5
    youtubeSearchEnabled: true
    soundcloudSearchEnabled: true
    soundcloudFilterOutPreviewTracks: false
    gc-warnings: true
    ratelimit:
      ipBlocks: ["1.0.0.0/8", "2.0.0.0/8"]
      excludedIps: ["1.0.0.1"]
      strategy: "RotateOnBan"
      searchTriggersFail: true
      retryLimit: -1
    youtubeConfig: {email: "", password: ""}
    httpConfig: {proxyHost: "localhost", proxyPort: 3128, proxyUser: "", proxyPassword: ""}
    timeouts: {connectTimeoutMs: 3000, connectionRequestTimeoutMs: 3000, socketTimeoutMs: 3000}
metrics: {prometheus: {enabled: false, endpoint: /metrics}}
sentry: {dsn: "", environment: "", tags: {some_key: some_value}}
logging:
  file: {path: ./logs/}
  level: {root: INFO, lavalink: INFO, lavalink.server.io: OFF}
  request: {enabled: true, includeClientInfo: true, includeHeaders: false, includeQueryString: true, includePayload: true,
            maxPayloadLength: 10000, beforeRequest: false}
  logback: {rollingpolicy: {max-file-size: 1GB, max-history: 30, maxHistory: 30}}
"#;

    fn problem(text: &str) -> Option<String> {
        let path: Arc<Path> = Arc::from(Path::new("a.yml"));
        let document = yaml::parse(text, &path).expect(text).remove(0).to_json();
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler
            .add_resource("schema.json", schema())
            .expect("a resource");
        let index = compiler
            .compile("schema.json", &mut schemas)
            .unwrap_or_else(|error| panic!("no valid schema: {error:#}"));
        schemas
            .validate(&document, index)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn the_example_files_are_valid() {
        assert_eq!(problem(JAVA), None);
        assert_eq!(
            problem(include_str!("../../../../config/application.example.yml")),
            None
        );
        assert_eq!(problem(crate::config::EMBEDDED), None);
    }

    #[test]
    fn other_spellings_and_placeholders_are_valid() {
        for text in [
            "lavalink.server.password: x",
            "lavalink: {server: {player-update-interval: 5, player_update_interval: 6}}",
            "lavalink: {server: {playerUpdateInterval: '${INTERVAL:5}', resamplingQuality: medium, ratelimit: }}",
            "lavalink: {server: {ratelimit: {ip-blocks: '1.0.0.0/8, 2.0.0.0/8', strategy: load-balance}}}",
            "server: {port: '2333', servlet: {contextPath: /x, session: {timeout: 5}}}",
            "server: {undertow: {threads: {io: 4}}}\nmy: {own: value}\nplugins: {x: {y: [1]}}",
        ] {
            assert_eq!(problem(text), None, "{text}");
        }
    }

    #[test]
    fn mistakes_are_found() {
        for text in [
            "lavalink: {server: {passwort: x}}",
            "lavalink: {srver: {}}",
            "server: {port: 70000}",
            "server: {port: high}",
            "lavalink: {server: {useSeekGhosting: maybe}}",
            "lavalink: {server: {resamplingQuality: BEST}}",
            "lavalink: {server: {filters: {volume: [true]}}}",
            "lavalink: {plugins: {dependency: x}}",
            "logging: {level: {root: LOUD}}",
            "logging: {logback: {rollingpolicy: {max-file-size: big}}}",
        ] {
            assert!(problem(text).is_some(), "{text}");
        }
    }

    #[test]
    fn the_table_and_the_reader_agree_on_the_example_of_java() {
        use crate::config::check;
        use crate::config::findings::Findings;
        let path: Arc<Path> = Arc::from(Path::new("a.yml"));
        let tree = yaml::parse(JAVA, &path).expect("yaml").remove(0).expanded();
        let mut findings = Findings::default();
        check::check(&tree, &mut findings);
        assert!(findings.sorted().is_empty(), "{:?}", findings.sorted());
    }
}
