#!/bin/bash
# fuzz.sh [SECONDS [TARGET]]: each fuzz target for so long (60), one a processor, or this one alone. No cargo-fuzz and no nightly:
# libFuzzer comes with a crate, and any rustc can count what runs. What it learns stays in target/fuzz; what it finds is named, and ends this.
# SEED=7 goes that way; without it each run goes another.
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

# one target; 255 keeps xargs from starting another
run() {
    mkdir -p "$out/corpus/$1" "$out/found"
    local log=$out/$1.log
    RUST_BACKTRACE=0 "$out/$host/release/$1" -seed="${SEED:-0}" -max_total_time="$seconds" -max_len=20000 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$out/found/$1-" "$out/corpus/$1" "fuzz/corpus/$1" >"$log" 2>&1 || {
        grep '^INFO: Seed' "$log"
        grep -v '^#' "$log" | tail -n 40
        echo "$1: found something. A regression test first, then mend it; the input goes to fuzz/corpus/$1" >&2
        exit 255
    }
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$1: $inputs inputs in $seconds s, $(sed -n 's/^#.*DONE *cov: \([0-9]*\).*/\1/p' "$log") places reached"
}
export -f run
export out host seconds
echo
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I TARGET bash -c "run TARGET"
