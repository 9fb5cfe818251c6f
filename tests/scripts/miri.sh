#!/bin/bash
# miri.sh [ROOM ...]: the tests of these rooms under Miri, which sees undefined behaviour: the ring of buffers with its device that is
# none, and of the pure rooms, which have no unsafe code of their own, what the crates do that they use. Needs rustup's nightly with miri.
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
[ $# -gt 0 ] || rooms=(capture::v4l2::ring time wire shown key_text account admission jpeg fec reel seal sign rtp rtsp http supervisor)
# hours of a stream, megabytes that are copied byte by byte, pictures by libjpeg-turbo: nothing in them that shorter tests have not
SKIP=()
cargo +nightly miri test --locked --lib -- "${rooms[@]/%/::}" "${SKIP[@]/#/--skip=}"
