#!/bin/bash
# camcast on a camera that it cannot have, and told not to wait: a status for each cause, and a last line that names the
# device and the cause.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries

# refused STATUS DEVICE WORD COMMAND...: the command fails so, in time, with the word in the last line that it logs.
refused() {
    local expected=$1 device=$2 word=$3 status
    shift 3
    timeout 60 "$@" "$device" --exit-on-device-error -r 1280x720 -f 30 --listen 127.0.0.1:9999 \
        2>/tmp/camcast.log
    status=$?
    tail -n 1 /tmp/camcast.log
    [ $status = "$expected" ] || fail "status $status instead of $expected"
    tail -n 1 /tmp/camcast.log | grep -F "$device" | grep -qi "$word" || fail "no '$word' about $device"
}

refused 3 /dev/video77 "no such" camcast

loopback_camera

# A user without privileges gets the system's small buffer, and is told the remedy.
cast /dev/video10
"${AS_STRANGER[@]}" camrec 127.0.0.1 -o - --format mjpeg --frames 3 \
    >/dev/null 2>/tmp/small.log || fail "camrec ended with status $?"
grep -q 'limits the receive buffer to .*sysctl -w net.core.rmem_max=' /tmp/small.log || fail "$(cat /tmp/small.log)"
stop "$CAMCAST" camcast
held_by_another /dev/video10 refused 4 /dev/video10 "used by another" camcast
refused 5 /dev/video10 "group.*video" "${AS_STRANGER[@]}" camcast

uvc_camera
held_by_another "$UVC" refused 4 "$UVC" "used by another" camcast

modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 vid_cap_nr=20 || fail "modprobe vivid"
wait_for 60 "vivid" captures /dev/video20
refused 6 /dev/video20 "no MJP.*YUYV" camcast -m mjpeg
