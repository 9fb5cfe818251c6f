#!/bin/bash
# Cameras that forget their controls when the stream starts (uvcvideo): what was asked for is set once more, and the frames are
# those of the clip; one that takes nothing any more is one warning, one that rounds is none. vivid: controls that read otherwise by right.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries

# camera_that HABIT...: a new camera, at which camcast, which waits for one, sets the brightness to 77.
camera_that() {
    echo "--- a camera that: $*"
    cast "$UVC" --control brightness=77
    hear "$SAYS_WAITING"
    record_on /tmp/rec
    uvc_camera "$@"
    hear "$SAYS_FRAMES"
}
brightness() { grep ' brightness ' /tmp/uvccam.log | tail -n 1 | sed 's/.* brightness //'; }
is_77() { [ "$(brightness)" = "77 asked for, it is 77" ]; }
forgot() { grep -q 'brightness 77 forgotten' /tmp/uvccam.log; }
gone() {
    end_recording "$RECORDER" /tmp/rec --drops
    stop "$CAMCAST" camcast
    camera quit
    wait_for 60 "end of the camera" test ! -e "$UVC"
    grep ' brightness ' /tmp/uvccam.log
    ! grep -F -e '--control' /tmp/camcast.log || true
}
twice() { [ "$(grep -c 'brightness 77 asked for' /tmp/uvccam.log)" = 2 ]; }
warnings() { grep 'warning' /tmp/camcast.log | grep -cF -e '--control'; }

camera_that --forgets
wait_for 60 "brightness of 77" is_77
forgot || fail "it has not forgotten, so this shows nothing"
gone
[ "$(warnings)" = 0 ] || fail "a warning of what is cured"

camera_that --forgets --auto-update
wait_for 60 "brightness of 77" is_77
forgot || fail "it has not forgotten, so this shows nothing"
hear 'the camera forgot when its stream started, .*--control brightness=77'
gone
[ "$(warnings)" = 0 ] || fail "a warning of what is cured"

camera_that --forgets --auto-update --stubborn
hear 'the camera does not keep what it was told .*--control brightness=77 .it has 128'
[ "$(warnings)" = 1 ] || fail "$(warnings) warnings instead of one"
gone

camera_that --auto-update --coarse 10
# read back as 70, it is set once more: the driver may answer out of its memory; then it is left alone
wait_for 60 "second setting" twice
gone
[ "$(warnings)" = 0 ] || fail "a warning of a value that the camera rounds"
[ "$(brightness)" = "77 asked for, it is 70" ] || fail "the camera has $(brightness)"

echo "--- vivid"
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 vid_cap_nr=20 || fail "modprobe vivid"
wait_for 60 "vivid" captures /dev/video20
# automatic gain governs gain, and changes it by itself; a button has no value; an integer has steps
camcast /dev/video20 -r 640x480 -f 10 --listen 127.0.0.1:9999 --control gain_automatic=on --control brightness=77 \
    --control button=1 -v --control integer_64_bits=8000000000 --control bitmask=0x80002000 --control hue=5 2>/tmp/camcast.log &
CAMCAST=$!
hear "$SAYS_FRAMES"
hear 'the controls have been looked at again'
stop "$CAMCAST" camcast
[ "$(v4l2-ctl -d /dev/video20 --get-ctrl brightness)" = "brightness: 77" ] || fail "brightness is not set"
[ "$(warnings)" = 0 ] || fail "a warning of a control of vivid: $(cat /tmp/camcast.log)"
