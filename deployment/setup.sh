#!/usr/bin/env bash
# Installs what a fresh Debian 12 lacks to build (and, with --tests, to test) lavalink-rust. Sourced or run by the others.
set -euo pipefail

need=()
command -v cmake >/dev/null 2>&1 || need+=(cmake)       # builds the bundled libopus
command -v make >/dev/null 2>&1 || need+=(make)
if [ "${1:-}" = --tests ]; then
    command -v ffmpeg >/dev/null 2>&1 || need+=(ffmpeg) # makes the test media
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
