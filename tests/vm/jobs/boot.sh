#!/bin/bash
# A camera that cannot be had yet: no driver, another program, no permission. camcast names each cause, costs next to nothing
# meanwhile, and streams as soon as the cause has passed.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
UVC=/dev/v4l/by-id/usb-Camcast_VM_UVC_camera_VM0001-video-index0

# said TEXT: the line of camcast's log that says so, once it is there.
said() {
    wait_for 60 "'$1' from camcast" grep -q "$1" /tmp/camcast.log
    grep "$1" /tmp/camcast.log
}

# It starts before the driver, as at boot: nobody is joined, then one.
cast "$UVC"
said 'waiting for the camera: no such device'
python3 /host/tools/usage.py "$CAMCAST" 30 --most 0.2 || fail "waiting costs too much"
camrec 127.0.0.1 -o /tmp/rec --every --frames 30 >/tmp/camrec.log 2>&1 &
recorder=$!
said 'clients now: 1'
echo "with a client:"
python3 /host/tools/usage.py "$CAMCAST" 15
uvc_camera
wait $recorder || fail "camrec ended with status $?"
said 'gives frames'
stop "$CAMCAST" camcast

# Another program has it, and lets it go.
rm -f /tmp/held
v4l2-ctl -d "$UVC" --stream-mmap=4 --stream-to=/tmp/held 2>/dev/null &
holder=$!
wait_for 60 "picture for v4l2-ctl" test -s /tmp/held
cast "$UVC"
said 'waiting for the camera:.*used by another program'
kill $holder
wait $holder 2>/dev/null
said 'gives frames'
stop "$CAMCAST" camcast

# A user who is not in the group; then the permissions change.
setpriv --reuid nobody --regid nogroup --clear-groups camcast "$UVC" -r 1280x720 -f 30 --listen 127.0.0.1:9999 \
    2>/tmp/camcast.log &
CAMCAST=$!
said 'waiting for the camera: no permission.*usermod -aG video'
chmod o+rw "$UVC"
said 'gives frames'
stop "$CAMCAST" camcast
