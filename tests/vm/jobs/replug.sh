#!/bin/bash
# The USB camera's cable is pulled and put back 50 times while two recorders and a viewer are joined. It is one camcast with the
# same three sessions all the while; each time the first frame comes within a second; the recorder's account names each gap.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
rounds=${ROUNDS:-50}
uvc_camera
# a small reel is full before the memory is looked at for the first time
camcast "$UVC" -r 1280x720 -f 30 --listen 127.0.0.1:9999 --reel 4M --client-log /tmp/clients.txt 2>/tmp/camcast.log &
CAMCAST=$!
listening

camrec 127.0.0.1 -o /tmp/rec --every >/tmp/camrec.log 2>&1 &
recorder=$!
camrec 127.0.0.1 -o - --newest --format mjpeg >/tmp/view.mjpeg 2>/tmp/viewer.log &
viewer=$!
mkfifo /tmp/frames
camrec 127.0.0.1 -o - --every --format mjpeg >/tmp/frames 2>/tmp/piped.log &
python3 /host/tools/replug.py $CAMCAST "$UVC" "$CLIP" "$rounds" </tmp/frames || fail "the camera did not come back as it should"

grep -c 'the camera is lost' /tmp/camcast.log | sed 's/$/ losses in the log of camcast/'
[ "$(grep -c 'the camera is lost' /tmp/camcast.log)" = "$rounds" ] || fail "not each loss is told once"
[ "$(grep -c , /tmp/clients.txt)" = 4 ] || fail "not three joins and one leave: $(cat /tmp/clients.txt)"
stop $recorder camrec
stop $viewer camrec
tail -n 7 /tmp/camrec.log
python3 /host/tools/verify.py "$CLIP" /tmp/rec/*.mkv --gaps "$rounds" || fail "not what the camera sent"
stop "$CAMCAST" camcast
grep 'stopped:' /tmp/camcast.log
