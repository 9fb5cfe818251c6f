#!/bin/bash
# powercut.sh [ROUNDS]: records in the virtual machine, to ext4 on a disk of its own, and switches the machine off at a random
# moment; ROUNDS times (20). Each time the disk is looked at as it is, and the next start repairs what was open.
# Environment: BIN_DIR=DIR as for test.sh  SEED=N  KEEP=DIR (what was left, and what the guest said)
set -euo pipefail
rounds=${1:-20}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; [ -z "$child" ] || wait "$child" || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "SEED=$seed"
RANDOM=$seed
keep=${KEEP:-$work/keep}

"$here/share.sh" "$work/host"
truncate -s 2G "$work/disk"
mkfs.ext4 -q "$work/disk"

was_open=
said() { [ "$(grep -ac "$2" "$log")" -ge "$1" ]; }
for round in $(seq "$rounds"); do
    mkdir -p "$keep/$round"
    log=$keep/$round/log
    : >"$log" # it is looked into before anything is said
    DISK=$work/disk SHARE=$work/host TIMEOUT=300 "$here/run.sh" "$here/tools/until-cut.sh" >"$log" 2>&1 &
    child=$!
    # the last line may be torn; what was open is repaired beside the recording, in its own time
    until said 1 '"event":"status"' && said 2 '^alive ' && { [ -z "$was_open" ] || said 1 'was not finished: '; }; do
        kill -0 $child || { grep -av '^alive ' "$log"; echo "no recording${was_open:+, or what was open is not repaired}"; exit 1; }
        sleep 0.1
    done
    sleep "$((RANDOM % 12)).$((RANDOM % 100))"
    kill $child
    wait $child || true
    child=
    # a cut between two files leaves nothing to repair
    grep -ao 'was not finished: .*' "$log" | sed 's/^/  the next start: /' || true

    # the journal is replayed, as a mount does it, on a copy; e2fsck says 1 for that
    cp --sparse=always "$work/disk" "$work/copy"
    e2fsck -fp "$work/copy" >"$keep/$round/fsck" 2>&1 || [ $? = 1 ] || { cat "$keep/$round/fsck"; exit 1; }
    mkdir -p "$keep/$round/left"
    debugfs -R "rdump / $keep/$round/left" "$work/copy" 2>/dev/null
    found=$(python3 "$here/tools/aftercut.py" "$log" "$keep/$round/left" "$work/host/bin/camrec")
    echo "round $round: $found"
    was_open=1
    [[ $found != *'no file was open' ]] || was_open=
    [ -n "${KEEP:-}" ] || rm -rf "${keep:?}/$round"
done
echo "$rounds rounds passed"
