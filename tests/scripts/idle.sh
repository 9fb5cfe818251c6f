#!/bin/bash
# idle.sh [SECONDS]: what camcast costs on this machine while it waits for a camera that is not there: alone, then with a
# recorder that waits too. Prints the share of one CPU and the wake-ups a second. For people: nothing is asserted.
# Environment: BIN_DIR=DIR (default: cargo builds the release binaries)
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-30}
if [ -z "${BIN_DIR:-}" ]; then
    (cd "$repository" && cargo build --quiet --release --bins)
    BIN_DIR=${CARGO_TARGET_DIR:-$repository/target}/release
fi
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

# until_says LOG WORDS: they stand in it.
until_says() {
    local tries=0
    until grep -q "$2" "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { cat "$1"; exit 1; }
        sleep 0.1
    done
}

"$BIN_DIR/camcast" /dev/video77 --listen 127.0.0.1:0 2>"$work/camcast.log" &
pids+=($!)
camcast=$!
until_says "$work/camcast.log" 'waiting for the camera'
until_says "$work/camcast.log" 'listening on '
address=$(sed -n 's/.*listening on \([^ ,]*\).*/\1/p' "$work/camcast.log" | head -n 1)
echo "no camera, nobody watches:"
python3 "$repository/tests/vm/tools/usage.py" "$camcast" "$seconds"
"$BIN_DIR/camrec" "$address" -o "$work/rec" >"$work/camrec.log" 2>&1 &
pids+=($!)
until_says "$work/camcast.log" 'joined: '
echo "no camera, one recorder waits with it:"
python3 "$repository/tests/vm/tools/usage.py" "$camcast" "$seconds"
