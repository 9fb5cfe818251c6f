#!/bin/bash
# --on-demand: the camera is on only while somebody watches. While nobody does, another program can have it; whoever joins gets
# the first frame well within a second.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
rounds=5
uvc_camera
cast "$UVC" --on-demand
count() { grep -c "$1" /tmp/camcast.log; }
reached() { [ "$(count "$1")" -ge "$2" ]; }

for round in $(seq $rounds); do
    wait_for 60 "rest for the camera" reached 'nobody watches' "$round"
    timeout 20 v4l2-ctl -d "$UVC" --stream-mmap=4 --stream-count=5 --stream-to=/tmp/others.mjpeg 2>/dev/null ||
        fail "the camera is not free while nobody watches"
    record 10
    wait_for 5 "word that it is on" reached 'somebody watches' "$round"
done
grep 'gives frames' /tmp/camcast.log | tail -n $rounds
# seconds from the wake-up to the first frame
grep 'gives frames' /tmp/camcast.log | tail -n $rounds | sed 's/.*after \([0-9.]*\) s/\1/' |
    awk '$1 > 0.9 { slow++ } END { exit slow > 0 }' || fail "a first frame took too long"
# the first frame may have waited in the camera
python3 /host/tools/verify.py "$CLIP" /tmp/rec/*.mkv --frames 10 --gaps 1 || fail "not what the camera sent"
stop "$CAMCAST" camcast
