//! The values of the WIT package to and from those of the plugin API.

use super::bindings::lavalink::plugin::types as wit;

lavalink_plugin_api::__carry!();
