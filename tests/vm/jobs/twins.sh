#!/bin/bash
# Two cameras with one name and one serial number: the port tells them apart. camcast, as a user of group video, stays with the
# one that it had, whatever numbers they come back under, and says what it waits for.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
cast_as "${AS_VIDEO[@]}"
SAYS_TWIN='waiting for the camera: .* has the same name and serial number'
SAYS_STRANGER='waiting for the camera: .* is another camera now'
modprobe -a vhci-hcd uvcvideo || fail "modprobe vhci-hcd uvcvideo"

# camera_at NAME PORT FRAMES SERIAL: a camera that plays these frames of the clip; its log is /tmp/NAME.log.
camera_at() {
    python3 /host/tools/uvccam.py "$CLIP" --ctl "/run/$1.ctl" --port "$2" --frames "$3" --serial "$4" >"/tmp/$1.log" 2>&1 &
    is_there "$2"
}
tell() { echo "${*:2}" >"/run/$1.ctl"; }
by_path() { echo "/dev/v4l/by-path/platform-vhci_hcd.0-usb-0:$(($1 + 1)):1.0-video-index0"; }
is_there() { wait_for 60 "camera at port $1" captures "$(by_path "$1")"; }
is_away() {
    tell "$1" unplug
    wait_for 60 "empty port $2" test ! -e "$(by_path "$2")"
}
# comes_back NAME PORT: it is plugged in there.
comes_back() {
    tell "$1" plug "$2"
    is_there "$2"
}
streams() { grep -c 'a stream starts' "/tmp/$1.log"; }

# pictures_of NAME FIRST END: what camcast casts are these frames of the clip.
pictures_of() {
    timeout 60 camrec 127.0.0.1 -o - --format mjpeg --every --frames 20 >/tmp/pictures 2>/tmp/camrec.log || fail "no pictures"
    python3 - "$CLIP" "$2" "$3" <<'PYTHON' || fail "not the pictures of camera $1"
import sys
sys.path.append("/host/tools")
import mjpeg
own = set(mjpeg.read(sys.argv[1])[int(sys.argv[2]):int(sys.argv[3])])
sys.exit(not all(frame in own for frame in mjpeg.read("/tmp/pictures")))
PYTHON
}

camera_at left 0 0:30 VM0001
camera_at right 1 30:60 VM0001
for link in /dev/v4l/by-*/*; do echo "$link $(readlink "$link")"; done

echo "--- the list"
camcast --list >/tmp/list.log || fail "--list ended with status $?"
grep -E '^/dev|always' /tmp/list.log
for port in 0 1; do
    grep -qxF "    always $(by_path $port)" /tmp/list.log || fail "no port in the list"
done
[ "$(grep -c '^    not always /dev/v4l/by-id/' /tmp/list.log)" = 2 ] || fail "the list says nothing of the link that they share"

# who_is_ours NODE: which of the two has it.
who_is_ours() {
    case $(realpath "$1") in
    "$(realpath "$(by_path 0)")") ours=left port=0 first=0 other=right other_port=1 ;;
    *) ours=right port=1 first=30 other=left other_port=0 ;;
    esac
    before=$(streams $other)
}
# it_was_ours TIMES: camcast has said of the twin so often that it is not ours, and casts ours.
it_was_ours() {
    pictures_of $ours $first $((first + 30))
    [ "$(streams $other)" = "$before" ] || fail "the twin was streamed"
    [ "$(heard "$SAYS_TWIN")" = "$1" ] || fail "said $(heard "$SAYS_TWIN") times"
    ! grep -n 'no permission' /tmp/camcast.log || fail "udev had not set the group yet, and that was said"
    stop "$CAMCAST" camcast
    grep -E 'warning|source|frames' /tmp/camcast.log
}

echo "--- by number: the one that udev's link leads to"
who_is_ours "$UVC"
cast "$(realpath "$UVC")"
hear "$SAYS_FRAMES"
is_away $ours $port
hear "$SAYS_LOST"
hear "$SAYS_TWIN.*camcast $(by_path $other_port)"
comes_back $ours $port
hear "$SAYS_FRAMES" 1
it_was_ours 1

echo "--- by number: both go, and the twin takes the number"
who_is_ours /dev/video0
cast /dev/video0
hear "$SAYS_FRAMES"
is_away $ours $port
hear "$SAYS_TWIN"
is_away $other $other_port
wait_for 60 "free number" test ! -e /dev/video0
comes_back $other $other_port
[ "$(realpath "$(by_path $other_port)")" = /dev/video0 ] || fail "the twin should have taken the number"
comes_back $ours $port
hear "$SAYS_FRAMES" 1
[ "$(realpath "$(by_path $port)")" != /dev/video0 ] || fail "it should have another number"
it_was_ours 1

echo "--- by the link that they share"
who_is_ours "$UVC"
cast "$UVC"
hear "$SAYS_FRAMES"
hear 'also leads to another camera'
is_away $ours $port
hear "$SAYS_TWIN"
comes_back $ours $port
hear "$SAYS_FRAMES" 1
[ "$(heard 'also leads to another camera')" = 1 ] || fail "not said once"
it_was_ours 1

echo "--- by the port, while only the twin is there"
who_is_ours "$(by_path 1)"
is_away right 1
cast "$(by_path 1)"
hear "$SAYS_WAITING"
comes_back right 1
hear "$SAYS_FRAMES"
it_was_ours 0

echo "--- alone, it is followed to another port; a camera of another name is not taken for it"
is_away right 1
is_away left 0
comes_back left 0 # under the lowest number, which the other camera gets afterwards
number=/dev/video0
[ "$(realpath "$(by_path 0)")" = $number ] || fail "it should have the lowest number"
who_is_ours $number
cast $number
hear "$SAYS_FRAMES"
is_away left 0
hear "$SAYS_LOST"
comes_back left 3
hear "$SAYS_FRAMES" 1
is_away left 3
wait_for 60 "free number" test ! -e $number
camera_at other 2 30:60 VM0002
[ "$(realpath "$(by_path 2)")" = $number ] || fail "the other camera should have taken the number"
hear "$SAYS_STRANGER.*camcast $(by_path 2)"
comes_back left 3
hear "$SAYS_FRAMES" 2
[ "$(streams other)" = 0 ] || fail "the other camera was streamed"
it_was_ours 0
