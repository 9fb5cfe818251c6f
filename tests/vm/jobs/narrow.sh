#!/bin/bash
# A line with half of what the video needs: a viewer on it gets whole frames at a lower rate; a recorder on a wide path beside
# it misses nothing. Frames of 100 KB at 20 a second (16 Mbit/s) on 8 Mbit/s with a queue of 64 KB: two thirds of 24 Mbit/s on
# 12, since an emulated guest carries three streams.
# The longest pause is the first second, until camcast has seen how narrow the line is; a guest that stands still makes others.
# A recorder on the narrow line comes last: it falls behind, and misses nothing that camcast's memory still holds.
# shellcheck source=/dev/null
. /host/tools/steps.sh
# shellcheck source=/dev/null
. /host/tools/net.sh
use_binaries
fps=20 seconds=30
CLIP=/tmp/medium.mjpeg
python3 /host/tools/fatten.py /tmp/clip.mjpeg "$CLIP" 100000 || fail "no clip"

network narrow wide
path router to_narrow rate 8mbit limit 43 # of 1494 bytes: 64 KB
path narrow d0 delay 40ms limit 1000
path wide d0 delay 40ms limit 1000
cast_far "$CLIP" -f $fps

# camrec tells the delay on a terminal only: script gives it one.
rm -rf /tmp/view
(inside narrow script -qefc "timeout 100 camrec $CAM -o /tmp/view --newest --duration ${seconds}s" /tmp/view.tty) \
    >/dev/null 2>/tmp/script.log &
viewer=$!
record_far wide $((fps * seconds))
verify $((fps * seconds)) /tmp/rec/*/*.mkv
wait $viewer
status=$?
tr '\r' '\n' </tmp/view.tty | grep -vE 'delay [0-9]|^$' | tail -n 6
# 12: some frames are missing, which is as it has to be
[ $status = 0 ] || [ $status = 12 ] || fail "the viewer ended with status $status"
python3 /host/tools/intervals.py /tmp/view/*/*.mkv --typescript /tmp/view.tty --fps 6 --longest 4000 ||
    fail "the viewer saw too little"
read -r packets _ drops <<<"$(queue router to_narrow)"
echo "viewer: $packets packets, $drops more dropped by the queue"

(inside narrow timeout 20 camrec "$CAM" -o /tmp/narrow --every --duration 10s) >/tmp/narrow.log 2>&1
status=$?
tail -n 5 /tmp/narrow.log
[ $status = 0 ] || fail "the recorder on the narrow line ended with status $status"
grep left: /tmp/camcast.log
stop "$CAMCAST" camcast
