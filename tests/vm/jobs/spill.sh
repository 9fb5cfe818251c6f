#!/bin/bash
# camcast --spill on ext4 on a disk that stands still (device mapper), fails, and is mounted anew. Who is there misses nothing, who was
# away names what he misses and has the rest, and the log says once what it is.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
modprobe -a loop dm-mod
cp --sparse=always /host/spill.ext4 /tmp/disk.img
loop=$(losetup --find --show /tmp/disk.img) || fail "losetup"
sectors=$(($(stat -c %s /tmp/disk.img) / 512))
dmsetup create disk --table "0 $sectors linear $loop 0" || fail "dmsetup"
mount_disk() { { mkdir -p /mnt/disk && mount /dev/mapper/disk /mnt/disk; } || fail "mount"; }
# the disk answers nothing, and what is written stays in memory
stand_still() { dmsetup suspend --noflush --nolockfs disk || fail "suspend"; }
trap 'dmsetup resume disk' EXIT # or else nothing could be shut down
go_on() { dmsetup resume disk || fail "resume"; }
# becomes TARGET...
become() {
    stand_still
    dmsetup load disk --table "0 $sectors $*" || fail "load $*"
    go_on
}
holds() { [ "$(cat /mnt/disk/spill/*.frames 2>/dev/null | wc -c)" -ge "$1" ]; }
is_empty() { [ "$(ls /mnt/disk/spill)" = camcast-spill.lock ]; }
# mark PATTERN: how often camcast has said so by now, in "marked"
mark() { marked=$(heard "$1"); }
leave() {
    mark 'a recorder is away'
    kill -STOP "$AWAY"
    hear 'a recorder is away' "$marked"
}
# he is back, and records from here on
come_back() {
    local before
    before=$(grep -c 'back after' /tmp/away.log)
    kill -CONT "$AWAY"
    wait_for 60 "recorder that is back" said_more "$before" 'back after' /tmp/away.log
}
said_more() { [ "$(grep -c "$2" "$3")" -gt "$1" ]; }

mount_disk
# slow enough for a guest that is emulated, with two recorders: the reel has five seconds
camcast "$CLIP" -f 10 --reel 4M --listen 127.0.0.1:9999 --spill /mnt/disk/spill -v 2>/tmp/camcast.log &
CAMCAST=$!
listening
record_on /tmp/away
AWAY=$RECORDER
record_on /tmp/here
HERE=$RECORDER

echo "a disk that stands still"
leave
wait_for 60 "frames on the disk" holds 1000000
stand_still
hear 'not kept for recorders that are away: .* does not keep up'
come_back
hear 'does not answer for 30.0 s'
go_on
wait_for 60 "empty folder" is_empty

echo "a disk that fails"
leave
wait_for 60 "frames on the disk" holds 1000000
become error
hear 'what recorders miss that are away cannot be kept: '
last 'cannot be kept: '
echo "the same, mounted anew"
umount -l /mnt/disk
become linear "$loop" 0
mount_disk
hear '/mnt/disk/spill works again'
last 'works again'
wait_for 60 "frames on the disk" holds 1000000
mark 'has all that it missed'
kill -CONT "$AWAY"
hear 'has all that it missed' "$marked"
wait_for 60 "empty folder" is_empty

kill "$AWAY"
wait "$AWAY"
status=$?
grep -E '^(recorded|missing)' /tmp/away.log | tr '\n' ' '
echo
[ $status = 12 ] || fail "camrec that was away ended with $status: nothing is missing?"
end_recording "$HERE" /tmp/here
python3 /host/tools/verify.py "$CLIP" /tmp/away/*/*.mkv --gaps 4 || fail "not what the camera played"
[ "$(heard 'warning: ')" = 3 ] || fail "$(heard 'warning: ') warnings: $(grep 'warning: ' /tmp/camcast.log)"
stop "$CAMCAST" camcast
