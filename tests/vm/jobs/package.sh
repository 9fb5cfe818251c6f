#!/bin/bash
# SYSTEMD=1
# The packages' life under systemd: installed, nothing runs; the service is started before its camera exists, recorded from another
# network namespace, and goes on over an unplugged camera; upgraded, what ran runs the new one, and nothing else; removed, purged:
# what is left are recordings.
# shellcheck source=/dev/null
. /host/tools/steps.sh
. /host/tools/net.sh
[ -e /host/packages ] || fail "no packages: share.sh makes them when PACKAGES=1"
dpkg_says() { dpkg "$@" >/tmp/dpkg.log 2>&1 || fail "dpkg $*"; }
property() { systemctl show --property "$1" --value "$2"; }
recordings=/var/lib/camrec/door
units=(camcast.service camrec@door.service)

dpkg_says --install /host/packages/1/*.deb
for unit in "${units[@]}" camcast@door.service; do
    [ "$(systemctl is-enabled "$unit")" = disabled ] || fail "$unit is $(systemctl is-enabled "$unit")"
    [ "$(systemctl is-active "$unit")" = inactive ] || fail "$unit is $(systemctl is-active "$unit")"
done
getent passwd camrec | grep -q '/usr/sbin/nologin$' || fail "no user camrec, or one who may log in"
camcast --config /etc/camcast/camcast.conf --check-config || fail "the shipped options"

# camrec is behind a router
network there
mkdir -p /etc/systemd/system/{camcast,camrec@}.service.d
printf '[Service]\nNetworkNamespacePath=/run/netns/cam\n' >/etc/systemd/system/camcast.service.d/netns.conf
printf '[Service]\nNetworkNamespacePath=/run/netns/there\n' >/etc/systemd/system/camrec@.service.d/netns.conf
printf 'source %s\nclient-log /var/log/camcast/clients.log\n' "$UVC" >/etc/camcast/camcast.conf
printf 'host %s\nsegment 2s\nwait\n' "$CAM" >/etc/camrec/door.conf
systemctl daemon-reload
systemctl enable --quiet --now "${units[@]}" || fail "they do not start"
wait_for 60 "word that there is no camera yet" says camcast "$SAYS_WAITING"
uvc_camera
wait_for 120 "two files" finished $recordings 2
camera unplug
wait_for 60 "word that the camera is gone" says camcast "$SAYS_LOST"
camera plug
wait_for 60 "a camera that is back" says camrec@door 'the camera is back after'
for unit in "${units[@]}"; do
    systemd-analyze security "$unit" | tail -n 1
done

declare -A before=()
for unit in "${units[@]}"; do
    before[$unit]=$(property MainPID "$unit")
done
count=$(find $recordings -name '*.json' | wc -l)
cat /etc/camcast/camcast.conf >/tmp/options
dpkg_says --install /host/packages/2/*.deb
cmp /tmp/options /etc/camcast/camcast.conf || fail "the upgrade has changed the options"
for unit in "${units[@]}"; do
    wait_for 60 "$unit after the upgrade" systemctl --quiet is-active "$unit"
    [ "$(property MainPID "$unit")" != "${before[$unit]}" ] || fail "$unit runs the old program"
    [ "$(systemctl is-enabled "$unit")" = enabled ] || fail "$unit is not enabled any more"
done
wait_for 120 "files of the new one" finished $recordings $((count + 2))
systemctl stop camrec@door
dpkg_says --install /host/packages/1/*.deb # back: what is stopped stays so
[ "$(systemctl is-active camrec@door)" = inactive ] || fail "an upgrade has started what was stopped"
systemctl --quiet is-active camcast || fail "camcast was not started again"
wait_for 60 "camcast's client log" grep -q ', left' /var/log/camcast/clients.log
# The camera was unplugged, camcast and camrec were started anew twice.
python3 /host/tools/verify.py "$CLIP" $recordings/*/*.mkv --gaps 4 --drops || fail "not what the camera played"

dpkg_says --remove camcast camrec
systemctl --quiet is-active camcast && fail "camcast runs on"
[ -z "$(pidof camcast camrec)" ] || fail "something runs on"
[ -e /etc/camcast/camcast.conf ] || fail "a removal has purged"
dpkg_says --purge camcast camrec
cat /tmp/dpkg.log
systemctl daemon-reload
for unit in "${units[@]}"; do
    [ "$(property LoadState "$unit")" != loaded ] || fail "$unit is still there"
done
rm -r /etc/systemd/system/{camcast,camrec@}.service.d # ours, of above
left=$(find / -xdev \( -name '*camcast*' -o -name '*camrec*' \) ! -path "$recordings/*" ! -path '/tmp/*' ! -path '/run/*' ! -path '/host/*' \
    ! -path '/proc/*' ! -path '/var/log/journal/*' | sort | tr '\n' ' ')
[ "$left" = "/etc/camrec /var/lib/camrec " ] || fail "a purge has left: $left"
ls /etc/camrec
find $recordings -name '*.mkv' | wc -l
