#!/bin/bash
# What --doctor says of real cameras: one that is free, one that another program has, one that this user may not open, and a stream.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
uvc_camera
node=$(realpath "$UVC")
useradd stranger || fail "useradd"

examine() {
    "$@" >/tmp/said 2>&1
    local code=$?
    cat /tmp/said
    return $code
}
said() { grep -qE "$1" /tmp/said || fail "'$1' is not said"; }

examine camcast --doctor "$UVC" -r 1280x720 -f 30 || fail "a free camera: status $?"
said '^note  device    '"$node"' of root:video, mode 660; open to this user'
said '^ok    usb       USB 2, 480 Mbit/s, '
said '^ok    source    .*: MJPG 1280x720, 30 fps'
said '^(ok|warn)  *frames    .* fps, mean .*; none damaged'
! grep -q VM0001 /tmp/said || fail "the serial number is told"

held_by_another "$node" examine camcast --doctor "$node"
said "^FAIL  source    .*used by another program"

examine runuser -u stranger -- camcast --doctor "$node" && fail "a camera that may not be opened is fine"
said '^note  device    .*; not open to this user'
said '^FAIL  source    no permission to open '

cast "$UVC"
examine camrec --doctor 127.0.0.1 -o /tmp/rec || fail "a stream: status $?"
said '^ok    stream    1280x720, '
said '^ok    loss      '
said '^[a-z]*  *disk      writes '
stop "$CAMCAST" camcast
