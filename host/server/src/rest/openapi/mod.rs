//! `/v4/openapi.json`: the OpenAPI 3.1 document, made from the table of routes.

mod operation;
pub mod operations;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};

pub use operation::Operation;

use super::{json_bytes, routes};
use crate::build_info;
use crate::config::MetricsConfig;
use crate::node::Node;

/// The shapes of bodies and answers. Kept beside the hand-written readers of request bodies, whose leniency no derive
/// can express; the black-box suite checks answers of a running node against them.
const SCHEMAS: &str = include_str!("schemas.json");

/// `GET /v4/openapi.json`
pub async fn document(State(node): State<Arc<Node>>) -> Response<Body> {
    json_bytes(node.openapi.clone())
}

/// Writes the document of a node with these settings.
pub fn write(context_path: &str, metrics: &MetricsConfig) -> Bytes {
    Bytes::from(build(context_path, metrics).to_string())
}

fn build(context_path: &str, metrics: &MetricsConfig) -> Value {
    let mut paths = Map::new();
    for (path, is_guarded, operations) in routes::documented(metrics) {
        let mut item = Map::new();
        for (method, operation) in operations {
            item.insert(name(&method), operation.to_json(is_guarded));
        }
        paths.insert(path, item.into());
    }
    // Cannot fail: a test reads it.
    let mut schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    schemas["Anything"] = json!({});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lavalink v4",
            "version": build_info::LAVALINK_VERSION,
            "description": "The REST interface of lavalink-rust, which is that of Lavalink.",
        },
        "servers": [{"url": if context_path.is_empty() { "/" } else { context_path }}],
        "security": [{"password": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"password": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
    })
}

/// The method as OpenAPI spells it.
fn name(method: &Method) -> String {
    method.as_str().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn metrics() -> MetricsConfig {
        MetricsConfig {
            enabled: true,
            endpoint: "/metrics".to_owned(),
            is_endpoint_open: false,
        }
    }

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.insert(target.clone());
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_is_there_and_used() {
        let document = build("", &metrics());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        let known: BTreeSet<String> = schemas
            .keys()
            .map(|name| format!("#/components/schemas/{name}"))
            .collect();
        assert_eq!(found, known);
    }

    #[test]
    fn operations_have_names_of_their_own_and_all_their_path_variables() {
        let document = build("", &metrics());
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for operation in item.as_object().expect("an item").values() {
                assert!(ids.insert(operation["operationId"].to_string()), "{operation}");
                let parameters = operation["parameters"].as_array().expect("a list");
                let in_path = parameters.iter().filter(|p| p["in"] == "path").count();
                assert_eq!(in_path, path.matches('{').count(), "{path}");
            }
        }
        assert!(ids.len() >= 18);
    }
}
