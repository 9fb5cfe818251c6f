#!/bin/bash
# demo.sh: camcast streams its test picture on loopback, camrec records five seconds, ffprobe looks at the file.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
cd "$repository"
bin=${CARGO_TARGET_DIR:-target}/release
folder=demo
log=$(mktemp)
began=$(mktemp)
camcast=
stop() {
    [ -z "$camcast" ] || { kill "$camcast" 2>/dev/null && wait "$camcast"; } || true
    camcast=
}
trap 'stop; rm -f "$log" "$began"' EXIT
trap 'exit 130' INT TERM

echo "\$ camcast pattern -r 1280x720 -f 30 --listen 127.0.0.1:0"
"$bin/camcast" pattern -r 1280x720 -f 30 --listen 127.0.0.1:0 2>"$log" &
camcast=$!
until address=$(sed -n 's/.*listening on \([0-9.:]*\) .*/\1/p' "$log") && [ -n "$address" ]; do
    kill -0 "$camcast" 2>/dev/null || { cat "$log"; exit 1; }
    sleep 0.1
done

echo "\$ camrec $address -o $folder --duration 5s"
"$bin/camrec" "$address" -o "$folder" --duration 5s

stop
echo "what camcast said:"
cat "$log"

find "$folder" -name '*.mkv' -newer "$began" | sort | while read -r file; do
    echo "\$ ffprobe $file"
    ffprobe -v error -count_packets -of default=noprint_wrappers=1 \
        -show_entries stream=codec_name,width,height,nb_read_packets:format=duration,size:format_tags=creation_time "$file"
    ffprobe -v error -of csv=p=0 -show_entries packet=pts_time,size "$file" |
        awk -F, 'NR <= 3 { print "frame " NR ": " $1 " s, " $2 " bytes" } { last = $0; n = NR }
            END { split(last, p, ","); print "..."; print "frame " n ": " p[1] " s, " p[2] " bytes" }'
done
