#!/bin/bash
# Another program fills the disk and frees it again, three times: on ext4 of 64 MiB and on tmpfs of 8 MiB, with both policies. camrec
# never ends, is back within a second, and its files have what its account says.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
apart=1.0 # seconds, from space to a new file
modprobe loop
mkdir -p /mnt/ext4 /mnt/tmpfs
cast "$CLIP"

mount_anew() {
    case $1 in
    ext4) cp --sparse=always /host/disk.ext4 /tmp/disk.img && mount -o loop /tmp/disk.img /mnt/ext4 ;;
    tmpfs) mount -t tmpfs -o size=8M tmpfs /mnt/tmpfs ;;
    esac || fail "mount $1"
}

# Another program that wants all there is, also what camrec gives up.
fill() {
    while :; do
        dd if=/dev/zero of="$disk/others" bs=64k oflag=append conv=notrunc 2>/dev/null
        sleep 0.05
    done &
    FILLER=$!
}
unfill() {
    kill $FILLER
    wait $FILLER 2>/dev/null
    rm "$disk/others"
}
said() { grep -c "$1" /tmp/camrec.log; }
said_more() { [ "$(said "$2")" -gt "$1" ]; }
now() { date +%s.%N; }

# begin_camrec OPTION...: RECORDER is its pid.
begin_camrec() {
    camrec 127.0.0.1 -o "$disk/rec" --segment 2s "$@" >/tmp/camrec.log 2>&1 &
    RECORDER=$!
    wait_for 60 "file" said_more 0 'writing '
}

# end_camrec STATUS: it ends with this, and the files hold what it says.
end_camrec() {
    local status
    kill $RECORDER
    wait $RECORDER
    status=$?
    [ $status = "$1" ] || fail "camrec ended with $status instead of $1"
    grep -E '^(frames from|recorded|missing)' /tmp/camrec.log | tr '\n' ' '
    echo
}

for kind in ext4 tmpfs; do
    disk=/mnt/$kind
    echo "$kind, --when-full wait"
    mount_anew $kind
    begin_camrec --keep 3M --buffer 1M
    for round in 1 2 3; do
        before=$(said 'recording again')
        fill
        wait_for 60 "word of the full disk" said_more "$((round - 1))" 'not recording: no space'
        kill -0 $RECORDER || fail "camrec has ended"
        # until frames find no room in its memory, and wait in camcast's
        [ $round -lt 3 ] || wait_for 60 "a full queue" said_more 0 'the disk does not keep up'
        unfill
        freed=$(now)
        wait_for 20 "resumption" said_more "$before" 'recording again'
        took=$(awk -v a="$freed" -v b="$(now)" 'BEGIN { printf "%.2f", b - a }')
        echo "round $round: recording again after $took s"
        awk -v took="$took" -v most=$apart 'BEGIN { exit !(took <= most) }' || fail "longer than $apart s"
    done
    end_camrec 0
    count=$(sed -n 's/^recorded: //p' /tmp/camrec.log)
    [ "$count" -gt 100 ] || fail "only $count frames"
    umount $disk

    echo "$kind, --when-full rotate"
    mount_anew $kind
    begin_camrec --when-full rotate
    # it fills the disk by itself
    wait_for 120 "deletions" said_more 4 'deleted .*the disk is full'
    [ "$(said 'not recording')" = 0 ] || fail "it waited though there was something to delete"
    end_camrec 0
    rm -rf /tmp/left
    cp -r "$disk/rec" /tmp/left
    python3 /host/tools/verify.py "$CLIP" /tmp/left/*/*.mkv --gaps 0 || fail "not what the camera played"
    dd if=/dev/zero of="$disk/others" bs=64k 2>/dev/null
    begin_camrec --when-full rotate # on a disk that is full before it starts
    wait_for 60 "deletion" said_more 0 'deleted '
    end_camrec 0
    umount $disk
done
stop "$CAMCAST" camcast
