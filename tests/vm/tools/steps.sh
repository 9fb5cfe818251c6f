#!/bin/bash
# The steps that jobs are made of. Sourced by a job: . /host/tools/steps.sh
# Everything waits for a condition; nothing sleeps for a fixed time, because the guest may be emulated and slow.
# shellcheck disable=SC2034 # the jobs use the variables
set -u
CLIP=/tmp/clip.mjpeg # off the shared folder, which is slow
cp /host/clip.mjpeg "$CLIP"
export RUST_BACKTRACE=1

fail() {
    echo "FAIL: $*"
    for log in /tmp/*.log; do
        [ ! -s "$log" ] || { echo "--- $log"; tail -n 20 "$log"; }
    done
    exit 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "no $what"
        sleep 0.1
    done
}

# stop PID NAME: SIGTERM, then a clean end.
stop() {
    kill "$1" || fail "$2 had already ended"
    wait "$1" || fail "$2 ended with status $? after SIGTERM"
}

captures() { v4l2-ctl -d "$1" --info | grep -q 'Video Capture'; }

# Plays the clip at 30 fps (or $1) on /dev/video10; FEEDER is its pid.
loopback_camera() {
    modprobe v4l2loopback video_nr=10 card_label=loopback exclusive_caps=1 max_buffers=4 || fail "modprobe v4l2loopback"
    python3 /host/tools/feed.py /dev/video10 "$CLIP" --fps "${1:-30}" >/tmp/feed.log 2>&1 &
    FEEDER=$!
    wait_for 60 "picture on /dev/video10" captures /dev/video10
}

# Plugs the USB camera in; UVC is its link, by its name and serial number. Commands to it: /run/uvccam.ctl
uvc_camera() {
    modprobe -a vhci-hcd uvcvideo || fail "modprobe vhci-hcd uvcvideo"
    python3 /host/tools/uvccam.py "$CLIP" >/tmp/uvccam.log 2>&1 &
    UVC=/dev/v4l/by-id/usb-Camcast_VM_UVC_camera_VM0001-video-index0
    wait_for 60 "$UVC" captures "$UVC"
}

# The binaries under test, off the shared folder.
use_binaries() {
    cp /host/bin/camcast /host/bin/camrec /usr/local/bin/ || fail "no binaries"
}

# cast SOURCE...: camcast for the clip, ready for viewers; CAMCAST is its pid.
cast() {
    camcast "$@" -r 1280x720 -f 30 --listen 127.0.0.1:9999 2>/tmp/camcast.log &
    CAMCAST=$!
    listening
}

listening() {
    wait_for 60 "'listening on' from camcast" grep -q 'listening on ' /tmp/camcast.log
}

# record FRAMES: camrec takes that many into /tmp/rec, and says that nothing is missing.
record() {
    rm -rf /tmp/rec
    timeout 150 camrec 127.0.0.1 -o /tmp/rec --every --frames "$1" >/tmp/camrec.log 2>&1 ||
        fail "camrec ended with status $?"
    tail -n 5 /tmp/camrec.log
}

# verify FRAMES FILE...: they are the clip's, byte for byte.
verify() {
    local frames=$1
    shift
    python3 /host/tools/verify.py "$CLIP" "$@" --frames "$frames" || fail "not what the camera played"
}
