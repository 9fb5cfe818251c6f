#!/bin/bash
# fuzz.sh [SECONDS [TARGET]]: each fuzz target for so long (60), or this one alone. No cargo-fuzz and no nightly: libFuzzer comes with
# a crate, and any rustc can count what runs. What it learns stays in target/fuzz; what it finds is named, and ends this.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$HOME/.cargo/bin:$PATH # where rustup puts Rust
seconds=${1:-60}
out=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
host=$(rustc --version --verbose | sed -n 's/^host: //p')
targets=()
for file in fuzz/fuzz_targets/*.rs; do
    name=$(basename "$file" .rs)
    [ -n "${2:-}" ] && [ "$2" != "$name" ] || targets+=("$name")
done
[ ${#targets[@]} -gt 0 ] || { echo "there is no fuzz target $2: see fuzz/fuzz_targets" >&2; exit 1; }

# with a --target, so that these are for the programs alone and not for what runs while they are built
counters="-Cpasses=sancov-module"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    counters+=" -Cllvm-args=-sanitizer-coverage-$option"
done
RUSTFLAGS="$counters" cargo build --locked --release --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$out"

for name in "${targets[@]}"; do
    mkdir -p "$out/corpus/$name" "$out/found"
    echo
    echo "$name: $seconds s"
    log=$out/$name.log
    RUST_BACKTRACE=0 "$out/$host/release/$name" -max_total_time="$seconds" -max_len=20000 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$out/found/$name-" "$out/corpus/$name" "fuzz/corpus/$name" >"$log" 2>&1 || {
        grep -v '^#' "$log" | tail -n 40
        echo "$name: found something. A regression test first, then mend it; the input goes to fuzz/corpus/$name" >&2
        exit 1
    }
    sed -n 's/^stat::number_of_executed_units: */inputs: /p; s/^stat::average_exec_per_sec: */a second: /p' "$log"
done
