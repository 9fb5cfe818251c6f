#!/bin/bash
# The steps that jobs are made of. Sourced by a job: . /host/tools/steps.sh
# Everything waits for a condition; nothing sleeps for a fixed time, because the guest may be emulated and slow.
# shellcheck disable=SC2034 # the jobs use the variables
set -u
# udevd makes it when it has got so far, and >(...) needs it
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd 2>/dev/null || true
CLIP=/tmp/clip.mjpeg # off the shared folder, which is slow
cp /host/clip.mjpeg "$CLIP"
export RUST_BACKTRACE=1

# What camcast says of its camera, and jobs wait for; extended regular expressions.
SAYS_WAITING='waiting for the camera: '
SAYS_FRAMES='the camera gives frames after '
SAYS_LOST='the camera is lost: '
SAYS_SILENT='no frame from the camera '
SAYS_OFF='nobody watches: the camera is off'
SAYS_ON='somebody watches: the camera is on'
# in its last line, each behind a number
SAYS_CUT='cut off'
SAYS_MARKED='flagged by the driver'

# A user of group video and one who is not, for "${ARRAY[@]}" COMMAND.
AS_VIDEO=(setpriv --reuid nobody --regid nogroup --groups video)
AS_STRANGER=(setpriv --reuid nobody --regid nogroup --clear-groups)

fail() {
    echo "FAIL: $*"
    for log in /tmp/*.log; do
        [ ! -s "$log" ] || { echo "--- $log"; tail -n "${LINES_OF_LOGS:-20}" "$log"; }
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
    feed "${1:-30}"
    wait_for 60 "picture on /dev/video10" captures /dev/video10
    wait_for 60 "v4l2loopback's ring gone round" grep -q 'frames are written' /tmp/feed.log
}

feed() {
    python3 /host/tools/feed.py /dev/video10 "$CLIP" --fps "$1" >/tmp/feed.log 2>&1 &
    FEEDER=$!
}

# Plugs the USB camera in, with uvccam.py's options; UVC is its link, by its name and serial number.
UVC=/dev/v4l/by-id/usb-Camcast_VM_UVC_camera_VM0001-video-index0
uvc_camera() {
    modprobe -a vhci-hcd uvcvideo || fail "modprobe vhci-hcd uvcvideo"
    python3 /host/tools/uvccam.py "$CLIP" "$@" >/tmp/uvccam.log 2>&1 &
    wait_for 60 "$UVC" captures "$UVC"
}

# The network card that run.sh gives with PORT.
network_out() {
    local card
    modprobe virtio_net || fail "modprobe virtio_net"
    udevadm settle
    card=$(basename "$(dirname /sys/class/net/*/device)")
    { ip address add 10.0.2.15/24 dev "$card" && ip link set "$card" up && ip route add default via 10.0.2.2; } || fail "network card"
}

# written DISK: sectors that have been written to it.
written() { awk '{ print $7 }' "/sys/block/$1/stat"; }

# The binaries under test, off the shared folder.
use_binaries() {
    cp /host/bin/camcast /host/bin/camrec /usr/local/bin/ || fail "no binaries"
}

# A command to the USB camera: uvccam.py --help lists them.
camera() { echo "$*" >/run/uvccam.ctl; }

# cast SOURCE...: camcast for the clip, ready for viewers; CAMCAST is its pid. cast_as: the user, as above.
CAST_AS=()
cast_as() { CAST_AS=("$@"); }
cast() {
    "${CAST_AS[@]}" camcast "$@" -r 1280x720 -f 30 --listen 127.0.0.1:9999 2>/tmp/camcast.log &
    CAMCAST=$!
    listening
}

# heard PATTERN: how often camcast has said so.
heard() { grep -cE "$1" /tmp/camcast.log; }

# hear PATTERN [BEFORE]: waits until camcast has said so, more often than BEFORE; and it must not have ended.
hear() {
    wait_for 60 "'$1' from camcast" more_than "${2:-0}" "$1"
    kill -0 "$CAMCAST" 2>/dev/null || fail "camcast has ended"
}

more_than() { [ "$(heard "$2")" -gt "$1" ]; }

# last PATTERN: camcast's latest line of it, without its time.
last() { grep -E "$1" /tmp/camcast.log | tail -n 1 | sed 's/^[^ ]* //'; }

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

# counted LEAST WORDS: camcast's last line says that this many frames or more were dropped for that.
counted() {
    local count
    count=$(last 'stopped: ' | grep -oE "[0-9]+ $2" | cut -d ' ' -f 1)
    [ "${count:-0}" -ge "$1" ] || fail "$1 or more '$2' expected: $(last 'stopped: ')"
}

# record_on FOLDER: camrec goes on recording there; RECORDER is its pid. end_recording PID FOLDER OPTION...: it ends well,
# and its frames are the clip's; verify.py's options say what may be left out.
record_on() {
    rm -rf "$1"
    camrec 127.0.0.1 -o "$1" --every >"$1.log" 2>&1 &
    RECORDER=$!
    wait_for 60 "recorder at $1" grep -q 'joined ' "$1.log"
}
end_recording() {
    stop "$1" "camrec at $2"
    tail -n 6 "$2.log"
    python3 /host/tools/verify.py "$CLIP" "$2"/*/*.mkv "${@:3}" || fail "$2 has not what the camera played"
}

# says UNIT PATTERN: the unit has said so; what it has said by now is in /tmp/journal.log.
says() { journal "$1" && grep -q "$2" /tmp/journal.log; }
journal() { journalctl --no-pager -o cat -u "$1" >/tmp/journal.log; }

# finished FOLDER COUNT: so many files of the recording are finished, or more.
finished() { [ "$(find "$1" -name '*.json' 2>/dev/null | wc -l)" -ge "$2" ]; }

# held_by_another DEVICE COMMAND...: runs the command while v4l2-ctl streams from the device.
held_by_another() {
    local device=$1 holder
    shift
    rm -f /tmp/held
    v4l2-ctl -d "$device" --stream-mmap=4 --stream-to=/tmp/held 2>/dev/null &
    holder=$!
    wait_for 60 "picture for v4l2-ctl" test -s /tmp/held
    "$@"
    kill $holder
    wait $holder 2>/dev/null
}

# verify FRAMES FILE...: they are the clip's, byte for byte.
verify() {
    local frames=$1
    shift
    python3 /host/tools/verify.py "$CLIP" "$@" --frames "$frames" || fail "not what the camera played"
}
