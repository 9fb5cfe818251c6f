#!/bin/bash
# test.sh [JOB...]: runs camcast and camrec on real camera drivers in a virtual machine; all of jobs/ by default, but those that
# only measure (BY_NAME=1).
# Environment: BIN_DIR=DIR (ready binaries that run on Debian 13; default: cargo builds them)  TIMEOUT=600 (seconds a job)
#   ARCH=arm64 (an ARM machine, by default with the binaries of `make cross`; with BIN_DIR those for armhf run on it too)
#   AT_ONCE=N (machines that run at a time; default: 2, each has one CPU; 1 on a host that has one)
# Each job's output is kept in out/. Prints a line a job, the power cuts as one, and at last "N passed, M failed"; fails if one
# failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$here/out

# jobs that switch the machine off, each on a disk of its own
declare -A cuts=(["power cuts"]="powercut.sh 3" ["spill over a power cut"]="spillcut.sh 1")
if [ $# -gt 0 ]; then
    jobs=("$@")
else
    jobs=("${!cuts[@]}")
    for job in "$here"/jobs/*.sh; do
        grep -q '^# BY_NAME=1' "$job" || jobs+=("$(basename "$job" .sh)")
    done
fi
for job in "${jobs[@]}"; do
    [ -n "${cuts[$job]:-}" ] || [ -f "$here/jobs/$job.sh" ] || { echo "no job $job in $here/jobs"; exit 2; }
done
at_once=${AT_ONCE:-$(($(nproc) > 1 ? 2 : 1))}

echo "the guest's image: $("$here/build.sh")"

work=$(mktemp -d)
declare -A job_of=() began_of=() # by pid
# in the background, all of it: bash would hear no signal while it waited for the foreground
end_all() {
    [ ${#job_of[@]} = 0 ] || kill "${!job_of[@]}" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap end_all EXIT
trap 'exit 130' INT TERM

mkdir -p "$out"
[[ " ${jobs[*]} " != *" package "* ]] || export PACKAGES=1
"$here/share.sh" "$work/host" # what the guest sees as /host

start() {
    local job=$1 systemd=
    local script rounds
    if [ -n "${cuts[$job]:-}" ]; then
        read -r script rounds <<<"${cuts[$job]}"
        BIN_DIR=$work/host/bin "$here/$script" "$rounds" >"$out/$job.log" 2>&1 &
    else
        ! grep -q '^# SYSTEMD=1' "$here/jobs/$job.sh" || systemd=1
        SYSTEMD=$systemd SHARE=$work/host KEEP=$out/$job "$here/run.sh" "$here/jobs/$job.sh" >"$out/$job.log" 2>&1 &
    fi
    job_of[$!]=$job
    began_of[$!]=$SECONDS
}

passed=0 failed=0
finish_one() {
    local pid status=0
    wait -n -p pid "${!job_of[@]}" || status=$?
    local job=${job_of[$pid]} took=$((SECONDS - began_of[$pid]))
    unset "job_of[$pid]"
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        echo "ok      $job ($took s)"
    else
        failed=$((failed + 1))
        echo "FAILED  $job ($took s, status $status); the kernel's log is in $out/$job"
    fi
    sed 's/^/        /' "$out/$job.log"
}

for job in "${jobs[@]}"; do
    [ ${#job_of[@]} -lt "$at_once" ] || finish_one
    start "$job"
done
while [ ${#job_of[@]} -gt 0 ]; do finish_one; done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
