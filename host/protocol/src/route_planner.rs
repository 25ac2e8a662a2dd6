//! Route planner endpoints (spec section 7).

use serde::{Deserialize, Serialize};

use crate::json::ParseError;
use crate::json::reader::Reader;

/// Answer of `GET /v4/routeplanner/status` when a planner is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", content = "details", rename_all_fields = "camelCase")]
pub enum RoutePlannerStatus {
    /// Strategy `RotateOnBan`.
    RotatingIpRoutePlanner {
        /// All blocks.
        ip_block: IpBlock,
        /// Addresses marked as failing.
        failing_addresses: Vec<FailingAddress>,
        /// Rotations so far, decimal.
        rotate_index: String,
        /// Index of the address in the block, decimal.
        ip_index: String,
        /// The address in use, with a leading `/`.
        current_address: String,
    },
    /// Strategy `NanoSwitch`.
    NanoIpRoutePlanner {
        /// All blocks.
        ip_block: IpBlock,
        /// Addresses marked as failing.
        failing_addresses: Vec<FailingAddress>,
        /// Offset in the block, decimal.
        current_address_index: String,
    },
    /// Strategy `RotatingNanoSwitch`.
    RotatingNanoIpRoutePlanner {
        /// All blocks.
        ip_block: IpBlock,
        /// Addresses marked as failing.
        failing_addresses: Vec<FailingAddress>,
        /// The /64 in use, decimal.
        block_index: String,
        /// Offset in the /64, decimal.
        current_address_index: String,
    },
    /// Strategy `LoadBalance`.
    BalancingIpRoutePlanner {
        /// All blocks.
        ip_block: IpBlock,
        /// Addresses marked as failing.
        failing_addresses: Vec<FailingAddress>,
    },
}

/// The address blocks as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpBlock {
    /// Address family.
    #[serde(rename = "type")]
    pub family: IpFamily,
    /// Number of addresses, decimal (may exceed 64 bits).
    pub size: String,
}

/// Address family, named as in Java.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpFamily {
    /// IPv4.
    #[serde(rename = "Inet4Address")]
    V4,
    /// IPv6.
    #[serde(rename = "Inet6Address")]
    V6,
}

/// An address a service refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailingAddress {
    /// The address with a leading `/`; IPv6 uncompressed.
    pub failing_address: String,
    /// When it failed, ms since the epoch.
    pub failing_timestamp: i64,
    /// The same as text.
    pub failing_time: String,
}

/// Body of `POST /v4/routeplanner/free/address`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeAddress {
    /// The address to free.
    pub address: String,
}

impl FreeAddress {
    /// Parses a request body.
    ///
    /// # Errors
    /// [`ParseError`] when the body is not an object with a string `address`.
    pub fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let mut address = None;
        let mut reader = Reader::new(body)?;
        reader.object(|reader, key| {
            match key {
                "address" => address = Some(reader.string()?.into_owned()),
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        let address = address.ok_or_else(|| reader.missing("address"))?;
        reader.end()?;
        Ok(Self { address })
    }
}
