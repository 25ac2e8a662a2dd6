//! Loading identifiers and decoding track strings.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::Response;
use lavalink_protocol::codec::DecodeError;
use lavalink_protocol::update::parse_string_array;

use super::{ApiError, body, json, query};
use crate::load;
use crate::node::Node;
use crate::player::{self, AbsentSource};

/// Tracks decoded in one go.
const BATCH: usize = 128;

/// `GET /v4/loadtracks?identifier=…`
pub async fn load(
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
) -> Result<Response<Body>, ApiError> {
    let identifier = query::parameter(query.as_deref(), "identifier")
        .ok_or_else(|| ApiError::bad_request("Required parameter 'identifier' is not present."))?;
    Ok(json(&load::load(&node.services.plugins, &identifier).await))
}

/// `GET /v4/decodetrack?encodedTrack=…`, or `track` in older clients.
pub async fn decode(
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
) -> Result<Response<Body>, ApiError> {
    let text = query::parameter(query.as_deref(), "encodedTrack")
        .or_else(|| query::parameter(query.as_deref(), "track"))
        .ok_or_else(|| ApiError::bad_request("No track to decode provided"))?;
    let plugins = &node.services.plugins;
    let mut track = player::decode(&text, plugins, AbsentSource::Shown)
        .await
        .map_err(|error| undecodable_track(&error))?;
    load::add_info(plugins, std::slice::from_mut(&mut track)).await;
    Ok(json(&track.into_wire_as(text)))
}

/// `POST /v4/decodetracks` with an array of track strings.
pub async fn decode_many(
    State(node): State<Arc<Node>>,
    request: Request,
) -> Result<Response<Body>, ApiError> {
    let body = body::read(request).await?;
    let texts = parse_string_array(&body).map_err(ApiError::undecodable)?;
    if texts.is_empty() {
        return Err(ApiError::bad_request("No tracks to decode provided"));
    }
    let plugins = &node.services.plugins;
    // Most bad requests fail on the first text, so the room is not made in advance.
    let mut tracks = Vec::new();
    let mut texts = texts.into_iter();
    loop {
        let batch: Vec<_> = texts.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(json(&tracks));
        }
        let mut decoded = player::decode_all(&batch, plugins, AbsentSource::Shown)
            .await
            .map_err(|error| undecodable_track(&error))?;
        load::add_info(plugins, &mut decoded).await;
        let named = decoded.into_iter().zip(batch);
        tracks.extend(named.map(|(track, text)| track.into_wire_as(text.into_owned())));
        // Thousands of tracks take a while, and other clients wait.
        tokio::task::yield_now().await;
    }
}

/// A track string that cannot be used: 500 with Java's text.
pub fn undecodable_track(error: &DecodeError) -> ApiError {
    ApiError::uncaught(error.java_message()).because(error)
}
