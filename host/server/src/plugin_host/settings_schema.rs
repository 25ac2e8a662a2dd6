//! Holds a plugin's settings against the JSON Schema in its manifest.
//!
//! Both are strangers' work, so this runs on a thread of its own with a deadline, and reads nothing beside the schema.

use std::sync::mpsc;
use std::time::Duration;

use boon::{Compiler, ErrorKind, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

/// Time for all of it.
const TIME: Duration = Duration::from_secs(2);

/// Most references in a schema. Each can double the work, and a thread cannot be stopped.
const MAX_REFERENCES: usize = 32;

/// Stack of the thread: enough for the deepest schema there can be. Memory that is not touched costs nothing.
const STACK: usize = 32 * 1024 * 1024;

/// Most complaints told.
const MAX_COMPLAINTS: usize = 5;

/// Name of the schema while it is compiled.
const NAME: &str = "plugin:/configSchema";

/// Checks the settings, `plugins.<plugin>`.
///
/// # Errors
/// What is wrong with which setting, or with the schema; no value of a setting is told.
pub fn check(plugin: &str, schema: Value, settings: Value) -> Result<(), String> {
    if references(&schema) > MAX_REFERENCES {
        return Err(format!(
            "the configSchema of its manifest has more than {MAX_REFERENCES} references, which is the plugin's mistake"
        ));
    }
    let (answer, answered) = mpsc::sync_channel(1);
    let section = format!("plugins.{plugin}");
    std::thread::Builder::new()
        .name("plugin settings".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            // Fails only when the time is up and nobody waits any more.
            let _late = answer.send(checked(&section, schema, &settings));
        })
        .map_err(|error| format!("the system has no thread to check its settings on: {error}"))?;
    match answered.recv_timeout(TIME) {
        Ok(outcome) => outcome,
        Err(_) => Err(format!(
            "its settings could not be held against the configSchema of its manifest within {} s; that is the plugin's mistake",
            TIME.as_secs()
        )),
    }
}

fn checked(section: &str, schema: Value, settings: &Value) -> Result<(), String> {
    let (schemas, index) = compiled(schema).map_err(|reason| {
        format!("the configSchema of its manifest cannot be used, which is the plugin's mistake: {reason}")
    })?;
    schemas.validate(settings, index).map_err(|error| {
        let mut complaints = Vec::new();
        collect(section, &error, &mut complaints);
        complaints.dedup();
        let more = complaints.len() > MAX_COMPLAINTS;
        complaints.truncate(MAX_COMPLAINTS);
        if more {
            complaints.push("and more".to_owned());
        }
        format!("its settings do not fit: {}", complaints.join("; "))
    })
}

fn compiled(schema: Value) -> Result<(Schemas, SchemaIndex), String> {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Nothing));
    let told = |error: boon::CompileError| error.to_string().chars().take(200).collect::<String>();
    compiler.add_resource(NAME, schema).map_err(told)?;
    let index = compiler.compile(NAME, &mut schemas).map_err(told)?;
    Ok((schemas, index))
}

/// How often a schema refers to schemas. It is nested 128 levels at most, as all JSON that is read.
fn references(schema: &Value) -> usize {
    match schema {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| usize::from(name.ends_with("Ref") || name == "$ref") + references(value))
            .sum(),
        Value::Array(items) => items.iter().map(references).sum(),
        _ => 0,
    }
}

/// References beyond the schema itself, to files for example, lead nowhere.
struct Nothing;

impl UrlLoader for Nothing {
    fn load(&self, _: &str) -> Result<Value, Box<dyn std::error::Error>> {
        Err("a configSchema may refer to itself only".into())
    }
}

/// One line for each of the innermost reasons.
fn collect(section: &str, error: &ValidationError<'_, '_>, complaints: &mut Vec<String>) {
    if complaints.len() > MAX_COMPLAINTS {
        return;
    }
    if !error.causes.is_empty() {
        for cause in &error.causes {
            collect(section, cause, complaints);
        }
        return;
    }
    let place = format!(
        "{section}{}",
        error.instance_location.to_string().replace('/', ".")
    );
    let names = |names: &[&str]| names.join(", ");
    complaints.push(match &error.kind {
        // Kinds of values and names, no values.
        ErrorKind::Type { .. } => format!("{place}: {}", error.kind),
        ErrorKind::Required { want } => format!("{place} lacks {}", names(want)),
        ErrorKind::AdditionalProperties { got } => {
            let got: Vec<&str> = got.iter().map(AsRef::as_ref).collect();
            format!("{place} has {}, which it does not know", names(&got))
        }
        ErrorKind::Minimum { want, .. } => format!("{place} must be at least {want}"),
        ErrorKind::Maximum { want, .. } => format!("{place} must be at most {want}"),
        ErrorKind::Enum { want } => {
            let want: Vec<String> = want.iter().map(Value::to_string).collect();
            format!("{place} must be one of {}", want.join(", "))
        }
        ErrorKind::Pattern { want, .. } => format!("{place} must match {want}"),
        ErrorKind::Format { want, .. } => format!("{place} is no valid {want}"),
        _ => format!("{place} is not as the plugin wants it"),
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_fit_pass() {
        let schema =
            json!({"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]});
        assert_eq!(check("x", schema, json!({"token": "a"})), Ok(()));
        assert_eq!(check("x", json!({}), json!({})), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_named_without_its_value() {
        let schema = json!({
            "type": "object",
            "properties": {
                "token": {"type": "string", "pattern": "^[a-z]+$"},
                "limits": {"properties": {"pages": {"type": "integer", "maximum": 10}}},
                "kind": {"enum": ["a", "b"]},
            },
            "required": ["token"],
            "additionalProperties": false,
        });
        for (settings, told) in [
            (json!({}), "plugins.x lacks token"),
            (json!({"token": "a", "tokne": 1}), "tokne"),
            (json!({"token": "SECRET"}), "plugins.x.token must match ^[a-z]+$"),
            (
                json!({"token": "a", "limits": {"pages": "SECRET"}}),
                "plugins.x.limits.pages",
            ),
            (
                json!({"token": "a", "limits": {"pages": 11}}),
                "plugins.x.limits.pages must be at most 10",
            ),
            (
                json!({"token": "a", "kind": "SECRET"}),
                "plugins.x.kind must be one of \"a\", \"b\"",
            ),
        ] {
            let error = check("x", schema.clone(), settings.clone()).unwrap_err();
            assert!(
                error.contains(told) && !error.contains("SECRET"),
                "{settings}: {error}"
            );
        }
    }

    #[test]
    fn schemas_that_do_harm_are_the_plugins_mistake() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{}").unwrap();
        // Each level asks the next one twice.
        let mut doubling = serde_json::Map::new();
        for level in 0..60 {
            let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
            doubling.insert(
                format!("l{level}"),
                json!({"allOf": [next, next, {"type": "object"}]}),
            );
        }
        doubling.insert("l60".to_owned(), json!({}));
        let mut deep = serde_json::Map::new();
        for level in 0..1500 {
            deep.insert(
                format!("l{level}"),
                json!({"$ref": format!("#/$defs/l{}", level + 1)}),
            );
        }
        deep.insert("l1500".to_owned(), json!({"type": "string"}));
        for schema in [
            json!({"$ref": format!("file://{}", file.path().display())}),
            json!({"$ref": "http://schema.test/x"}),
            json!({"$ref": "#/$defs/nowhere"}),
            json!({"type": "something"}),
            json!({"$ref": "#/$defs/l0", "$defs": doubling}),
            json!({"$ref": "#/$defs/l0", "$defs": deep}),
        ] {
            let shown: String = schema.to_string().chars().take(80).collect();
            assert!(check("x", schema, json!({})).is_err(), "{shown}");
        }
    }
}
