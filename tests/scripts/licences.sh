#!/bin/bash
# licences.sh: licences and origins of the dependencies (cargo deny), and known advisories where their list can be had.
set -euo pipefail
version=0.20.2
if ! command -v cargo-deny >/dev/null; then
    echo "installing cargo-deny $version"
    if ! cargo install --quiet --locked --version "$version" cargo-deny; then
        # it needs a newer Rust than ours may be; then this check is for machines that have it
        echo "left out: licences and advisories, because cargo-deny could not be installed (why is said above)"
        exit 0
    fi
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
fi
cargo deny --log-level error check licenses bans sources
if timeout 30 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
    cargo deny --log-level error check advisories
else
    echo "left out: advisories, their list cannot be reached from here"
fi
