#!/bin/bash
# test.sh [ARG...]: the tests that need no camera, from nothing but this tree: installs what is missing, then run.sh, which
# has the ARGs.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PATH:$HOME/.cargo/bin # where rustup puts Rust
target=${CARGO_TARGET_DIR:-target}

ABOUT="The tests install compilers, Rust, ffmpeg and mkvtoolnix with apt where they are missing, and build everything. The first
time that takes about ten minutes on two cores, later five, and DISK in $target/ and ~/.cargo besides the packages." \
    tests/scripts/deps.sh build test
status=0
tests/scripts/run.sh "$@" || status=$?
next="\`make check\` for the lints, \`make help\` for the rest, src/lib.rs for the code"
[ "$status" = 0 ] || next="\`cargo test --test it NAME\` runs one of those that failed"
echo "$SECONDS s, $(du -sh "$target" | cut -f 1)B in $target/; next: $next"
exit "$status"
