//! fake-discord
