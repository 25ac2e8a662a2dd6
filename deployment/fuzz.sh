#!/usr/bin/env bash
# Fuzzes parsers of foreign bytes for SECONDS (60): deployment/fuzz.sh [SECONDS] [TARGET...]
# Starts from the committed seeds in fuzz/corpus; what is found on the way stays in the target folder. Needs no nightly compiler:
# coverage is turned on by flags that a stable one knows, and no sanitizer is used. Fails on the first panic, hang of
# 10 s or 512 MiB of memory, and says which input did it.
set -euo pipefail
cd "$(dirname "$0")/.."
. deployment/setup.sh
seconds="${1:-60}"
shift || true
target="${CARGO_TARGET_DIR:-$PWD/target}/fuzz"
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
# With --target, build scripts and macros are left without instrumentation, which they cannot be linked with.
triple="$(rustc -vV | sed -n 's/^host: //p')"
RUSTFLAGS="--cfg fuzzing $coverage" CARGO_TARGET_DIR="$target" \
    cargo build --release --manifest-path fuzz/Cargo.toml --target "$triple"
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
for name in "${targets[@]}"; do
    found="$target/corpus/$name"
    mkdir -p "$found" "$target/artifacts/$name"
    echo "fuzz: $name for $seconds s"
    log="$target/$name.log"
    status=0
    "$target/$triple/release/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=512 -malloc_limit_mb=64 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$target/artifacts/$name/" "$found" "fuzz/corpus/$name" >"$log" 2>&1 || status=$?
    grep -E "^stat::(number_of_executed_units|peak_rss_mb)|SUMMARY|panicked|Test unit" "$log" || true
    if [ "$status" -ne 0 ]; then
        echo "fuzz: $name failed, see $log" >&2
        exit 1
    fi
done
