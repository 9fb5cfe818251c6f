#!/bin/bash
# In the guest: records the clip at 30 fps to the disk until the power goes, and says all the while what time it is.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
mkdir -p /mnt/disk
mount /dev/vdb /mnt/disk || fail "mount"
# two write to one terminal, which may take half a line of one before a line of the other; a pipe takes lines whole
exec > >(cat)
cast "$CLIP"
camrec 127.0.0.1 -o /mnt/disk --segment 5s --json 2>&1 &
exec python3 -c '
import time
while True:
    print(f"alive {time.time():.3f}", flush=True)
    time.sleep(0.02)
'
