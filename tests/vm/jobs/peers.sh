#!/bin/bash
# The same camera (v4l2loopback, 1280x720 MJPEG, 10 fps) served over HTTP by camcast and by ustreamer, which passes the camera's
# frames on as well, and by a bare loop that has no camera: the CPU time that each takes for a frame that reaches a viewer, with 1
# viewer and with 16. The guest is emulated: the ratios count. It holds nothing against a limit, so it is run when it is named: tests/vm/test.sh peers
# BY_NAME=1
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
FPS=10
loopback_camera $FPS
ustreamer --version | sed 's/^/ustreamer /'

answers() { curl -s -m 5 -o /dev/null http://127.0.0.1:8080/snapshot; }

# measured VIEWERS COMMAND...: microseconds a frame, in $COST.
measured() {
    local viewers=$1 server frames cpu
    shift
    "$@" >/tmp/server.log 2>&1 &
    server=$!
    wait_for 60 "snapshot of $1" answers
    python3 /host/tools/viewers.py $server 8080 "$viewers" 6 >/tmp/viewers.log 2>&1 || fail "viewers of $1"
    read -r frames cpu COST </tmp/viewers.log
    echo "$1, $viewers at once: $frames frames reached them in 6 s, $cpu s of CPU, $COST us each"
    kill $server
    wait $server
}
least() { printf '%s\n' "$@" | sort -n | head -n 1; }
# In turn, and the least of each counts: the host has other work.
measure_both() {
    local ours=() theirs=() bare=()
    for _ in 1 2 3; do
        measured "$1" camcast /dev/video10 -r 1280x720 -f $FPS --listen 127.0.0.1:9999 --http 127.0.0.1:8080
        ours+=("$COST")
        measured "$1" ustreamer --device /dev/video10 --format MJPEG --encoder HW --resolution 1280x720 \
            --desired-fps $FPS --host 127.0.0.1 --port 8080
        theirs+=("$COST")
        measured "$1" python3 /host/tools/bare.py "$CLIP" 8080 $FPS
        bare+=("$COST")
    done
    python3 - "$1" "$(least "${ours[@]}")" "$(least "${theirs[@]}")" "$(least "${bare[@]}")" <<'PYTHON'
import sys
viewers, ours, theirs, bare = map(int, sys.argv[1:])
print(f"with {viewers}: camcast {ours} us, ustreamer {theirs} us, a bare loop {bare} us: {ours / theirs:.2f}, {bare / theirs:.2f}")
PYTHON
}
measure_both 1
measure_both 16
stop "$FEEDER" feed.py
cat /tmp/feed.log
