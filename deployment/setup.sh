#!/usr/bin/env bash
# Installs what a fresh Debian 12 lacks to build lavalink-rust; with --media also what makes test media, with --tests all that
# the tests need, client libraries included. Sourced or run by the others.
set -euo pipefail
setup_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

need=()
command -v cmake >/dev/null 2>&1 || need+=(cmake)       # builds the bundled libopus
command -v c++ >/dev/null 2>&1 || need+=(g++)           # builds the bundled FDK AAC
command -v make >/dev/null 2>&1 || need+=(make)
case "${1:-}" in --media | --tests)
    command -v ffmpeg >/dev/null 2>&1 || need+=(ffmpeg) # makes the test media
    ;;
esac
if [ "${1:-}" = --tests ]; then
    # Client libraries run against the node; schemathesis tries what the OpenAPI document says; libdave joins calls.
    command -v node >/dev/null 2>&1 || need+=(nodejs)
    command -v npm >/dev/null 2>&1 || need+=(npm)
    # The guests among the tests are compiled to WebAssembly. Unless rustup brought the target, Debian's second compiler does
    # it, with a standard library built from sources.
    guests="$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null || true)"
    if ! compgen -G "$guests/libcore-*" >/dev/null && ! { [ -x /usr/bin/wasm-ld-19 ] && [ -d /usr/lib/rustlib/src/rust/library ]; }; then
        need+=(rustc-web cargo-web rust-web-src lld-19)
    fi
    # A venv needs pip's wheel, which Debian ships apart.
    python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || need+=(python3 python3-venv)
fi
[ -e /etc/ssl/certs/ca-certificates.crt ] || need+=(ca-certificates)

if [ ${#need[@]} -gt 0 ]; then
    echo "setup: installing ${need[*]}"
    root=()
    if [ "$(id -u)" -ne 0 ]; then root=(sudo); fi
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi

if [ "${1:-}" = --tests ]; then
    # Discord's libdave in a Python environment of its own; the tests look for it there.
    libdave="${CARGO_TARGET_DIR:-target}/libdave"
    wanted=tests/independent/libdave/requirements.txt
    if ! cmp -s "$wanted" "$libdave/installed.txt"; then
        echo "setup: installing libdave into $libdave"
        rm -rf "$libdave"
        python3 -m venv "$libdave"
        "$libdave/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$wanted"
        cp "$wanted" "$libdave/installed.txt"
    fi
fi

# Before /usr/bin, where the compiler for guests may be.
if [ -x "$HOME/.cargo/bin/cargo" ]; then
    export PATH="$HOME/.cargo/bin:$PATH"
elif ! command -v cargo >/dev/null 2>&1; then
    echo "setup: cargo not found. Install Rust 1.95 or newer with rustup, then run this again." >&2
    exit 1
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

# The compiler of the guests in C, see tests/blackbox/tests/authors_c.rs.
if [ "${1:-}" = --tests ]; then
    zig="${CARGO_TARGET_DIR:-target}/zig"
    pins=tests/guests/zig.txt
    if ! cmp -s "$pins" "$zig/installed.txt"; then
        echo "setup: installing zig into $zig"
        mkdir -p "$(dirname "$zig")"
        python3 -m venv --clear "$zig"
        "$zig/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$pins"
        cp "$pins" "$zig/installed.txt"
    fi
fi

# The client libraries of tests/clients, in the pinned versions. Repeated only when the pins change.
install_client_libraries() {
    local from="$setup_root/tests/clients" to="${CARGO_TARGET_DIR:-$setup_root/target}/clients"
    if ! cmp -s "$from/js/package-lock.json" "$to/js/installed.json"; then
        echo "setup: installing npm packages"
        mkdir -p "$to/js"
        cp "$from/js/package.json" "$from/js/package-lock.json" "$to/js/"
        (cd "$to/js" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
        cp "$from/js/package-lock.json" "$to/js/installed.json"
    fi
    if ! cmp -s "$from/python/requirements.txt" "$to/python/installed.txt"; then
        echo "setup: installing PyPI packages"
        python3 -m venv --clear "$to/python"
        "$to/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$from/python/requirements.txt"
        cp "$from/python/requirements.txt" "$to/python/installed.txt"
    fi
}
if [ "${1:-}" = --tests ]; then
    install_client_libraries
fi
