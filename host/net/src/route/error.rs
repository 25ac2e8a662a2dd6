//! What keeps a route planner from being set up.

/// Settings that make no planner. The texts are Java Lavalink's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Not an address or a block of addresses.
    #[error("Invalid IP Block '{text}', make sure to provide a valid CIDR notation")]
    Block {
        /// What is written there.
        text: String,
    },
    /// No block at all.
    #[error("Ip Blocks list size must be greater than zero")]
    NoBlocks,
    /// IPv4 and IPv6 together.
    #[error("All Ip Blocks must have the same type for a combined block")]
    MixedFamilies,
    /// No such strategy.
    #[error("Unknown strategy!")]
    Strategy,
    /// `NanoSwitch` needs room for the nanoseconds.
    #[error("Nano IP Route planner requires an IPv6Block which is greater or equal to a /64")]
    NanoTooSmall,
    /// `RotatingNanoSwitch` needs it as well.
    #[error("Please use a bigger IPv6 Block!")]
    RotatingNanoTooSmall,
    /// Something excluded that is no address.
    #[error("Invalid excluded IP '{text}', an IP address is expected")]
    Excluded {
        /// What is written there.
        text: String,
    },
}

/// Why no route could be planned for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// Every address is excluded or failing.
    #[error("Can't find a free ip")]
    NoFreeAddress,
    /// The host has no address that can be reached from the blocks.
    #[error("Could not resolve host")]
    Unreachable,
}
