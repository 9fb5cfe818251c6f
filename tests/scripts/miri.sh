#!/bin/bash
# miri.sh [ROOM ...]: the tests of these rooms under Miri, which sees undefined behaviour: the ring of buffers with its device that is
# none, and some of the pure rooms, which have no unsafe code of their own. Needs rustup's nightly with miri.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$HOME/.cargo/bin:$PATH # where rustup puts Rust
export PROPTEST_CASES=1 # each takes seconds
export MIRIFLAGS=-Zmiri-disable-isolation # seeds that have failed are in files
cargo +nightly miri --version >/dev/null 2>&1 || {
    echo "this needs Miri: rustup toolchain install nightly --component miri" >&2
    exit 1
}
rooms=("$@")
# the others stream for hours of their own time, or copy megabytes: Miri would take days
[ $# -gt 0 ] || rooms=(capture::v4l2::ring time wire shown key_text)
cargo +nightly miri test --locked --lib -- "${rooms[@]/%/::}"
