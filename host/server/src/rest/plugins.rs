//! The routes about plugins; they are an addition to Java Lavalink's.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use lavalink_plugins::{Exchange, Form, ReloadError, Reloaded};
use serde_json::{Value, json};

use super::paths::{self, Variables};
use super::{ApiError, json as json_answer};
use crate::node::Node;
use crate::provision::{Row, Standing};
use crate::services::Services;

/// `POST /v4/plugins/{name}/reload`: puts what the plugin's file now holds into use, or on trial; of a plugin that could not
/// be loaded too.
pub async fn reload(State(node): State<Arc<Node>>, params: Variables) -> Result<Response<Body>, ApiError> {
    let name = paths::variable(&params, "name").to_owned();
    let services = Arc::clone(&node.services);
    let outcome = node
        .services
        .plugins
        .threads()
        .spawn(move || load_again(&services, &name))
        .await
        .map_err(|error| ApiError::internal("The plugin could not be loaded").because(error))?;
    let reloaded = outcome.map_err(|error| ApiError::new(status_of(&error), error.to_string()))?;
    Ok(json_answer(&json!({
        "name": reloaded.plugin,
        "previousVersion": reloaded.before,
        "version": reloaded.version,
        "state": reloaded.change.map_or("unchanged", Exchange::as_str),
    })))
}

/// Loads a plugin's file again. Blocks.
fn load_again(services: &Services, name: &str) -> Result<Reloaded, ReloadError> {
    let Services {
        plugins, provision, ..
    } = services;
    if let Some(info) = plugins.infos().into_iter().find(|info| info.name == name) {
        return match provision.renewed(&info.path) {
            Some(file) => plugins.reload_from(name, file),
            None => plugins.reload(name),
        };
    }
    let path = provision.refused_file(name).ok_or_else(|| ReloadError::Unknown {
        plugin: name.to_owned(),
    })?;
    match provision.retry(plugins, &path) {
        Ok(info) => Ok(Reloaded {
            plugin: info.name,
            before: None,
            version: info.version,
            change: Some(Exchange::Loaded),
        }),
        Err(error) => Err(ReloadError::Refused { path, error }),
    }
}

/// `GET /v4/plugins`: every plugin the node has, could not load, or waits for.
pub async fn list(State(node): State<Arc<Node>>) -> Result<Response<Body>, ApiError> {
    let services = Arc::clone(&node.services);
    let rows = services.provision.roster(&services.plugins);
    Ok(json_answer(&rows.iter().map(row).collect::<Vec<_>>()))
}

fn row(row: &Row) -> Value {
    let status = match &row.standing {
        Standing::Loaded(status) => Some(status),
        Standing::Failed(_) | Standing::Awaiting(_) => None,
    };
    let info = status.map(|status| &status.info);
    let reason = match &row.standing {
        Standing::Loaded(_) => None,
        Standing::Failed(reason) => Some(reason.as_str()),
        Standing::Awaiting(problem) => problem.as_deref(),
    };
    let trial = status.and_then(|status| status.trial.as_ref());
    json!({
        "name": row.name,
        "version": info.map(|info| &info.version),
        "kind": info.map(|info| info.form.to_string()),
        "state": row.standing.as_str(),
        "reason": reason,
        "origin": {
            "kind": row.origin.kind,
            "declared": row.origin.declared,
            "from": row.origin.from,
        },
        "sha256": row.sha256.map(|sha256| sha256.to_string()),
        "licence": info.map(|info| &info.licence).filter(|licence| !licence.is_empty()),
        "sources": info.map_or(&[][..], |info| &info.sources),
        "offers": info.map_or(&[][..], |info| &info.offers),
        "grants": info.map(|info| json!({
            "hosts": info.grants.hosts,
            "memoryMiB": (info.form == Form::Wasm).then_some(info.grants.memory_mib),
        })),
        "callsInFlight": status.map_or(0, |status| status.in_flight),
        "suspendedForMs": status
            .and_then(|status| status.suspended)
            .map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
        "trial": trial.map(|(version, counts)| json!({
            "version": version,
            "answered": counts.answered,
            "lost": counts.lost,
        })),
    })
}

fn status_of(error: &ReloadError) -> StatusCode {
    match error {
        ReloadError::Unknown { .. } => StatusCode::NOT_FOUND,
        ReloadError::RestartDue { .. } => StatusCode::CONFLICT,
        ReloadError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ReloadError::OtherPlugin { .. } | ReloadError::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
