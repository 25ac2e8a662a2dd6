//! The table of routes: which path takes which method, who answers, and what the OpenAPI document says about it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, any};

use super::openapi::{self, Operation, operations as doc};
use super::{
    ApiError, auth, diagnosis, info, interception, metrics, players, plugin_routes, plugins, route_planner,
    sessions, tracks,
};
use crate::config::MetricsConfig;
use crate::node::Node;
use crate::websocket;

/// A path and the methods it takes.
struct Endpoint {
    path: Cow<'static, str>,
    operations: Vec<(Method, &'static Operation)>,
    router: MethodRouter<Arc<Node>>,
    guard: Guard,
}

/// Who looks at the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// This table, before the handler runs.
    Table,
    /// The handler, which also looks at the method.
    Handler,
    /// Nobody.
    Nobody,
}

impl Endpoint {
    fn at(path: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: path.into(),
            operations: Vec::new(),
            router: MethodRouter::new(),
            guard: Guard::Table,
        }
    }

    /// Takes the password check away.
    fn open_to_all(mut self) -> Self {
        self.guard = Guard::Nobody;
        self
    }

    /// A path whose handler takes every method and checks everything itself.
    fn self_guarded<H, T>(path: &'static str, operation: &'static Operation, handler: H) -> Self
    where
        H: Handler<T, Arc<Node>>,
        T: 'static,
    {
        Self {
            path: path.into(),
            operations: vec![(Method::GET, operation)],
            router: any(handler),
            guard: Guard::Handler,
        }
    }

    fn on<H, T>(
        mut self,
        (method, filter): (Method, MethodFilter),
        operation: &'static Operation,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Node>>,
        T: 'static,
    {
        self.operations.push((method, operation));
        self.router = self.router.on(filter, handler);
        self
    }

    /// Answers HEAD as well.
    fn get<H: Handler<T, Arc<Node>>, T: 'static>(self, operation: &'static Operation, handler: H) -> Self {
        self.on((Method::GET, MethodFilter::GET), operation, handler)
    }

    fn post<H: Handler<T, Arc<Node>>, T: 'static>(self, operation: &'static Operation, handler: H) -> Self {
        self.on((Method::POST, MethodFilter::POST), operation, handler)
    }

    fn patch<H: Handler<T, Arc<Node>>, T: 'static>(self, operation: &'static Operation, handler: H) -> Self {
        self.on((Method::PATCH, MethodFilter::PATCH), operation, handler)
    }

    fn delete<H: Handler<T, Arc<Node>>, T: 'static>(self, operation: &'static Operation, handler: H) -> Self {
        self.on((Method::DELETE, MethodFilter::DELETE), operation, handler)
    }

    /// The path with its password check. A method it does not take is refused before that.
    fn into_router(self, node: &Arc<Node>) -> MethodRouter<Arc<Node>> {
        if self.guard == Guard::Handler {
            return self.router;
        }
        let methods = || self.operations.iter().map(|(method, _)| method.as_str());
        let (declared, known) = (allow(methods()), allow(known(methods())));
        let mut router = self
            .router
            .options(move || std::future::ready(options(known.clone())));
        if self.guard == Guard::Table {
            router = router.route_layer(from_fn_with_state(Arc::clone(node), auth::check));
        }
        router.fallback(move |request: Request| std::future::ready(not_allowed(&request, declared.clone())))
    }
}

/// The error page, outside the document: it takes every method and needs no password.
const ERROR_PAGE: &str = "/error";

/// Every path of the document.
fn endpoints(metrics: &MetricsConfig) -> Vec<Endpoint> {
    let mut endpoints = fixed();
    if metrics.enabled {
        let page = Endpoint::at(metrics.endpoint.clone()).get(&doc::METRICS, metrics::page);
        // As in Java the page is open to all once its path is configured, and guarded at the path it has otherwise.
        endpoints.push(if metrics.is_endpoint_open {
            page.open_to_all()
        } else {
            page
        });
    }
    endpoints
}

/// Whether another route already answers this path.
pub fn is_taken(path: &str) -> bool {
    path == ERROR_PAGE || fixed().iter().any(|endpoint| endpoint.path == path)
}

/// Whether the node itself answers every request a plugin's endpoint at this path could get.
pub fn is_own(metrics: &MetricsConfig, path: &str) -> bool {
    is_error_page(path)
        || endpoints(metrics)
            .iter()
            .any(|endpoint| covers(&endpoint.path, path))
}

/// Whether this is the error page, which no document has.
pub fn is_error_page(path: &str) -> bool {
    path == ERROR_PAGE
}

/// Whether every path that matches a plugin's pattern also matches a template of the node's.
pub fn covers(template: &str, pattern: &str) -> bool {
    let is_variable = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
    let (mut own, mut others) = (template.split('/'), pattern.split('/'));
    loop {
        match (own.next(), others.next()) {
            (None, None) => return true,
            (Some(own), Some(other)) if own == other && !is_variable(own) => {}
            (Some(own), Some(other)) if is_variable(own) && !other.is_empty() && !other.starts_with("{*") => {
            }
            _ => return false,
        }
    }
}

/// The paths every node has.
fn fixed() -> Vec<Endpoint> {
    vec![
        Endpoint::at("/version").get(&doc::VERSION, info::version),
        Endpoint::at("/v4/info").get(&doc::INFO, info::info),
        Endpoint::at("/v4/stats").get(&doc::STATS, info::stats),
        Endpoint::at("/v4/openapi.json").get(&doc::OPENAPI, openapi::document),
        Endpoint::at("/v4/loadtracks").get(&doc::LOAD_TRACKS, tracks::load),
        Endpoint::at("/v4/decodetrack").get(&doc::DECODE_TRACK, tracks::decode),
        Endpoint::at("/v4/decodetracks").post(&doc::DECODE_TRACKS, tracks::decode_many),
        Endpoint::self_guarded("/v4/websocket", &doc::WEBSOCKET, websocket::connect),
        Endpoint::at("/v4/sessions/{sessionId}").patch(&doc::UPDATE_SESSION, sessions::update),
        Endpoint::at("/v4/sessions/{sessionId}/players").get(&doc::LIST_PLAYERS, players::list),
        Endpoint::at("/v4/sessions/{sessionId}/players/{guildId}")
            .get(&doc::GET_PLAYER, players::show)
            .patch(&doc::UPDATE_PLAYER, players::update)
            .delete(&doc::DESTROY_PLAYER, players::destroy),
        Endpoint::at("/v4/sessions/{sessionId}/players/{guildId}/diagnosis")
            .get(&doc::DIAGNOSE_PLAYER, diagnosis::show),
        Endpoint::at("/v4/routeplanner/status").get(&doc::ROUTE_PLANNER_STATUS, route_planner::status),
        Endpoint::at("/v4/routeplanner/free/address").post(&doc::FREE_ADDRESS, route_planner::free_address),
        Endpoint::at("/v4/routeplanner/free/all").post(&doc::FREE_ALL, route_planner::free_all),
        Endpoint::at("/v4/plugins").get(&doc::LIST_PLUGINS, plugins::list),
        Endpoint::at("/v4/plugins/{name}/reload").post(&doc::RELOAD_PLUGIN, plugins::reload),
        Endpoint::at("/").get(&doc::ROOT, info::old_client),
        Endpoint::at("/v3/websocket").get(&doc::OLD_WEBSOCKET, info::old_client),
    ]
}

/// Paths with what each of their methods does, and whether the table checks the password.
pub fn documented(
    metrics: &MetricsConfig,
) -> impl Iterator<Item = (String, bool, Vec<(Method, &'static Operation)>)> + use<> {
    endpoints(metrics).into_iter().map(|endpoint| {
        let is_guarded = endpoint.guard == Guard::Table;
        (endpoint.path.into_owned(), is_guarded, endpoint.operations)
    })
}

/// The router of all paths.
pub fn all(node: &Arc<Node>) -> Router<Arc<Node>> {
    let prefix = &node.config.server.context_path;
    let mut router = Router::new().route(&format!("{prefix}{ERROR_PAGE}"), any(info::no_error));
    for endpoint in endpoints(&node.config.metrics) {
        let path = format!("{prefix}{}", endpoint.path);
        router = router.route(&path, endpoint.into_router(node));
    }
    router.fallback(plugin_routes::answer)
}

/// Answers what is no request of a path's own: OPTIONS behind the password, all else with 405.
pub async fn other_method<'a>(
    node: &Arc<Node>,
    request: Request,
    methods: impl Iterator<Item = &'a str>,
) -> Response<Body> {
    if request.method() != Method::OPTIONS {
        return not_allowed(&request, allow(methods));
    }
    if let Some(refusal) = auth::refuse(node, &request) {
        return refusal;
    }
    let allow = allow(known(methods));
    interception::around(node, request, |_| std::future::ready(options(allow))).await
}

/// The methods of a path, and those that come with them.
fn known<'a>(methods: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let with_head = methods.flat_map(|method| {
        let head = (method == "GET").then_some("HEAD");
        std::iter::once(method).chain(head)
    });
    with_head.chain(["OPTIONS"])
}

/// `Allow` as Java writes it.
fn allow<'a>(methods: impl Iterator<Item = &'a str>) -> HeaderValue {
    let names: Vec<&str> = methods.collect();
    // Cannot fail: method names are tokens.
    HeaderValue::from_str(&names.join(",")).unwrap_or(HeaderValue::from_static(""))
}

fn options(allow: HeaderValue) -> Response<Body> {
    ([(header::ALLOW, allow)], Body::empty()).into_response()
}

/// 405 with the methods a path takes.
fn not_allowed(request: &Request, allow: HeaderValue) -> Response<Body> {
    let message = format!("Method '{}' is not supported.", request.method());
    let mut response = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response();
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_covers_what_the_node_would_answer_itself() {
        for (template, pattern, expected) in [
            ("/v4/info", "/v4/info", true),
            ("/v4/info", "/v4/{x}", false),
            ("/v4/sessions/{sessionId}", "/v4/sessions/mine", true),
            ("/v4/sessions/{sessionId}", "/v4/sessions/{own}", true),
            ("/v4/sessions/{sessionId}", "/v4/sessions/{*rest}", false),
            ("/v4/sessions/{sessionId}", "/v4/sessions/", false),
            ("/v4/sessions/{sessionId}", "/v4/sessions/a/b", false),
            ("/", "/", true),
        ] {
            assert_eq!(covers(template, pattern), expected, "{template} {pattern}");
        }
    }
}
