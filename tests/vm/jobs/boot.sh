#!/bin/bash
# A camera that cannot be had yet: no driver, another program, no permission. camcast names each cause, costs next to nothing
# meanwhile, and streams as soon as the cause has passed.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries

# waits_for CAUSE: camcast waits, and says for what.
waits_for() {
    hear "$SAYS_WAITING.*$1"
    last "$SAYS_WAITING.*$1"
}

# It starts before the driver, as at boot: nobody is joined, then one.
cast "$UVC"
waits_for 'no such device'
python3 /host/tools/usage.py "$CAMCAST" 30 --wakes 3 --most 5 || fail "waiting costs too much"
camrec 127.0.0.1 -o /tmp/rec --every --frames 30 >/tmp/camrec.log 2>&1 &
recorder=$!
hear 'clients now: 1'
echo "with a client:"
python3 /host/tools/usage.py "$CAMCAST" 15
uvc_camera
wait $recorder || fail "camrec ended with status $?"
last "$SAYS_FRAMES"
stop "$CAMCAST" camcast

# Another program has it, and lets it go.
starts_waiting() {
    cast "$UVC"
    waits_for "$1"
}
held_by_another "$UVC" starts_waiting 'used by another program'
hear "$SAYS_FRAMES"
last "$SAYS_FRAMES"
stop "$CAMCAST" camcast

# A user who is not in the group; then the permissions change.
cast_as "${AS_STRANGER[@]}"
starts_waiting 'no permission.*usermod -aG video'
chmod o+rw "$UVC"
hear "$SAYS_FRAMES"
last "$SAYS_FRAMES"
stop "$CAMCAST" camcast
