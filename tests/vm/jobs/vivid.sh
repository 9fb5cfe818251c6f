#!/bin/bash
# vivid's ways to fail, in turn, 20 rounds in all: after each there are frames again, of the same camcast, and the recorder that
# was there from the start is there at the end. vivid has no MJPEG: camcast compresses.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
rounds=20
DEVICE=/dev/video20
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 vid_cap_nr=20 || fail "modprobe vivid"
wait_for 60 "vivid" captures $DEVICE

faults=(inject_v4l2_buf_flag_error inject_vidioc_reqbufs_error inject_vidioc_qbuf_error inject_vidioc_streamon_error
    inject_fatal_streaming_error wrap_sequence_number wrap_timestamp percentage_of_dropped_buffers disconnect)
for fault in "${faults[@]}"; do
    v4l2-ctl -d $DEVICE -L | grep -q "^ *$fault " || fail "this vivid has no $fault"
done

camcast $DEVICE -r 640x360 -f 10 --listen 127.0.0.1:9999 2>/tmp/camcast.log &
CAMCAST=$!
listening
hear "$SAYS_FRAMES"
record_on /tmp/all
all=$RECORDER

# inject CONTROL VALUE: a button needs a value too.
inject() { v4l2-ctl -d $DEVICE -c "$1=$2" 2>/tmp/inject.log || fail "cannot set $1"; }

# lose CONTROL: it costs camcast the camera.
lose() {
    local before
    before=$(heard "$SAYS_LOST")
    inject "$1" 1
    hear "$SAYS_LOST" "$before"
}

# A vivid that was disconnected comes back only when the driver is bound again; under its number if nobody holds that any more.
lets_go() { ! readlink "/proc/$CAMCAST"/fd/* | grep -q /dev/video; }
rebind() {
    echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
    wait_for 60 "end of camcast's hold on the camera" lets_go
    echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
    wait_for 60 "vivid" captures $DEVICE
}

# ten_more WHAT: frames, for somebody who joins now.
ten_more() {
    rm -rf /tmp/rec
    timeout 60 camrec 127.0.0.1 -o /tmp/rec --every --frames 10 >/tmp/camrec.log 2>&1 ||
        fail "after $1: camrec ended with status $?"
    python3 /host/tools/decodes.py /tmp/rec/*/*.mkv --frames 10 --size 640x360 >/tmp/decodes.log || fail "after $1: not pictures"
    kill -0 "$CAMCAST" || fail "after $1: camcast has ended"
}

for round in $(seq $rounds); do
    fault=${faults[$((round % ${#faults[@]}))]}
    before=$(heard "$SAYS_FRAMES")
    case $fault in
    inject_vidioc_reqbufs_error | inject_vidioc_streamon_error)
        inject "$fault" 1
        lose inject_fatal_streaming_error # so that camcast reopens it, and meets the other on its way
        hear "$SAYS_FRAMES" "$before"
        ten_more "$fault"
        ;;
    inject_vidioc_qbuf_error | inject_fatal_streaming_error | disconnect)
        lose "$fault"
        [ "$fault" != disconnect ] || rebind
        hear "$SAYS_FRAMES" "$before"
        ten_more "$fault"
        ;;
    percentage_of_dropped_buffers)
        inject "$fault" 50
        ten_more "$fault"
        inject "$fault" 0
        ;;
    wrap_timestamp)
        inject "$fault" 1
        ten_more "$fault"
        inject "$fault" 0
        ;;
    *)
        inject "$fault" 1
        ten_more "$fault"
        ;;
    esac
    echo "round $round: $fault, and frames again"
done
grep -oE "($SAYS_LOST|$SAYS_WAITING).*" /tmp/camcast.log | sort | uniq -c
stop "$all" "the recorder from the start"
[ "$(find /tmp/all -name '*.mkv' | wc -l)" = 1 ] || fail "the recorder had to begin again"
grep -E '^(frames from|recorded|missing)|away' /tmp/all.log | cut -c 1-120
stop "$CAMCAST" camcast
last 'stopped: '
counted 1 "$SAYS_MARKED"
