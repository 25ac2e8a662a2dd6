//! fake-services
