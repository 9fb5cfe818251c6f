#!/bin/bash
# The real uvcvideo driver: by the camera's by-id link and by its number, recorded byte for byte.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
uvc_camera
for source in "$UVC" "$(realpath "$UVC")"; do
    echo "$source"
    cast "$source"
    record 300
    verify 300 /tmp/rec/*/*.mkv
    stop "$CAMCAST" camcast
done
grep late /tmp/uvccam.log
