#!/usr/bin/env bash
# Runs every test: unit, property, the fake Discord against an independent client, and the black-box suite with the
# real binary and the real plugins.
set -euo pipefail
cd "$(dirname "$0")/.."
. deployment/setup.sh --tests
# The black-box suite starts the binary and loads the dylibs, so they are built first.
cargo build --locked --workspace --all-targets
# Benches are built above; here they would only be measured on a busy machine.
tests() { cargo test --locked --workspace --lib --bins --tests --examples --no-fail-fast "$@"; }
# Tests with `minutes` in their names wait most of the time: they run beside the others.
waiting=$(mktemp)
tests -- minutes >"$waiting" 2>&1 &
waiter=$!
failed=0
tests "$@" -- --skip minutes || failed=$?
wait "$waiter" || failed=$?
grep -vE '^(running 0 tests|test result: ok. 0 passed.*|)$' "$waiting" || true
rm -f "$waiting"
[ "$failed" -eq 0 ] || exit "$failed"
cargo test --locked --workspace --doc
