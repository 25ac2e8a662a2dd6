//! A plugin that promises generation 1 and does not keep it.

lavalink_plugin_api::__export_manifest!("missing-symbol", "[1]");
