//! What plugins answer, for the document: endpoints of their own.

use std::collections::HashMap;

use lavalink_plugin_api::Endpoint;
use serde_json::{Map, Value, json};

use super::operation::guarded_answers;
use crate::rest::routes;

/// Methods an OpenAPI document can have and a plugin can be asked for; a HEAD is a GET.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "patch", "trace"];
/// Methods whose requests may have a body.
const WITH_BODY: [&str; 3] = ["put", "post", "patch"];

/// A path as OpenAPI writes it.
struct Template {
    path: String,
    /// The path without the names of its parameters: two of one shape are the same path.
    shape: String,
    parameters: Vec<Value>,
}

/// Adds the endpoints of plugins, each with the plugin's name. Those that are never asked, because the node or an earlier
/// plugin answers, and those OpenAPI has no form for are left out.
pub(super) fn add(paths: &mut Map<String, Value>, endpoints: &[(String, Endpoint)]) {
    let own: Vec<String> = paths.keys().cloned().collect();
    let mut known: HashMap<String, Template> = HashMap::new();
    for (number, (plugin, Endpoint { method, path })) in endpoints.iter().enumerate() {
        let method = method.to_ascii_lowercase();
        let is_asked = !own.iter().any(|own| routes::covers(own, path)) && !routes::is_error_page(path);
        let Some(template) = Template::of(path).filter(|_| is_asked && METHODS.contains(&&*method)) else {
            continue;
        };
        let template = known.entry(template.shape.clone()).or_insert(template);
        let item = paths.entry(&template.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.entry(&*method)
                .or_insert_with(|| operation(plugin, number, &method, &template.parameters));
        }
    }
}

fn operation(plugin: &str, number: usize, method: &str, parameters: &[Value]) -> Value {
    let mut answers = guarded_answers();
    answers.insert(
        "default".to_owned(),
        json!({"description": "What the plugin answers; 500 when it fails or is too slow."}),
    );
    let mut operation = json!({
        "operationId": format!("{plugin}_{number}"),
        "tags": [plugin],
        "summary": format!("An endpoint of the plugin {plugin}."),
        "parameters": parameters,
        "responses": answers,
    });
    if WITH_BODY.contains(&method) {
        operation["requestBody"] = json!({"content": {"*/*": {"schema": {}}}});
    }
    operation
}

impl Template {
    /// `None` for a path OpenAPI cannot write.
    fn of(pattern: &str) -> Option<Self> {
        let mut template = Self {
            path: String::new(),
            shape: String::new(),
            parameters: Vec::new(),
        };
        for segment in pattern.strip_prefix('/')?.split('/') {
            template.path.push('/');
            template.shape.push('/');
            let braced = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let Some(name) = braced else {
                if segment.contains(['{', '}', '?', '#']) {
                    return None;
                }
                template.path.push_str(segment);
                template.shape.push_str(segment);
                continue;
            };
            let rest = name.strip_prefix('*');
            let name = template.name(rest.unwrap_or(name));
            template.path.push_str(&format!("{{{name}}}"));
            template.shape.push_str("{}");
            let mut parameter =
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
            if rest.is_some() {
                parameter["description"] = json!("The rest of the path, slashes included.");
            }
            template.parameters.push(parameter);
            if rest.is_some() {
                break;
            }
        }
        Some(template)
    }

    /// A name for a parameter that the path does not have yet.
    fn name(&self, wanted: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let plain: String = wanted
            .chars()
            .map(|c| if is_plain(c) { c } else { '_' })
            .collect();
        let is_free = |name: &str| self.parameters.iter().all(|known| known["name"] != name);
        if !plain.is_empty() && is_free(&plain) {
            return plain;
        }
        // Ends: a path has few parameters.
        let mut number = 1_usize;
        loop {
            let name = format!("{plain}_{number}");
            if is_free(&name) {
                return name;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths_of(endpoints: &[(&str, &str, &str)]) -> Map<String, Value> {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(plugin, method, path)| {
                let (method, path) = ((*method).to_owned(), (*path).to_owned());
                ((*plugin).to_owned(), Endpoint { method, path })
            })
            .collect();
        let mut paths = Map::new();
        paths.insert("/v4/sessions/{sessionId}".to_owned(), json!({"patch": {}}));
        add(&mut paths, &endpoints);
        paths.remove("/v4/sessions/{sessionId}");
        paths
    }

    #[test]
    fn an_endpoint_has_its_variables_and_the_answers_of_the_password() {
        let paths = paths_of(&[("hymns", "POST", "/v4/hymns/{name}/{*rest}")]);
        let operation = &paths["/v4/hymns/{name}/{rest}"]["post"];
        assert_eq!(operation["operationId"], "hymns_0");
        assert_eq!(operation["parameters"][0]["name"], "name");
        assert_eq!(operation["parameters"][1]["name"], "rest");
        assert!(operation["responses"]["401"].is_object() && operation["responses"]["default"].is_object());
        assert!(operation["requestBody"].is_object());
    }

    #[test]
    fn what_is_never_asked_or_has_no_form_is_left_out() {
        let paths = paths_of(&[
            ("a", "GET", "/v4/sessions/mine"),
            ("a", "GET", "/v4/sessions/{own}"),
            ("a", "GET", "/error"),
            ("a", "PROPFIND", "/v4/a"),
            ("a", "HEAD", "/v4/a"),
            ("a", "GET", "/v4/a{b}"),
            ("a", "GET", "/v4/a?b"),
        ]);
        assert!(paths.is_empty(), "{paths:#?}");
    }

    #[test]
    fn paths_that_differ_in_names_only_are_one() {
        let paths = paths_of(&[
            ("a", "GET", "/v4/x/{one}"),
            ("b", "GET", "/v4/x/{two}"),
            ("b", "DELETE", "/v4/x/{two}"),
        ]);
        assert_eq!(paths.keys().collect::<Vec<_>>(), ["/v4/x/{one}"]);
        let item = &paths["/v4/x/{one}"];
        assert_eq!(item["get"]["tags"], json!(["a"]));
        assert_eq!(item["delete"]["tags"], json!(["b"]));
        assert_eq!(item["delete"]["parameters"][0]["name"], "one");
    }

    #[test]
    fn odd_names_become_plain_and_distinct_ones() {
        let paths = paths_of(&[("a", "GET", "/v4/{a b}/{a|b}/{}/{*}")]);
        assert_eq!(paths.keys().collect::<Vec<_>>(), ["/v4/{a_b}/{a_b_1}/{_1}/{_2}"]);
    }
}
