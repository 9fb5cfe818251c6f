#!/bin/bash
# The camera's controls by HTTP while it streams: vivid's are seen and set, v4l2-ctl agrees, what is refused is said, and a recorder
# misses nothing meanwhile. What was set is set again after an unplug, and SIGHUP sets those of the command line. A camera that
# hangs costs its request, not the loop.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 vid_cap_nr=20 || fail "modprobe vivid"
DEVICE=/dev/video20
wait_for 60 "vivid" captures $DEVICE
AT=http://127.0.0.1:8080
JSON=(-H "Content-Type: application/json")

# ask STATUS CURL'S ARGUMENTS...: what is answered, in $ANSWER; the status has to be that.
ask() {
    local status wanted=$1
    shift
    status=$(curl -sS -m 60 -o /tmp/answer.log -w '%{http_code}' "$@") || fail "curl $*"
    ANSWER=$(</tmp/answer.log)
    [ "$status" = "$wanted" ] || fail "status $status instead of $wanted for $*"
}
# says WORDS: the answer has them.
says() { [[ $ANSWER == *"$1"* ]] || fail "no '$1' in the answer"; }
post() { ask "$1" "${JSON[@]}" -d "$2" "$AT/controls"; }
# seen NAME FIELD: a field of a control, as GET has it.
seen() {
    ask 200 "$AT/controls"
    python3 -c 'import json, sys
print(*[json.dumps(it.get(sys.argv[2])) for it in json.load(sys.stdin)["controls"] if it["name"] == sys.argv[1]])' "$1" "$2" <<<"$ANSWER"
}
control() { v4l2-ctl -d $DEVICE --get-ctrl "$1" | sed 's/.*: //'; }
is() { [ "$(control "$1")" = "$2" ] || fail "$1 is $(control "$1") and not $2"; }
is_now() { [ "$(control "$1")" = "$2" ]; }

camcast $DEVICE -r 640x360 -f 10 --listen 127.0.0.1:9999 --http 127.0.0.1:8080 2>/tmp/camcast.log &
CAMCAST=$!
hear "$SAYS_FRAMES"
ask 403 "$AT/controls"
says --allow-control
post 403 '{"brightness": 1}'
is brightness 128
stop "$CAMCAST" camcast

camcast $DEVICE -r 640x360 -f 10 --listen 127.0.0.1:9999 --http 127.0.0.1:8080 --allow-control \
    --control brightness=90 --control gain_automatic=off 2>/tmp/camcast.log &
CAMCAST=$!
hear "$SAYS_FRAMES"
record_on /tmp/all

echo "--- what is seen is what v4l2-ctl sees"
ask 200 "$AT/controls"
grep -o '"name":' <<<"$ANSWER" | wc -l
[ "$(seen brightness value) $(seen brightness default) $(seen brightness maximum)" = "90 128 255" ] || fail "brightness"
[ "$(seen brightness type) $(seen gain_automatic type)" = '"integer" "boolean"' ] || fail "the types"
seen osd_text_mode menu
v4l2-ctl -d $DEVICE -c contrast=33 || fail "v4l2-ctl"
[ "$(seen contrast value)" = 33 ] || fail "not what another program has set"

echo "--- what is set is what v4l2-ctl has, in the order given"
post 200 '{"brightness": 100, "osd_text_mode": "Counters Only", "horizontal_flip": true, "button": true, "integer_64_bits": 8000000000}'
echo "$ANSWER"
says '{"name":"brightness","before":90,"value":100}'
is brightness 100
is_now osd_text_mode "1 (Counters Only)" || is_now osd_text_mode 1 || fail "the menu is at $(control osd_text_mode)"
is horizontal_flip 1
is integer_64_bits 8000000000
hear 'controls set by HTTP: brightness 90 -> 100, osd_text_mode 0 -> 1, horizontal_flip 0 -> 1, button pressed'
post 200 '{"brightness": null}'
is brightness 128
post 200 '{"gain_automatic": 1}'
[[ $(seen gain flags) == *inactive* ]] || fail "gain is governed, and not said to be"
post 200 '{"gain_automatic": 0, "gain": 77}'
is gain 77

echo "--- what is refused is said, and the rest is set"
post 422 '{"saturation": 999, "hue": 5}'
echo "$ANSWER"
says '{"name":"saturation","error":"it takes 0 to 255"}'
is hue 5
post 400 '{"hue": 6, "no_such_thing": 1}'
says 'no control no_such_thing; nothing was set. It has: '
is hue 5
post 400 '{"hue": [1]}'
post 400 'hue=6'
ask 415 -d '{"hue": 6}' "$AT/controls"
for origin in http://evil.example null http://127.0.0.1:9; do
    ask 403 "${JSON[@]}" -H "Origin: $origin" -d '{"hue": 6}' "$AT/controls"
    ask 403 -H "Origin: $origin" "$AT/controls"
done
ask 403 "${JSON[@]}" -H "Host: evil.example" -d '{"hue": 6}' "$AT/controls"
ask 200 "${JSON[@]}" -H "Origin: $AT" -d '{"hue": 6}' "$AT/controls"
is hue 6

echo "--- a slider that is dragged costs no frame"
before=$(heard 'controls set by HTTP')
for value in $(seq 1 100); do post 200 "{\"brightness\": $value}"; done
is brightness 100
[ "$(heard 'controls set by HTTP')" -le $((before + 2)) ] || fail "each change is a line of the log"

echo "--- disconnected and back: what was set is set again"
lets_go() { ! readlink "/proc/$CAMCAST"/fd/* | grep -q /dev/video; }
before=$(heard "$SAYS_FRAMES")
v4l2-ctl -d $DEVICE -c disconnect=1 || fail "disconnect"
hear "$SAYS_LOST"
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
wait_for 60 "end of camcast's hold on the camera" lets_go
ask 503 "$AT/controls"
echo "$ANSWER"
post 503 '{"hue": 7}'
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
wait_for 60 "vivid" captures $DEVICE
hear "$SAYS_FRAMES" "$before"
is brightness 100
is hue 6
is gain 77
is integer_64_bits 8000000000
! grep 'set by HTTP): ' /tmp/camcast.log || fail "a warning of what was set again"

echo "--- SIGHUP: as configured, and what that does not name stays"
kill -HUP "$CAMCAST"
hear 'SIGHUP: 2 controls set as configured'
is brightness 90
is hue 6

stop "$RECORDER" camrec
grep -E '^(frames from|recorded|missing)|away' /tmp/all.log | cut -c 1-120
grep -q '^missing *0 ' /tmp/all.log || grep -q 'missing.* 0' /tmp/all.log || fail "the recorder misses frames"
stop "$CAMCAST" camcast

echo "--- a USB camera: unplugged and plugged in again"
DEVICE=$UVC
cast "$UVC" --http 127.0.0.1:8080 --allow-control
hear "$SAYS_WAITING"
record_on /tmp/rec
uvc_camera --forgets --auto-update
hear "$SAYS_FRAMES"
post 200 '{"brightness": 77}'
says '"value":77'
before=$(heard "$SAYS_FRAMES")
camera unplug
hear "$SAYS_LOST"
wait_for 60 "end of the camera" test ! -e "$UVC"
ask 503 "$AT/controls"
camera plug
hear "$SAYS_FRAMES" "$before"
is_77() { [ "$(seen brightness value)" = 77 ]; }
wait_for 60 "brightness of 77" is_77
end_recording "$RECORDER" /tmp/rec --gaps 1 --drops

echo "--- a camera that does not answer for its controls streams on, and costs its request"
record_on /tmp/rec
post 200 '{"brightness": 78}'
camera deaf
before=$SECONDS
status=$(curl -sS -m 60 -o /tmp/answer.log -w '%{http_code}' "${JSON[@]}" -d '{"brightness": 79}' "$AT/controls")
echo "$status after $((SECONDS - before)) s: $(</tmp/answer.log)"
[ "$status" = 504 ] || [ "$status" = 422 ] || fail "status $status for a camera that does not answer"
grep -q 'is not heard' /tmp/uvccam.log || fail "it has answered, so this shows nothing"
[ "$(heard "$SAYS_LOST")" = 1 ] || fail "it was taken for lost"
camera hear
is_78() { [ "$(seen brightness value)" = 78 ]; }
wait_for 60 "an answer for the controls" is_78
post 200 '{"brightness": 80}'
end_recording "$RECORDER" /tmp/rec --drops
stop "$CAMCAST" camcast
