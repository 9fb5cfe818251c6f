#!/bin/bash
# 5 % loss, 20 ms, jitter and reordering both ways: a recording of a v4l2loopback camera misses nothing, and each byte is as fed.
# netem gives each packet a delay of its own: 4 ms of jitter put most of a burst's packets out of order.
# shellcheck source=/dev/null
. /host/tools/steps.sh
# shellcheck source=/dev/null
. /host/tools/net.sh
use_binaries
bad=(delay 20ms 4ms reorder 0.5% loss 5% limit 10000)
network rec
path router to_rec "${bad[@]}"
path rec d0 "${bad[@]}"
loopback_camera
cast_far /dev/video10 -r 1280x720 -f 30
record_far rec 300
verify 300 /tmp/rec/*/*.mkv
read -r packets _ drops <<<"$(queue router to_rec)"
echo "netem: $drops packets lost, $packets sent"
grep 'left:.*every' /tmp/camcast.log
[ "$drops" -gt 300 ] || fail "the path was not bad"
stop "$CAMCAST" camcast
stop "$FEEDER" feed.py
cat /tmp/feed.log
