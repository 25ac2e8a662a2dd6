//! Paths that only plugins answer. They are looked up in the plugins of the moment, behind the node's own paths.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use lavalink_plugin_api::{RestError, RestHead, RestResponse};
use lavalink_plugins::{EndpointCall, Routed};

use super::errors::ApiError;
use super::{auth, body, finders, interception, routes};
use crate::node::Node;

/// What answers of plugins are counted under.
const LABEL: &str = "plugin";

/// Header fields of a plugin's answer that are the host's own business.
const OURS: [HeaderName; 4] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The name a request is counted under when it matched none of the node's own paths.
#[derive(Debug, Clone, Copy)]
pub struct RouteLabel(pub &'static str);

/// Answers what no path of the node takes.
pub async fn answer(State(node): State<Arc<Node>>, request: Request) -> Response<Body> {
    let prefix = &node.config.server.context_path;
    let Some(path) = request.uri().path().strip_prefix(prefix.as_str()) else {
        return no_endpoint(&request);
    };
    let (mut response, label) = if let Some(finder) = finders::find(&node, path) {
        if !finder.takes(request.method()) {
            return routes::other_method(&node, request, finder.methods().iter().copied()).await;
        }
        if let Some(refusal) = auth::refuse(&node, &request) {
            return refusal;
        }
        let label = finder.template();
        let found = interception::around(&node, request, |request| {
            let node = Arc::clone(&node);
            let (method, query) = (request.method().clone(), request.uri().query().map(str::to_owned));
            async move {
                let answer = finder.answer(&node, &method, query.as_deref()).await;
                answer.into_response()
            }
        });
        (found.await, label)
    } else {
        match node.services.plugins.route(request.method().as_str(), path) {
            Routed::Nowhere => return no_endpoint(&request),
            Routed::OtherMethods(methods) => {
                return routes::other_method(&node, request, methods.iter().map(String::as_str)).await;
            }
            Routed::Endpoint(call) => {
                if let Some(refusal) = auth::refuse(&node, &request) {
                    return refusal;
                }
                let prefix = prefix.clone();
                let answered = interception::around(&node, request, |request| run(*call, request, prefix));
                (answered.await, LABEL)
            }
        }
    };
    response.extensions_mut().insert(RouteLabel(label));
    response
}

async fn run(call: EndpointCall, request: Request, prefix: String) -> Response<Body> {
    let head = head_of(&request, &prefix);
    let body = match body::read_any(request).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let plugin = call.plugin().to_owned();
    match call.answer(head, body.into()).await {
        Ok(response) => to_response(&plugin, response),
        Err(error) => to_error(&error).into_response(),
    }
}

/// What a plugin gets to see of a request: not the password.
pub fn head_of(request: &Request, prefix: &str) -> RestHead {
    let path = request.uri().path();
    let shown = request
        .headers()
        .iter()
        .filter(|(name, _)| *name != header::AUTHORIZATION);
    RestHead {
        method: request.method().as_str().to_owned(),
        path: path.strip_prefix(prefix).unwrap_or(path).to_owned(),
        query: request.uri().query().map(str::to_owned),
        headers: shown
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
    }
}

/// A plugin's answer on the wire. What cannot stand there is left out and reported.
pub fn to_response(plugin: &str, response: RestResponse) -> Response<Body> {
    let status = StatusCode::from_u16(response.status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()));
    let Some(status) = status else {
        tracing::warn!(
            "Plugin {plugin}: it answered a request with status {}",
            response.status
        );
        return ApiError::internal("The plugin gave an answer that is none.").into_response();
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &response.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        match (name, HeaderValue::from_bytes(value)) {
            (Ok(name), Ok(_)) if OURS.contains(&name) => {}
            (Ok(name), Ok(value)) => drop(headers.append(name, value)),
            _ => tracing::warn!("Plugin {plugin}: a header of its answer is left out, for it is malformed"),
        }
    }
    let mut answer = Response::new(Body::from(response.body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// A plugin's refusal as the error object.
pub fn to_error(error: &RestError) -> ApiError {
    let status = StatusCode::from_u16(error.status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error());
    ApiError::new(
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        error.message.clone(),
    )
}

fn no_endpoint(request: &Request) -> Response<Body> {
    ApiError::not_found(format!(
        "No endpoint {} {}.",
        request.method(),
        request.uri().path()
    ))
    .into_response()
}
