#!/bin/bash
# test.sh [ARG...]: the tests that need no camera, from nothing but this tree: installs what is missing, then calls run.sh with
# the ARGs.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$HOME/.cargo/bin:$PATH # where rustup puts Rust
target=${CARGO_TARGET_DIR:-target}

ABOUT="The tests install compilers, Rust, ffmpeg and mkvtoolnix with apt where they are missing, and build everything. The first
time that takes about five minutes on two cores, and 2.2 GB in $target/ and ~/.cargo besides the packages." \
    tests/scripts/deps.sh build test
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
tests/scripts/run.sh "$@" | tee "$output" || status=$?
echo
if [ "$status" = 0 ]; then
    echo "next: \`make check\` for the lints, \`make help\` for the rest, src/lib.rs to read the code"
else
    echo "next: \`cargo test --test it NAME\` runs one of those that failed"
fi
echo "$(grep '^sum: ' "$output" || echo 'sum: no tests'); $SECONDS s, $(du -sh "$target" | cut -f 1)B in $target/"
exit "$status"
