#!/bin/bash
# v4l2loopback at 30 fps: camrec's file holds 300 consecutive frames, each byte as it was fed.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
loopback_camera
cast /dev/video10
record 300
verify 300 /tmp/rec/*/*.mkv
stop "$CAMCAST" camcast
stop "$FEEDER" feed.py
cat /tmp/feed.log
