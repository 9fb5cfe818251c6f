#!/bin/bash
# A disk with FAT, as cameras' cards and sticks have it: recordings, a name that it refuses, and no lock of its own making. Its largest file
# is of 4 GiB, which is met here by a limit of 4 MB: the kernel says the same of both.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
modprobe loop
modprobe vfat
python3 /host/tools/mkfat.py /tmp/fat.img
mkdir -p /mnt/fat
mount -o loop /tmp/fat.img /mnt/fat || fail "mount"
cast "$CLIP"

timeout 60 camrec 127.0.0.1 -o /mnt/fat/rec --frames 30 >/tmp/camrec.log 2>&1 || fail "record: $(cat /tmp/camrec.log)"
echo "recorded"

timeout 60 camrec 127.0.0.1 -o /mnt/fat/rec --name '%H:%M:%S.mkv' --frames 30 >/tmp/camrec.log 2>&1
status=$?
[ $status = 11 ] || fail "ended with status $status: $(cat /tmp/camrec.log)"
grep 'this file system takes no such name.*--name' /tmp/camrec.log || fail "$(cat /tmp/camrec.log)"

(ulimit -f 4096 && exec timeout 60 camrec 127.0.0.1 -o /mnt/fat/rec --frames 100) >/tmp/camrec.log 2>&1 ||
    fail "under a limit: $(cat /tmp/camrec.log)"
grep -m1 'is as large as a file may be here' /tmp/camrec.log || fail "$(cat /tmp/camrec.log)"
[ "$(sed -n 's/^missing: //p' /tmp/camrec.log)" = 0 ] || fail "$(cat /tmp/camrec.log)"
# where a file's number is made up by the kernel, it is the same for as long as the file is open
! grep -E 'moved|deleted|is another one' /tmp/camrec.log || fail "a file is taken for another"
umount /mnt/fat
stop "$CAMCAST" camcast
