#!/bin/bash
# recorders.sh [SECONDS]: what it costs to record 1080p at 30 fps, 200 kB a frame (60): camrec from camcast, and beside it, one after
# the other, `ffmpeg -c copy` over HTTP (multipart) and over RTP. CPU seconds a minute and the most memory of the recorder alone.
# Wants an idle machine, ffmpeg and python3. Environment: BIN_DIR=DIR (default: target/release)
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
bin=${BIN_DIR:-target/release}
work=$(mktemp -d)
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; rm -rf "$work"' EXIT

# 4:2:0 and the standard tables, which RTP wants; about 200 kB a frame
ffmpeg -v error -f lavfi -i testsrc2=s=1920x1080:r=30 -t 2 -vf noise=alls=14:allf=t,format=yuvj420p -c:v mjpeg -huffman default \
    -q:v 9 -f mjpeg "$work/clip.mjpeg"
frames=60
echo "$(($(stat -c %s "$work/clip.mjpeg") / frames)) bytes a frame"

# measure NAME COMMAND...: runs it to its end
measure() {
    python3 - "$seconds" "$@" <<'PYTHON'
import os, subprocess, sys
seconds, name, *command = sys.argv[1:]
child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
cpu = (usage.ru_utime + usage.ru_stime) * 60 / float(seconds)
print(f"{name}: {cpu:.2f} CPU s a minute ({usage.ru_utime:.2f} user, {usage.ru_stime:.2f} system in {seconds} s), "
      f"{usage.ru_maxrss / 1024:.1f} MiB, status {status}")
PYTHON
}
frames_of() { ffprobe -v quiet -count_packets -show_entries stream=nb_read_packets -of csv=p=0 "$1"; }

"$bin/camcast" "$work/clip.mjpeg" -f 30 --listen 127.0.0.1:0 2>"$work/camcast.log" &
child=$!
until grep -q 'listening on ' "$work/camcast.log"; do sleep 0.1; done
port=$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/camcast.log" | head -n 1)
measure camrec "$bin/camrec" "$port" -o "$work/rec" --duration "${seconds}s"
kill $child
wait $child || true
echo "  $(frames_of "$(find "$work/rec" -name '*.mkv' | head -n 1)") frames"

port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
ffmpeg -v error -re -stream_loop -1 -r 30 -f mjpeg -i "$work/clip.mjpeg" -c copy -f mpjpeg -listen 1 "http://127.0.0.1:$port/" 2>"$work/http.log" &
child=$!
until ss -Hltn "sport = :$port" | grep -q .; do sleep 0.1; done
measure "ffmpeg, HTTP" ffmpeg -v error -use_wallclock_as_timestamps 1 -f mpjpeg -i "http://127.0.0.1:$port/" -t "$seconds" -c copy "$work/http.mkv"
kill $child 2>/dev/null || true
wait $child || true
echo "  $(frames_of "$work/http.mkv") frames"

ffmpeg -v error -re -stream_loop -1 -r 30 -f mjpeg -i "$work/clip.mjpeg" -c copy -f rtp -sdp_file "$work/rtp.sdp" "rtp://127.0.0.1:$port" 2>"$work/rtp.log" &
child=$!
until [ -s "$work/rtp.sdp" ]; do sleep 0.1; done
measure "ffmpeg, RTP" ffmpeg -v error -protocol_whitelist file,udp,rtp -buffer_size 4194304 -i "$work/rtp.sdp" -t "$seconds" -c copy "$work/rtp.mkv"
kill $child
wait $child || true
child=
echo "  $(frames_of "$work/rtp.mkv") frames"
