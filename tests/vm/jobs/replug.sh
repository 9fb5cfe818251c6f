#!/bin/bash
# The USB camera's cable is pulled and put back 50 times while two recorders and a viewer are joined. It is one camcast with the
# same three sessions all the while; each time the first frame comes within a second; the recorders' accounts name each gap.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
rounds=${ROUNDS:-50}
uvc_camera
# a small reel is full before the memory is looked at for the first time
cast "$UVC" --reel 4M --client-log /tmp/clients.txt

record_on /tmp/rec
file=$RECORDER
camrec 127.0.0.1 -o - --newest --format mjpeg >/tmp/view.mjpeg 2>/tmp/viewer.log &
viewer=$!
mkfifo /tmp/frames
camrec 127.0.0.1 -o - --every --format mjpeg >/tmp/frames 2>/tmp/piped.log &
piped=$!
python3 /host/tools/replug.py "$CAMCAST" "$UVC" "$CLIP" "$rounds" $piped </tmp/frames ||
    fail "the camera did not come back as it should"

[ "$(grep -c ', joined' /tmp/clients.txt)" = 3 ] || fail "not three joins: $(cat /tmp/clients.txt)"
wait $piped || fail "the recorder into the pipe ended with status $?"
end_recording "$file" /tmp/rec --gaps "$rounds"
stop $viewer "the viewer"
for log in /tmp/rec.log /tmp/piped.log; do
    grep "the camera was away $rounds times" $log | cut -c 1-160 || fail "$log does not count $rounds absences"
done
absences=$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["camera_absence_ranges"]))' /tmp/rec/*/*.json)
[ "$absences" = "$rounds" ] || fail "the sidecar names $absences absences"
stop "$CAMCAST" camcast
# forty lines a minute are said, and then how many more there were
lost=$(awk -v says="$SAYS_LOST" '$0 ~ says { count += match($0, /[0-9]+ more like it/) ? substr($0, RSTART) : 1 } END { print count }' /tmp/camcast.log)
[ "$lost" = "$rounds" ] || fail "$lost losses in the log, not one a round"
last 'stopped: '
