//! The route planner's routes.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use lavalink_net::{Family, PlannerStatus, Position, RoutePlanner};
use lavalink_protocol::route_planner::{FailingAddress, FreeAddress, IpBlock, IpFamily, RoutePlannerStatus};

use super::{ApiError, body, json};
use crate::java_text;
use crate::node::Node;

/// Longest time to look up what a client wants freed. Only literal addresses match, but Java looks names up as well.
const LOOK_UP_DEADLINE: Duration = Duration::from_secs(5);

/// `GET /v4/routeplanner/status`: 204 without a planner.
pub async fn status(State(node): State<Arc<Node>>) -> Response<Body> {
    match node.services.planner() {
        Some(planner) => json(&describe(planner, planner.status())),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// `POST /v4/routeplanner/free/address`
pub async fn free_address(State(node): State<Arc<Node>>, request: Request) -> Result<StatusCode, ApiError> {
    let body = body::read(request).await?;
    let FreeAddress { address } = FreeAddress::parse(&body).map_err(ApiError::undecodable)?;
    let planner = node.services.planner().ok_or_else(disabled)?;
    if let Some(address) = resolve(&address).await? {
        planner.free(address);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v4/routeplanner/free/all`
pub async fn free_all(State(node): State<Arc<Node>>) -> Result<StatusCode, ApiError> {
    node.services.planner().ok_or_else(disabled)?.free_all();
    Ok(StatusCode::NO_CONTENT)
}

fn disabled() -> ApiError {
    ApiError::internal("Can't access disabled route planner")
}

/// The address a text means; `None` for a name, which no planner uses.
async fn resolve(text: &str) -> Result<Option<IpAddr>, ApiError> {
    let text = text.trim();
    if let Ok(address) = text
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
    {
        return Ok(Some(address.to_canonical()));
    }
    if text.is_empty() {
        return Ok(None); // Java takes it for the loopback address.
    }
    let invalid = |reason: &str| ApiError::bad_request(format!("Invalid address: {text}: {reason}"));
    match tokio::time::timeout(LOOK_UP_DEADLINE, tokio::net::lookup_host((text, 0))).await {
        Err(_) => Err(invalid("Temporary failure in name resolution")),
        Ok(Err(error)) => Err(invalid(&reason(&error))),
        Ok(Ok(mut found)) => {
            let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            // `10.1` is a way to write 10.0.0.1.
            Ok(found.next().map(|address| address.ip()).filter(|_| is_number))
        }
    }
}

/// The system's words; the runtime puts its own and a colon before them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(": ")
        .map_or(text.clone(), |(_, reason)| reason.to_owned())
}

fn describe(planner: &RoutePlanner, status: PlannerStatus) -> RoutePlannerStatus {
    let ip_block = IpBlock {
        family: match planner.blocks().family() {
            Family::V4 => IpFamily::V4,
            Family::V6 => IpFamily::V6,
        },
        size: planner.blocks().size().to_string(),
    };
    let failing_addresses = status
        .failing
        .into_iter()
        .map(|(address, marked)| FailingAddress {
            failing_address: java_text::address(address),
            failing_timestamp: marked,
            failing_time: java_text::date(marked),
        })
        .collect();
    match status.position {
        Position::Rotating {
            rotations,
            index,
            current,
        } => RoutePlannerStatus::RotatingIpRoutePlanner {
            ip_block,
            failing_addresses,
            rotate_index: rotations.to_string(),
            ip_index: index.to_string(),
            current_address: current.map(java_text::address).unwrap_or_default(),
        },
        Position::Balancing => RoutePlannerStatus::BalancingIpRoutePlanner {
            ip_block,
            failing_addresses,
        },
        Position::Nano { nanos } => RoutePlannerStatus::NanoIpRoutePlanner {
            ip_block,
            failing_addresses,
            current_address_index: nanos.to_string(),
        },
        Position::RotatingNano { block, nanos } => RoutePlannerStatus::RotatingNanoIpRoutePlanner {
            ip_block,
            failing_addresses,
            block_index: block.to_string(),
            current_address_index: nanos.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use lavalink_net::{Retries, RouteConfig};
    use lavalink_protocol::json::to_string;

    use super::*;

    fn planner(block: &str, strategy: &str) -> RoutePlanner {
        RoutePlanner::new(&RouteConfig {
            blocks: vec![block.to_owned()],
            excluded: Vec::new(),
            strategy: strategy.to_owned(),
            retries: Retries::Default,
            search_triggers_fail: true,
        })
        .expect("a planner")
    }

    #[test]
    fn each_strategy_has_its_class_and_fields() {
        let of = |block, strategy| {
            let planner = planner(block, strategy);
            to_string(&describe(&planner, planner.status()))
        };
        assert_eq!(
            of("10.0.0.0/24", "RotateOnBan"),
            r#"{"class":"RotatingIpRoutePlanner","details":{"ipBlock":{"type":"Inet4Address","size":"256"},"failingAddresses":[],"rotateIndex":"0","ipIndex":"0","currentAddress":""}}"#
        );
        assert_eq!(
            of("2001:db8::/32", "LoadBalance"),
            r#"{"class":"BalancingIpRoutePlanner","details":{"ipBlock":{"type":"Inet6Address","size":"79228162514264337593543950336"},"failingAddresses":[]}}"#
        );
        let nano = of("2001:db8::/64", "NanoSwitch");
        assert!(
            nano.starts_with(r#"{"class":"NanoIpRoutePlanner","details":{"ipBlock":{"type":"Inet6Address","size":"18446744073709551616"},"failingAddresses":[],"currentAddressIndex":""#),
            "{nano}"
        );
        let rotating = of("2001:db8::/64", "RotatingNanoSwitch");
        assert!(
            rotating.contains(r#""blockIndex":"0","currentAddressIndex":""#),
            "{rotating}"
        );
    }

    #[test]
    fn failing_addresses_are_written_as_in_java() {
        let planner = planner("10.0.0.0/24", "RotateOnBan");
        let status = PlannerStatus {
            failing: vec![("10.0.0.7".parse().expect("an address"), 1_573_520_707_545)],
            position: Position::Rotating {
                rotations: 1,
                index: 12,
                current: "10.0.0.11".parse().ok(),
            },
        };
        let text = to_string(&describe(&planner, status));
        let time = java_text::date(1_573_520_707_545);
        assert_eq!(
            text,
            format!(
                r#"{{"class":"RotatingIpRoutePlanner","details":{{"ipBlock":{{"type":"Inet4Address","size":"256"}},"failingAddresses":[{{"failingAddress":"/10.0.0.7","failingTimestamp":1573520707545,"failingTime":"{time}"}}],"rotateIndex":"1","ipIndex":"12","currentAddress":"/10.0.0.11"}}}}"#
            )
        );
    }

    #[tokio::test]
    async fn only_literal_addresses_can_be_freed() {
        assert_eq!(resolve("10.0.0.7").await.ok().flatten(), "10.0.0.7".parse().ok());
        assert_eq!(
            resolve("2001:DB8::7").await.ok().flatten(),
            "2001:db8::7".parse().ok()
        );
        assert_eq!(
            resolve("::ffff:10.0.0.7").await.ok().flatten(),
            "10.0.0.7".parse().ok()
        );
        assert_eq!(resolve("localhost").await.ok().flatten(), None);
        assert!(resolve("999.1.1.1").await.is_err());
    }
}
