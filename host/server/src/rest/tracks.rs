//! Loading identifiers and decoding track strings.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::Response;
use lavalink_plugins::Plugins;
use lavalink_protocol::codec::DecodeError;
use lavalink_protocol::json;
use lavalink_protocol::update::parse_string_array;

use super::{ApiError, body, json as answer_json, json_bytes, query};
use crate::load;
use crate::node::Node;
use crate::player::{self, AbsentSource, MustAsk, Showcase};

/// Tracks decoded in one go.
const BATCH: usize = 128;
/// An answer has the text, its fields in clear, and their names: this many times the length of the text is nearly always enough.
const ANSWER_PER_TEXT: usize = 3;

/// `GET /v4/loadtracks?identifier=…`
pub async fn load(
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
) -> Result<Response<Body>, ApiError> {
    let identifier = query::text(query.as_deref(), "identifier")
        .ok_or_else(|| ApiError::bad_request("Required parameter 'identifier' is not present."))?;
    Ok(answer_json(
        &load::load(&node.services.plugins, &identifier).await,
    ))
}

/// `GET /v4/decodetrack?encodedTrack=…`, or `track` in older clients.
pub async fn decode(
    State(node): State<Arc<Node>>,
    RawQuery(query): RawQuery,
) -> Result<Response<Body>, ApiError> {
    let text = query::text(query.as_deref(), "encodedTrack")
        .or_else(|| query::text(query.as_deref(), "track"))
        .ok_or_else(|| ApiError::bad_request("No track to decode provided"))?;
    let plugins = &node.services.plugins;
    let mut track = player::decode(&text, plugins, AbsentSource::Shown)
        .await
        .map_err(|error| undecodable_track(&error))?;
    load::add_info(plugins, std::slice::from_mut(&mut track)).await;
    Ok(answer_json(&track.into_wire_as(text)))
}

/// `POST /v4/decodetracks` with an array of track strings.
pub async fn decode_many(
    State(node): State<Arc<Node>>,
    request: Request,
) -> Result<Response<Body>, ApiError> {
    let body = body::read_large(request).await?;
    let texts = parse_string_array(&body).map_err(ApiError::undecodable)?;
    if texts.is_empty() {
        return Err(ApiError::bad_request("No tracks to decode provided"));
    }
    let plugins = &node.services.plugins;
    let mut answer = vec![b'['];
    let mut showcase = Showcase::new(plugins);
    for (number, batch) in texts.chunks(BATCH).enumerate() {
        if number > 0 {
            // Thousands of tracks take a while, and other clients wait.
            tokio::task::yield_now().await;
        }
        answer.reserve(batch.iter().map(|text| text.len() * ANSWER_PER_TEXT).sum());
        let shown = showcase.append(&mut answer, batch);
        if shown.map_err(|error| undecodable_track(&error))? == Err(MustAsk) {
            ask_and_append(plugins, &mut answer, batch).await?;
        }
    }
    answer.pop();
    answer.push(b']');
    Ok(json_bytes(answer))
}

/// Appends tracks whose sources, or modifiers, have something to say.
async fn ask_and_append(
    plugins: &Plugins,
    answer: &mut Vec<u8>,
    texts: &[Cow<'_, str>],
) -> Result<(), ApiError> {
    let mut decoded = player::decode_all(texts, plugins, AbsentSource::Shown)
        .await
        .map_err(|error| undecodable_track(&error))?;
    load::add_info(plugins, &mut decoded).await;
    for (track, text) in decoded.into_iter().zip(texts) {
        json::append(answer, &track.into_wire_as(text.clone().into_owned()));
        answer.push(b',');
    }
    Ok(())
}

/// A track string that cannot be used: 500 with Java's text.
pub fn undecodable_track(error: &DecodeError) -> ApiError {
    ApiError::uncaught(error.java_message()).because(error)
}
