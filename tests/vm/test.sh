#!/bin/bash
# test.sh [JOB...]: runs camcast and camrec on real camera drivers in a virtual machine; all of jobs/ by default.
# Environment: BIN_DIR=DIR (ready binaries that run on Debian 13; default: cargo builds them)  TIMEOUT=300 (seconds a job)
# Each job's output is kept in out/. Prints a line a job and at last "N passed, M failed"; fails if one failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$here/out

if [ $# -gt 0 ]; then
    jobs=("$@")
else
    jobs=()
    for job in "$here"/jobs/*.sh; do jobs+=("$(basename "$job" .sh)"); done
fi
for job in "${jobs[@]}"; do
    [ -f "$here/jobs/$job.sh" ] || { echo "no job $job in $here/jobs"; exit 2; }
done

echo "the guest's image: $("$here/build.sh")"

work=$(mktemp -d)
child= # what runs in the background: bash would hear no signal while it waited for the foreground
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; [ -z "$child" ] || wait "$child" || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

mkdir -p "$out"
"$here/share.sh" "$work/host" # what the guest sees as /host

passed=0 failed=0
for job in "${jobs[@]}"; do
    began=$SECONDS
    status=0
    systemd=
    ! grep -q '^# SYSTEMD=1' "$here/jobs/$job.sh" || systemd=1
    SYSTEMD=$systemd SHARE=$work/host KEEP=$out/$job "$here/run.sh" "$here/jobs/$job.sh" >"$out/$job.log" 2>&1 &
    child=$!
    wait $child || status=$?
    child=
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        echo "ok      $job ($((SECONDS - began)) s)"
    else
        failed=$((failed + 1))
        echo "FAILED  $job ($((SECONDS - began)) s, status $status); the kernel's log is in $out/$job"
    fi
    sed 's/^/        /' "$out/$job.log"
done
if [ $# = 0 ]; then
    echo "power cuts, three of them"
    BIN_DIR=$work/host/bin "$here/powercut.sh" 3 &
    child=$!
    if wait $child; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    child=
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
