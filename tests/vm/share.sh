#!/bin/bash
# share.sh FOLDER: makes the folder that the guest sees as /host: binaries, tools, units, a clip, empty disks of ext4.
# Environment: BIN_DIR=DIR (ready binaries that run on Debian 13; default: cargo builds them, and for ARCH=arm64 those of
#   `make cross`)  ARCH=amd64 or arm64 (the guest's processor)
#   PACKAGES=1 (the packages of these binaries, twice: the second is an upgrade of the first)
set -euo pipefail
share=$1
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
child= # what runs in the background: bash would hear no signal while it waited for the foreground
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; [ -z "$child" ] || wait "$child" || true' EXIT
trap 'exit 130' INT TERM

here_bin=${BIN_DIR:-} # what runs on this machine
if [ "${ARCH:-amd64}" != amd64 ]; then
    here_bin=
    BIN_DIR=${BIN_DIR:-$repository/target/cross/$ARCH}
    [ -x "$BIN_DIR/camcast" ] || { echo "there is no $BIN_DIR/camcast: \`make cross ARCH=$ARCH\` makes it"; exit 1; }
fi
if [ -z "$here_bin" ]; then
    echo "building the release binaries"
    (cd "$repository" && cargo build --quiet --release --bins)
    here_bin=${CARGO_TARGET_DIR:-$repository/target}/release
    BIN_DIR=${BIN_DIR:-$here_bin}
fi

# The cameras' clip is 60 pictures of camcast's own pattern, cast and recorded on this machine.
make_clip() {
    local port tries=0
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    "$here_bin/camcast" pattern -r 1280x720 -f 30 --listen "127.0.0.1:$port" 2>"$share/camcast.log" &
    child=$!
    until grep -qs "listening on " "$share/camcast.log"; do
        tries=$((tries + 1))
        if [ $tries = 100 ] || ! kill -0 $child; then
            cat "$share/camcast.log"
            return 1
        fi
        sleep 0.1
    done
    timeout 60 "$here_bin/camrec" "127.0.0.1:$port" -o - --format mjpeg --every --frames 60 \
        >"$share/clip.mjpeg" 2>"$share/camrec.log" || { cat "$share/camrec.log"; return 1; }
    kill $child
    wait $child || true
    child=
    python3 "$here/tools/mjpeg.py" "$share/clip.mjpeg"
}

mkdir -p "$share/bin"
cp "$BIN_DIR"/{camcast,camrec} "$share/bin/"
cp -r "$here/tools" "$repository/systemd" "$share/"
if [ -n "${PACKAGES:-}" ]; then
    echo "making the packages"
    for revision in 1 2; do
        OUT=$share/packages/$revision REVISION=$revision BIN_DIR=$(realpath "$BIN_DIR") "$repository/packaging/deb.sh" >"$share/packages.log" ||
            { cat "$share/packages.log"; exit 1; }
    done
fi
echo "making the clip"
make_clip || { echo "no clip"; exit 1; }
truncate -s 64M "$share/disk.ext4"
truncate -s 256M "$share/spill.ext4"
for disk in "$share"/*.ext4; do mkfs.ext4 -q "$disk"; done
