#!/usr/bin/env bash
# Installs what a fresh Debian 12 lacks to build (and, with --tests, to test) lavalink-rust. Sourced or run by the others.
set -euo pipefail

need=()
command -v cmake >/dev/null 2>&1 || need+=(cmake)       # builds the bundled libopus
command -v make >/dev/null 2>&1 || need+=(make)
if [ "${1:-}" = --tests ]; then
    command -v ffmpeg >/dev/null 2>&1 || need+=(ffmpeg) # makes the test media
    # A venv needs pip's wheel, which Debian ships apart; for schemathesis.
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || need+=(python3-venv)
fi
[ -e /etc/ssl/certs/ca-certificates.crt ] || need+=(ca-certificates)

if [ ${#need[@]} -gt 0 ]; then
    echo "setup: installing ${need[*]}"
    root=()
    if [ "$(id -u)" -ne 0 ]; then root=(sudo); fi
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null 2>&1; then
    if [ -x "$HOME/.cargo/bin/cargo" ]; then
        export PATH="$HOME/.cargo/bin:$PATH"
    else
        echo "setup: cargo not found. Install Rust 1.95 or newer with rustup, then run this again." >&2
        exit 1
    fi
fi

# Tries everything the OpenAPI document says; see tests/blackbox/tests/openapi.rs.
if [ "${1:-}" = --tests ]; then
    pins=tests/blackbox/schemathesis.txt
    if ! cmp -s "$pins" target/schemathesis/installed.txt; then
        echo "setup: installing schemathesis into target/schemathesis"
        mkdir -p target
        python3 -m venv --clear target/schemathesis
        target/schemathesis/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement "$pins"
        cp "$pins" target/schemathesis/installed.txt
    fi
fi
