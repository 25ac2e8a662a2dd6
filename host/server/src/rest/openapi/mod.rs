//! `/v4/openapi.json`: the OpenAPI 3.1 document, made from the table of routes and from what plugins answer at the moment.

mod operation;
pub mod operations;
mod plugin_paths;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Response};
use lavalink_plugin_api::Endpoint;
use lavalink_plugins::Plugins;
use serde_json::{Map, Value, json};

pub use operation::Operation;

use super::{finders, json_bytes, routes};
use crate::build_info;
use crate::config::MetricsConfig;
use crate::node::Node;

/// The shapes of bodies and answers. Kept beside the hand-written readers of request bodies, whose leniency no derive
/// can express; the black-box suite checks answers of a running node against them.
const SCHEMAS: &str = include_str!("schemas.json");

/// What plugins add to the document.
#[derive(Debug, Default)]
struct Offered {
    /// Endpoints, each with the name of its plugin.
    endpoints: Vec<(String, Endpoint)>,
    searches: bool,
    lyrics: bool,
}

impl Offered {
    fn by(plugins: &Plugins) -> Self {
        Self {
            endpoints: plugins.endpoints(),
            searches: plugins.has_searches(),
            lyrics: plugins.has_lyrics(),
        }
    }
}

/// `GET /v4/openapi.json`
pub async fn document(State(node): State<Arc<Node>>) -> Response<Body> {
    let config = &node.config;
    let offered = Offered::by(&node.services.plugins);
    json_bytes(build(&config.server.context_path, &config.metrics, &offered).to_string())
}

fn build(context_path: &str, metrics: &MetricsConfig, offered: &Offered) -> Value {
    let mut paths = Map::new();
    let found = finders::documented(offered.searches, offered.lyrics);
    let found = found.map(|(path, operations)| (path.to_owned(), true, operations));
    for (path, is_guarded, operations) in routes::documented(metrics).chain(found) {
        let mut item = Map::new();
        for (method, operation) in operations {
            item.insert(name(&method), operation.to_json(is_guarded));
        }
        paths.insert(path, item.into());
    }
    plugin_paths::add(&mut paths, &offered.endpoints);
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

    fn with_everything() -> Offered {
        let endpoint = |method: &str, path: &str| {
            let (method, path) = (method.to_owned(), path.to_owned());
            ("hymns".to_owned(), Endpoint { method, path })
        };
        Offered {
            endpoints: vec![
                endpoint("GET", "/v4/hymns/{name}"),
                endpoint("POST", "/v4/hymns/{name}"),
            ],
            searches: true,
            lyrics: true,
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
        let document = build("", &metrics(), &with_everything());
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
        let document = build("", &metrics(), &with_everything());
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for operation in item.as_object().expect("an item").values() {
                assert!(ids.insert(operation["operationId"].to_string()), "{operation}");
                let parameters = operation["parameters"].as_array().expect("a list");
                let in_path = parameters.iter().filter(|p| p["in"] == "path").count();
                assert_eq!(in_path, path.matches('{').count(), "{path}");
            }
        }
        assert!(ids.len() >= 25);
    }

    #[test]
    fn what_no_plugin_offers_is_not_in_it() {
        let paths = |offered: &Offered| {
            let document = build("", &metrics(), offered);
            let paths = document["paths"].as_object().expect("paths");
            paths.keys().cloned().collect::<BTreeSet<_>>()
        };
        let (with, without) = (paths(&with_everything()), paths(&Offered::default()));
        let gone: Vec<&str> = with.difference(&without).map(String::as_str).collect();
        assert_eq!(
            gone,
            [
                "/v4/hymns/{name}",
                "/v4/loadsearch",
                "/v4/lyrics",
                "/v4/sessions/{sessionId}/players/{guildId}/lyrics/subscribe",
                "/v4/sessions/{sessionId}/players/{guildId}/track/lyrics",
            ]
        );
    }
}
