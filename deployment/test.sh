#!/usr/bin/env bash
# Runs every test: unit, property, the fake Discord against an independent client, and the black-box suite with the
# real binary and the real plugins.
set -euo pipefail
cd "$(dirname "$0")/.."
. deployment/setup.sh --tests
# The black-box suite starts the binary and loads the dylibs, so they are built first.
cargo build --locked --workspace --all-targets
cargo test --locked --workspace --all-targets --no-fail-fast "$@"
cargo test --locked --workspace --doc
