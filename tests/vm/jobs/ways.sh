#!/bin/bash
# One stream by two ways (camrec --also), each with 20 % loss and 50 ms both ways: a recording misses nothing, and each byte is as
# it was. A viewer sees 99 of 100 frames where there is time for an answer or two: 10 ms, as the guest itself takes some. Then one
# way's link is down for 10 s on good paths: nothing is missing, and it comes back by itself.
# shellcheck source=/dev/null
. /host/tools/steps.sh
# shellcheck source=/dev/null
. /host/tools/net.sh
use_binaries
OTHER=10.0.9.1 # camcast's address on the second way, a link of its own
bad=(delay 50ms loss 20% limit 10000)
near=(delay 10ms loss 20% limit 10000)
good=(delay 20ms limit 10000)

# paths NETEM...: each of the two ways is such, both ways.
paths() {
    local device namespace name
    for device in "router to_rec" "rec d0" "cam c1" "rec d1"; do
        read -r namespace name <<<"$device"
        ip netns exec "$namespace" tc qdisc replace dev "$name" root netem "$@" || fail "tc on $name: netem $*"
    done
}

network rec
{ ip -n cam link add c1 type veth peer name d1 netns rec && ip -n cam link set c1 gso_max_segs 1 &&
    ip -n cam address add $OTHER/24 dev c1 && ip -n rec address add 10.0.9.2/24 dev d1 &&
    ip -n cam link set c1 up && ip -n rec link set d1 up; } || fail "the second way"
paths "${bad[@]}"

# cast_at RATE: camcast in the namespace cam, instead of the one before.
cast_at() {
    [ -z "${CAMCAST:-}" ] || stop "$CAMCAST" camcast
    (inside cam camcast "$CLIP" -f "$1" --listen 0.0.0.0:9999) 2>/tmp/camcast.log &
    CAMCAST=$!
    listening
}
cast_at 30

# by_two_ways ARGUMENT...: camrec in the namespace rec.
by_two_ways() { inside rec timeout 150 camrec "$CAM" --also $OTHER "$@"; }

(by_two_ways -o /tmp/rec --every --frames 300) >/tmp/camrec.log 2>&1 || fail "camrec ended with status $?"
tail -n 8 /tmp/camrec.log
verify 300 /tmp/rec/*/*.mkv

paths "${near[@]}"
# each frame's rows are coded and decoded, by an emulated CPU that is slow at it
cast_at 10
(by_two_ways -o - --format mjpeg --frames 600 --json) >/dev/null 2>/tmp/viewer.json || fail "the viewer ended with status $?"
python3 - <<'PYTHON' || fail "the viewer saw too little"
import json
said = [json.loads(line) for line in open("/tmp/viewer.json")]
account, gaps = said[-1], [(it["first"], it["count"]) for it in said if it.get("event") == "missing"]
seen, all_of_them = account["frames"], account["frames"] + account["missing"] + account["skipped"]
print(f"the viewer saw {seen} of {all_of_them}: {100 * seen / all_of_them:.2f} %; missing: {gaps}; {account['paths']}")
# in the first seconds the code's tables are made, and the frames are sent as they were
later = sum(count for first, count in gaps if first > 80)
assert gaps or account["missing"] == 0
assert later + account["skipped"] <= 0.01 * (all_of_them - 80)
PYTHON

paths "${good[@]}"
cast_at 30
rm -rf /tmp/rec
(by_two_ways -o /tmp/rec --every --frames 900) >/tmp/camrec.log 2>&1 &
CAMREC=$!
wait_for 60 "both ways" grep -q 'the stream comes by both ways' /tmp/camrec.log
ip -n rec link set d1 down || fail "pulling the second way"
wait_for 20 "word of that" grep -q 'lost the way by' /tmp/camrec.log
sleep 7 # with the three seconds until it was noticed: 10
ip -n rec link set d1 up || fail "plugging the second way in"
wait_for 20 "the second way again" grep -q 'is back after' /tmp/camrec.log
wait $CAMREC || fail "camrec ended with status $?"
tail -n 8 /tmp/camrec.log
verify 900 /tmp/rec/*/*.mkv
stop "$CAMCAST" camcast
