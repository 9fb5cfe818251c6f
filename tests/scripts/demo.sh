#!/bin/bash
# demo.sh: the main job, from nothing but this tree: installs what is missing, builds, streams camcast's test picture on
# loopback, has camrec record five seconds of it, and has ffprobe look at the file.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
cd "$repository"
export PATH=$HOME/.cargo/bin:$PATH # where rustup puts Rust
target=${CARGO_TARGET_DIR:-target}
bin=$target/release
folder=demo
SECONDS=0

ABOUT="The demo installs compilers, Rust and ffmpeg with apt where they are missing, builds camcast and camrec, and records five
seconds. The first time that takes about three minutes on two cores, and 0.3 GB in $target/ and ~/.cargo besides the packages." \
    tests/scripts/deps.sh build demo
cargo build --locked --release

log=$(mktemp)
account=$(mktemp)
began=$(mktemp)
camcast=
stop() {
    [ -z "$camcast" ] || { kill "$camcast" 2>/dev/null && wait "$camcast"; } || true
    camcast=
}
trap 'stop; rm -f "$log" "$account" "$began"' EXIT
trap 'exit 130' INT TERM

echo "\$ camcast pattern -r 1280x720 -f 30 --listen 127.0.0.1:0"
"$bin/camcast" pattern -r 1280x720 -f 30 --listen 127.0.0.1:0 2>"$log" &
camcast=$!
until address=$(sed -n 's/.*listening on \([0-9.:]*\) .*/\1/p' "$log") && [ -n "$address" ]; do
    kill -0 "$camcast" 2>/dev/null || { cat "$log"; exit 1; }
    sleep 0.1
done

echo "\$ camrec $address -o $folder --duration 5s"
status=0
"$bin/camrec" "$address" -o "$folder" --duration 5s | tee "$account" || status=$?

stop
echo "camcast's log:"
cat "$log"

recording=
while read -r file; do
    recording=$file
    echo "\$ ffprobe $file"
    ffprobe -v error -count_packets -of default=noprint_wrappers=1 \
        -show_entries stream=codec_name,width,height,nb_read_packets:format=duration,size:format_tags=creation_time "$file"
    ffprobe -v error -of csv=p=0 -show_entries packet=pts_time,size "$file" |
        awk -F, 'NR <= 3 { print "frame " NR ": " $1 " s, " $2 " bytes" } { last = $0; n = NR }
            END { split(last, p, ","); print "..."; print "frame " n ": " p[1] " s, " p[2] " bytes" }'
done < <(find "$folder" -name '*.mkv' -newer "$began" | sort)

count() { sed -n "s/^$1: \([0-9]*\).*/\1/p" "$account" | grep . || echo 0; }
echo
echo "next: watch it with \`mpv ${recording:-$folder}\`, stream a camera with \`$bin/camcast /dev/video0\`, or run the tests with" \
    "\`tests/scripts/test.sh\`"
echo "sum: $(count recorded) frames recorded, $(count missing) missing; $SECONDS s, $(du -sh "$target" | cut -f 1)B in $target/"
exit "$status"
