#!/bin/bash
# --on-demand: the camera is on only while somebody watches. While nobody does, another program can have it; whoever joins gets
# the first frame well within a second.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
rounds=5
uvc_camera
cast "$UVC" --on-demand

for round in $(seq $rounds); do
    hear "$SAYS_OFF" $((round - 1))
    timeout 20 v4l2-ctl -d "$UVC" --stream-mmap=4 --stream-count=5 --stream-to=/tmp/others.mjpeg 2>/dev/null ||
        fail "the camera is not free while nobody watches"
    record 10
    hear "$SAYS_ON" $((round - 1))
    last "$SAYS_FRAMES"
    # seconds from the wake-up to the first frame
    last "$SAYS_FRAMES" | sed 's/.*after \([0-9.]*\) s.*/\1/' | awk '{ exit !($1 <= 0.9) }' || fail "a first frame took too long"
    # the first frames may have waited in the camera, which then drops some of its own
    python3 /host/tools/verify.py "$CLIP" /tmp/rec/*/*.mkv --frames 10 --gaps 9 || fail "not what the camera sent"
done
stop "$CAMCAST" camcast
