#!/bin/bash
# camcast's system calls a frame, streaming from v4l2loopback to one camrec.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
loopback_camera
cast /dev/video10
strace -f -s 0 -o /tmp/trace -p "$CAMCAST" 2>/tmp/strace.log &
tracer=$!
wait_for 60 "strace on camcast" grep -q attached /tmp/strace.log
record 300
kill -INT $tracer
wait $tracer
python3 /host/tools/syscalls.py /tmp/trace "$CLIP" --frames 300 || fail "too many system calls a frame"
stop "$CAMCAST" camcast
