#!/bin/bash
# SYSTEMD=1
# What camcast@NAME and camrec@NAME have from systemd's credential store: a key that seals, and one that signs. Whoever has no key is
# told so, and a key that is taken away ends in an open stream only after a restart.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
install -m 644 /host/systemd/*.service /etc/systemd/system/
useradd --system --user-group camrec || fail "useradd"
mkdir -p /etc/camcast /etc/camrec /etc/credstore
camcast --new-key /etc/credstore/camcast-door.key
cp -p /etc/credstore/camcast-door.key /etc/credstore/camrec-front.key
camcast --new-key /etc/credstore/camrec.key # of the others
public=$(camcast --new-sign-key /etc/credstore/camcast-door.sign | tail -n 1)
stat -c '%U %a %n' /etc/credstore/*
printf 'source pattern\nresolution 320x240\nlisten 127.0.0.1:9990\n' >/etc/camcast/door.conf
printf 'host 127.0.0.1:9990\nsegment 2s\n' >/etc/camrec/front.conf
systemctl daemon-reload

systemctl start camcast@door || fail "camcast@door does not start with keys"
says camcast@door 'sealed: only who has the key' || fail "it is not said that the stream is sealed"
systemctl start camrec@front || fail "camrec@front does not start with a key"
wait_for 60 "two files" finished /var/lib/camrec/front 2
systemctl stop camrec@front
camrec check /var/lib/camrec/front/ --signed-by "$public" || fail "not as the camera made it"

camrec 127.0.0.1:9990 -o /tmp/stranger --duration 1s 2>/tmp/stranger.log && fail "camrec records without the key"
cat /tmp/stranger.log
grep -q 'key' /tmp/stranger.log || fail "nobody says that it is the key"

# the unit of all cameras without a name has credentials of its own
printf 'source pattern\nresolution 320x240\n' >/etc/camcast/camcast.conf
systemctl start camcast || fail "camcast does not start"
says camcast 'sealed: only who has the key' && fail "camcast has the key of camcast@door"

rm /etc/credstore/camcast-door.key
systemctl restart camcast@door || fail "camcast@door does not start without a key"
camrec 127.0.0.1:9990 -o /tmp/stranger --duration 1s || fail "the stream is not open"
