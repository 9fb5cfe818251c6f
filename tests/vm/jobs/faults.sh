#!/bin/bash
# The USB camera sends halves, frames marked damaged, a stalled endpoint, and nothing for ten seconds: no bad frame leaves
# camcast, it counts each kind, and the stream goes on in the session of before.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
modprobe uvcvideo nodrop=1 || fail "modprobe uvcvideo" # damaged frames come to us, marked
uvc_camera
cast_as "${AS_VIDEO[@]}"
cast "$UVC"
record_on /tmp/all
all=$RECORDER

# goes_on FRAMES WHAT: this many frames more, each one the clip's.
goes_on() {
    echo "$2"
    rm -rf /tmp/rec
    timeout 100 camrec 127.0.0.1 -o /tmp/rec --every --frames "$1" >/tmp/camrec.log 2>&1 || fail "camrec ended with status $?"
    python3 /host/tools/verify.py "$CLIP" /tmp/rec/*/*.mkv --frames "$1" --gaps "$1" || fail "a bad frame has left camcast"
}

goes_on 30 "no fault"
camera truncate 10
goes_on 90 "each tenth frame cut in half"
camera truncate 0
camera error 10
goes_on 90 "each tenth frame with the error bit, which the driver hands on"
echo 0 >/sys/module/uvcvideo/parameters/nodrop
goes_on 60 "and which the driver keeps"
camera error 0
echo 1 >/sys/module/uvcvideo/parameters/nodrop
for number in 1 2 3; do
    camera stall
    goes_on 30 "stall $number"
done
camera hang 10
hear "$SAYS_SILENT"
hear "$SAYS_FRAMES" 1
last "$SAYS_FRAMES"
goes_on 30 "after ten seconds of nothing"

[ "$(grep 'left: ' /tmp/camcast.log | grep -cv 'it said end')" = 0 ] || fail "the recorder had to come back"
end_recording "$all" /tmp/all --gaps 1000
stop "$CAMCAST" camcast
last 'stopped: '
counted 9 "$SAYS_CUT"
counted 9 "$SAYS_MARKED"
