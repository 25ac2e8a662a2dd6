#!/usr/bin/env bash
# Builds host and bundled plugins, then runs the node. Arguments go to the node, e.g. --server.port=2444
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"
"$here/deployment/build.sh"
case "${CARGO_TARGET_DIR:-target}" in
    /*) target="${CARGO_TARGET_DIR}" ;;
    *) target="$here/${CARGO_TARGET_DIR:-target}" ;;
esac
exec "$target/release/lavalink-rust" "$@"
