#!/bin/bash
# v4l2loopback: camcast is there before any writer, with both settings of exclusive_caps; writers are killed and come again;
# and 0.15.0 as it is shipped, with its poll bug: a silent writer makes no loop spin.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
cast_as "${AS_VIDEO[@]}"

# writers: camcast waits for a writer, and has its frames; and those of the next one, and of the one after.
writers() {
    cast /dev/video10
    hear "$SAYS_WAITING"
    last "$SAYS_WAITING"
    last "$SAYS_WAITING" | grep -q 'start the program that writes' || fail "not what keeps it from frames"
    python3 /host/tools/usage.py "$CAMCAST" 10
    feed 30
    hear "$SAYS_FRAMES"
    goes_on
    for number in 1 2; do
        kill -KILL "$FEEDER"
        wait "$FEEDER" 2>/dev/null
        hear "$SAYS_SILENT|$SAYS_LOST" $((number - 1))
        feed 30
        hear "$SAYS_FRAMES" "$number"
        last "$SAYS_FRAMES"
        goes_on
    done
    silence
    stop "$CAMCAST" camcast
    last 'stopped: '
    stop "$FEEDER" feed.py
    rmmod v4l2loopback || fail "rmmod v4l2loopback"
}

# A writer that has stopped, but keeps the device open.
silence() {
    local before
    before=$(heard "$SAYS_FRAMES")
    kill -STOP "$FEEDER"
    python3 /host/tools/usage.py "$CAMCAST" 15 --most 5 || fail "camcast spins"
    kill -CONT "$FEEDER"
    hear "$SAYS_FRAMES" "$before"
    goes_on
}

goes_on() {
    record 30
    verify 30 /tmp/rec/*/*.mkv
}

for caps in 1 0; do
    echo "exclusive_caps=$caps"
    modprobe v4l2loopback video_nr=10 exclusive_caps=$caps max_buffers=4 || fail "modprobe v4l2loopback"
    writers
done
echo "as shipped"
modprobe videodev
insmod /usr/local/lib/v4l2loopback-stock.ko video_nr=10 exclusive_caps=1 max_buffers=4 || fail "insmod v4l2loopback-stock"
writers
