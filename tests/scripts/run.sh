#!/bin/bash
# run.sh [ARG...]: cargo test, all of it whatever fails, and one line of sum at the end. ARGs go to cargo test.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-8} # they mostly wait

cargo test --locked --no-fail-fast "$@" 2>&1 | awk '
    { print; fflush() }
    /^ +Running |^ +Doc-tests / { binary = $2 }
    match($0, /left out: [a-z_0-9:]+: /) { missing = missing "\n    " substr($0, RSTART + 10) }
    /^test .* \.\.\. FAILED/ { failures = failures "\n    " binary ": " $2 }
    /^test result: / { passed += $4; failed += $6; ignored += $8; binaries++ }
    END {
        printf "sum: %d passed, %d failed, %d ignored, of %d test programs\n", passed, failed, ignored, binaries
        if (missing) printf "left out, though passed:%s\n", missing
        if (failures) printf "failed:%s\n", failures
    }'
status=${PIPESTATUS[0]}
[ "$status" = 0 ] || echo "cargo test ended with $status"
exit "$status"
