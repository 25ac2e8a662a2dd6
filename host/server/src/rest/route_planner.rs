//! The route planner's routes. No planner is configured in this version, and they say so.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use lavalink_protocol::route_planner::FreeAddress;

use super::{ApiError, body};

/// `GET /v4/routeplanner/status`: 204 while there is no planner.
pub async fn status() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `POST /v4/routeplanner/free/address`
pub async fn free_address(request: Request) -> Result<Response<Body>, ApiError> {
    let body = body::read(request).await?;
    FreeAddress::parse(&body).map_err(ApiError::undecodable)?;
    Err(disabled())
}

/// `POST /v4/routeplanner/free/all`
pub async fn free_all() -> ApiError {
    disabled()
}

fn disabled() -> ApiError {
    ApiError::internal("Can't access disabled route planner")
}
