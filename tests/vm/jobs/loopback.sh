#!/bin/bash
# v4l2loopback at 30 fps: camrec's file holds 300 consecutive frames, each byte as it was fed. Then camcast is held up for longer
# than the driver has buffers: the recording says how many frames the driver dropped for it, and where.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
loopback_camera
cast /dev/video10
record 300
verify 300 /tmp/rec/*/*.mkv

fed() { sed -n 's/^syscw: //p' "/proc/$FEEDER/io"; }
fed_since() { [ "$(fed)" -ge $(($1 + $2)) ]; }
feeds() { wait_for 60 "$1 frames more" fed_since "$(fed)" "$1"; }
record_on /tmp/held-up
feeds 30
kill -STOP "$CAMCAST"
feeds 15
kill -CONT "$CAMCAST"
feeds 30
end_recording "$RECORDER" /tmp/held-up --drops
grep -q "camera's own drops: [1-9]" /tmp/held-up.log || fail "the driver has dropped nothing"

stop "$CAMCAST" camcast
stop "$FEEDER" feed.py
cat /tmp/feed.log
