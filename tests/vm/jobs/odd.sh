#!/bin/bash
# A camera whose frames are odd and good: stray bytes between the header's segments, SOI twice, and each buffer said to be
# used up to its end, with the rest of earlier frames and their EOI behind each. The frames, and nothing else, are recorded.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
python3 - "$CLIP" /tmp/odd.mjpeg <<'END' || fail "no clip"
import sys
sys.path.insert(0, "/host/tools")
import mjpeg
with open(sys.argv[2], "wb") as odd:
    for number, frame in enumerate(mjpeg.read(sys.argv[1])):
        second = 4 + int.from_bytes(frame[4:6], "big")
        odd.write(frame[:second] + b"\x2c\0\xff\0\x01"[:number % 6] + frame[second:])
END
CLIP=/tmp/odd.mjpeg
modprobe v4l2loopback video_nr=10 card_label=loopback exclusive_caps=1 max_buffers=4 || fail "modprobe v4l2loopback"
for habit in --whole-buffers --twice; do
    echo "$habit"
    python3 /host/tools/feed.py /dev/video10 "$CLIP" $habit >/tmp/feed.log 2>&1 &
    FEEDER=$!
    wait_for 60 "picture on /dev/video10" captures /dev/video10
    cast /dev/video10
    record 300
    verify 300 /tmp/rec/*/*.mkv
    stop "$CAMCAST" camcast
    stop "$FEEDER" feed.py
done
