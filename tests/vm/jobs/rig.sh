#!/bin/bash
# The rig itself, without our programs: v4l2-ctl reads each camera's frames unchanged and in order.
# shellcheck source=/dev/null
. /host/tools/steps.sh

loopback_camera
v4l2-ctl -d /dev/video10 --stream-mmap=4 --stream-count=150 --stream-to=/tmp/loopback.mjpeg 2>/dev/null
verify 150 /tmp/loopback.mjpeg
stop "$FEEDER" feed.py
cat /tmp/feed.log

uvc_camera
v4l2-ctl -d "$UVC" --stream-mmap=4 --stream-count=150 --stream-to=/tmp/uvc.mjpeg 2>/dev/null
verify 150 /tmp/uvc.mjpeg
