#!/usr/bin/env bash
# Plays a file through the real node into the fake Discord on this machine and writes what was heard as WAV.
# Usage: deployment/hear.sh [FILE [OUT.wav]]
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"
caller="$PWD"
cd "$here"
. deployment/setup.sh --media
cargo build --locked --workspace
case "${CARGO_TARGET_DIR:-target}" in
    /*) target="${CARGO_TARGET_DIR}" ;;
    *) target="$here/${CARGO_TARGET_DIR:-target}" ;;
esac
cd "$caller"
exec "$target/debug/hear" "$@"
