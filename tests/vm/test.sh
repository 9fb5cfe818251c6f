#!/bin/bash
# test.sh [JOB...]: runs camcast and camrec on real camera drivers in a virtual machine; all of jobs/ by default.
# Environment: BIN_DIR=DIR (ready binaries that run on Debian 13; default: cargo builds them)  TIMEOUT=300 (seconds a job)
# Each job's output is kept in out/. Prints a line a job and at last "N passed, M failed"; fails if one failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
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

if [ -z "${BIN_DIR:-}" ]; then
    echo "building the release binaries"
    (cd "$repository" && cargo build --quiet --release --bins --examples)
    BIN_DIR=${CARGO_TARGET_DIR:-$repository/target}/release
fi

echo "the guest's image: $("$here/build.sh")"

work=$(mktemp -d)
child= # what runs in the background: bash would hear no signal while it waited for the foreground
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; [ -z "$child" ] || wait "$child" || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The cameras' clip is 60 pictures of camcast's own pattern, cast and recorded on this machine.
make_clip() {
    local port tries=0
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    "$BIN_DIR/camcast" pattern -r 1280x720 -f 30 --listen "127.0.0.1:$port" 2>"$work/camcast.log" &
    child=$!
    until grep -q 'listening on ' "$work/camcast.log"; do
        tries=$((tries + 1))
        if [ $tries = 100 ] || ! kill -0 $child; then
            cat "$work/camcast.log"
            return 1
        fi
        sleep 0.1
    done
    timeout 60 "$BIN_DIR/camrec" "127.0.0.1:$port" -o - --format mjpeg --every --frames 60 \
        >"$work/clip.mjpeg" 2>"$work/camrec.log" || { cat "$work/camrec.log"; return 1; }
    kill $child
    wait $child || true
    child=
    python3 "$here/tools/mjpeg.py" "$work/clip.mjpeg"
}

echo "making the clip"
make_clip || { echo "no clip"; exit 1; }

# What the guest sees as /host.
mkdir -p "$work/host/bin" "$out"
cp "$BIN_DIR"/{camcast,camrec} "$work/host/bin/"
cp -r "$here/tools" "$repository/systemd" "$work/clip.mjpeg" "$work/host/"

truncate -s 64M "$work/host/disk.ext4"
mkfs.ext4 -q "$work/host/disk.ext4"

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
echo "$passed passed, $failed failed"
[ $failed = 0 ]
