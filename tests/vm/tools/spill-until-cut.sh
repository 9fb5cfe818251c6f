#!/bin/bash
# In the guest: streams the clip with --spill on the disk /dev/vdb until the power goes. While the first recorder is there and nobody is
# away, it looks for IDLE seconds what is written to the disk; then it says all the while what time it is.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
mkdir -p /mnt/disk
mount /dev/vdb /mnt/disk || fail "mount"
network_out
# two write to one terminal, which may take half a line of one before a line of the other; a pipe takes lines whole
exec > >(cat)
camcast "$CLIP" -f 15 --listen 0.0.0.0:9999 --reel 4M --spill /mnt/disk/spill -v > >(tee /tmp/camcast.log) 2>&1 &
# shellcheck disable=SC2034 # for hear
CAMCAST=$!
read -r idle </host/idle
if [ "$idle" -gt 0 ]; then
    hear ' joined'
    # what mounting has left to be written
    sync
    sleep 6
    sync
    before=$(written vdb)
    sleep "$idle"
    echo "idle: $(($(written vdb) - before)) sectors written in $idle s"
fi
exec python3 -c '
import time
while True:
    print(f"alive {time.monotonic():.3f}", flush=True)
    time.sleep(0.02)
'
