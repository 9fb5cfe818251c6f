#!/bin/bash
# A camera without MJPEG (vivid): its YUYV, NV12 and YU12 are compressed and recorded, every frame decodes; --list and
# --control on a real driver.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
frames=60

modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 vid_cap_nr=20 || fail "modprobe vivid"
camera=/dev/video20
wait_for 60 "vivid" captures $camera

camcast --list >/tmp/list.log || fail "--list ended with status $?"
grep -F -e "$camera" -e '640x480 ' -e 'brightness ' -e 'test_pattern ' /tmp/list.log | sort -u
grep -q "^$camera vivid" /tmp/list.log || fail "--list does not name the camera"
grep -q '^ *640x480 .* fps$' /tmp/list.log || fail "--list has no rates"
grep -q '^ *brightness (int): 0 to 255; default 128, now 128$' /tmp/list.log || fail "--list has no brightness"

# cast_raw OPTION...: camcast on the camera, at a rate that an emulated guest keeps.
cast_raw() {
    camcast $camera -f 10 --listen 127.0.0.1:9999 "$@" 2>/tmp/camcast.log &
    CAMCAST=$!
    listening
    wait_for 60 "source of camcast" grep -q 'source: ' /tmp/camcast.log
}

# control NAME: its value, as another program sees it.
control() { v4l2-ctl -d $camera --get-ctrl "$1" | sed 's/.*: //'; }

# One is set, one has no such value, one does not exist: two warnings, and the stream goes on.
cast_raw -r 640x480 --control brightness=100 --control contrast=999 --control no_such_thing=1
grep 'control' /tmp/camcast.log
grep -q 'WARN.*--control contrast=999: it takes 0 to 255\|--control contrast=999: it takes 0 to 255' /tmp/camcast.log ||
    fail "nothing about contrast"
grep -q -e '--control no_such_thing=1: the camera has no such control' /tmp/camcast.log || fail "nothing about no_such_thing"
[ "$(control brightness)" = 100 ] || fail "brightness is $(control brightness)"
stop "$CAMCAST" camcast

# Each format: v4l2loopback is not needed, vivid has them all; the one that is set at present is no hint for camcast.
for pair in "auto YUYV" "yuyv YUYV"; do
    read -r mode fourcc <<<"$pair"
    cast_raw -r 640x480 -m "$mode"
    grep -q "source: .*: $fourcc 640x480" /tmp/camcast.log || fail "not $fourcc in mode $mode"
    record $frames
    python3 /host/tools/decodes.py /tmp/rec/*/*.mkv --frames $frames --size 640x480 || fail "not what was to be recorded"
    grep 'compressed here' /tmp/camcast.log || fail "nothing about the cost"
    stop "$CAMCAST" camcast
    grep 'stopped: ' /tmp/camcast.log
done

# A size that vivid does not have: the nearest.
cast_raw -r 1024x768
grep 'asked for 1024x768' /tmp/camcast.log || fail "nothing about the size"
stop "$CAMCAST" camcast

# It has no MJPEG, and that was asked for.
timeout 60 camcast $camera -m mjpeg --listen 127.0.0.1:9999 2>/tmp/camcast.log
status=$?
tail -n 1 /tmp/camcast.log
[ $status = 6 ] || fail "status $status instead of 6"
