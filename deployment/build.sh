#!/usr/bin/env bash
# Builds the node and the bundled plugins for use. Result: $CARGO_TARGET_DIR/release/{lavalink-rust,plugins/*.so}
set -euo pipefail
cd "$(dirname "$0")/.."
. deployment/setup.sh
target="${CARGO_TARGET_DIR:-target}"
cargo build --release --locked -p lavalink-rust -p lavalink-plugin-http -p lavalink-plugin-local
mkdir -p "$target/release/plugins"
for plugin in http local; do
    # Replaced, not overwritten: a running node keeps the file it has mapped.
    install -m 0755 "$target/release/liblavalink_plugin_$plugin.so" "$target/release/plugins/.$plugin.new"
    mv -f "$target/release/plugins/.$plugin.new" "$target/release/plugins/lavalink_plugin_$plugin.so"
done
