#!/bin/bash
# licences.sh: licences and origins of the dependencies (cargo deny), and known advisories where their list can be had.
set -euo pipefail
if ! command -v cargo-deny >/dev/null; then
    echo "installing cargo-deny"
    # the newest may need a newer Rust than ours; then this check is for machines that have it
    cargo install --quiet --locked cargo-deny || { echo "left out: cargo-deny does not build with this Rust"; exit 0; }
fi
cargo deny --log-level error check licenses bans sources
if timeout 30 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
    cargo deny --log-level error check advisories
else
    echo "left out: advisories, their list cannot be reached from here"
fi
