#!/bin/bash
# spillcut.sh [ROUNDS]: camcast --spill in the virtual machine, on ext4 on a disk of its own, and camrec outside. While camrec is there
# nothing is written to the disk. Then it is away, and meanwhile the machine is switched off. It boots again on that disk, camrec comes
# back, and has every frame that was on the disk, and what followed; nothing else. ROUNDS times (1).
# Environment: BIN_DIR=DIR as for test.sh  SEED=N  IDLE=SECONDS (60)  KEEP=DIR (what was left, and what the guest said)
set -euo pipefail
rounds=${1:-1}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
guest='' recorder=''
end_all() {
    for child in $guest $recorder; do
        kill -KILL "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap end_all EXIT
trap 'exit 130' INT TERM
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "SEED=$seed"
RANDOM=$seed
keep=${KEEP:-$work/keep}
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')

"$here/share.sh" "$work/host"

boot() {
    log=$1
    echo "$2" >"$work/host/idle"
    DISK=$work/disk PORT=$port SHARE=$work/host TIMEOUT=400 "$here/run.sh" "$here/tools/spill-until-cut.sh" >"$log" 2>&1 &
    guest=$!
}
cut_power() {
    kill $guest
    wait $guest || true
    guest=
}
said() { grep -aq "$1" "$2"; }
# wait_said PATTERN FILE
wait_said() {
    local tries=0
    until said "$1" "$2"; do
        tries=$((tries + 1))
        if [ $tries = 2000 ] || { [ -n "$guest" ] && ! kill -0 $guest; }; then
            grep -av '^alive ' "$log"
            cat "$rec.log" 2>/dev/null || true
            echo "FAIL: nobody says '$1'"
            exit 1
        fi
        sleep 0.1
    done
}

for round in $(seq "$rounds"); do
    mkdir -p "$keep/$round/left"
    rec=$work/rec
    rm -rf "$rec"
    truncate -s 1G "$work/disk.new"
    mv "$work/disk.new" "$work/disk"
    mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$work/disk"
    boot "$keep/$round/before" "$([ "$round" -gt 1 ] && echo 0 || echo "${IDLE:-60}")"
    wait_said 'listening on ' "$log"
    "$work/host/bin/camrec" "127.0.0.1:$port" -o "$rec" -v >"$rec.log" 2>&1 &
    recorder=$!
    wait_said 'writing ' "$rec.log"
    wait_said '^alive ' "$log"
    if [ "$round" = 1 ]; then
        grep -a '^idle: ' "$log"
        said '^idle: 0 sectors written' "$log" || { echo "FAIL: nobody was away"; exit 1; }
    fi
    kill -STOP $recorder
    wait_said 'a recorder is away' "$log"
    sleep "$((5 + RANDOM % 5)).$((RANDOM % 100))"
    cut_power

    # the journal is replayed, as a mount does it, on a copy; e2fsck says 1 for that
    cp --sparse=always "$work/disk" "$work/copy"
    e2fsck -fp "$work/copy" >"$keep/$round/fsck" 2>&1 || [ $? = 1 ] || { cat "$keep/$round/fsck"; exit 1; }
    debugfs -R "rdump /spill $keep/$round/left" "$work/copy" 2>/dev/null
    found=$(python3 "$here/tools/afterspill.py" disk "$log" "$keep/$round/left/spill") || { echo "$found"; exit 1; }
    read -r last count lost <<<"$found"
    echo "round $round: $count frames on the disk, $lost s lost"

    boot "$keep/$round/after" 0
    wait_said 'wait for 1 recorder' "$log"
    wait_said 'listening on ' "$log"
    kill -CONT $recorder
    wait_said 'has all that it missed' "$log"
    wait_said 'is deleted' "$log"
    kill $recorder
    status=0
    wait $recorder || status=$?
    recorder=
    cut_power
    grep -E '^(frames from|recorded|missing|camcast restarts)' "$rec.log" | tr '\n' ' '
    echo
    [ $status = 0 ] || { cat "$rec.log"; echo "FAIL: camrec ended with $status"; exit 1; }
    first=$(sed -n 's/.*next frame \([0-9]*\),.*/\1/p' "$rec.log" | head -n 1)
    python3 "$here/tools/afterspill.py" recording "$work/host/clip.mjpeg" "$rec" "$first" "$last"
done
