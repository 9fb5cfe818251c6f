#!/bin/bash
# SYSTEMD=1
# camcast-confined: systemd opens the sockets, and camcast, which has no network at all, is started by the first join. Two recorders at a
# time come and go, the service is killed and started anew, and the sandbox scores as it should.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
install -m 644 /host/systemd/camcast-confined* /etc/systemd/system/
loopback_camera
mkdir -p /etc/camcast
printf 'source /dev/video10\n' >/etc/camcast/camcast.conf
systemctl daemon-reload
systemctl start camcast-confined.socket || fail "the sockets are not opened"
systemctl is-active -q camcast-confined.service && fail "it is started before anybody has come"
journalctl --no-pager -o cat -u camcast-confined.socket | head

recorder() { camrec 127.0.0.1 -o "/tmp/$1" --frames "${2:-60}" >"/tmp/$1.log" 2>&1; }
# who comes first waits until it is started, which takes its time on an emulated processor
first() { camrec 127.0.0.1 -o /tmp/first --frames 60 >/tmp/first.log 2>&1; }
said() { systemctl list-jobs --no-pager; systemctl list-dependencies --all --no-pager camcast-confined.service | head -40; }
for try in 1 2 3 4 5 6; do
    ! first || break
    [ $try -lt 6 ] || fail "the first join: $(said)"
done
pid=$(systemctl show --property MainPID --value camcast-confined)
[ "$pid" != 0 ] || fail "it does not run"
[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/1/ns/net)" ] || fail "it has the host's network"
[ "$(nsenter -t "$pid" -n ip -o link | wc -l)" = 1 ] || fail "its network has more than loopback"
for round in 1 2 3; do
    recorder "a$round" & a=$!
    recorder "b$round" & b=$!
    wait $a || fail "round $round: $(tail -n 1 "/tmp/a$round.log")"
    wait $b || fail "round $round: $(tail -n 1 "/tmp/b$round.log")"
done
grep -h 'recorded' /tmp/first.log /tmp/[ab]?.log
for log in /tmp/first.log /tmp/[ab]?.log; do
    grep -q '^.*missing: 0$' "$log" || fail "$log: $(tail -n 4 "$log")"
done

# the sockets outlive it
camrec 127.0.0.1 -o /tmp/stays >/tmp/stays.log 2>&1 & stays=$!
joined() { grep -q "$1" /tmp/stays.log; }
wait_for 30 "the join" joined 'joined'
systemctl kill -s KILL camcast-confined.service
wait_for 60 "camrec to be back" joined 'back after'
kill -TERM $stays
wait $stays
cat /tmp/stays.log
journalctl --no-pager -o cat -u camcast-confined.service >/tmp/journal.log
grep -m 1 'handed over with' /tmp/journal.log || fail "it has sockets of its own"
grep -c 'left: ' /tmp/journal.log
systemd-analyze security camcast-confined.service | tail -n 1
# HTTP's socket is handed over too, once the service is started again
systemctl stop camcast-confined.service
systemctl start camcast-confined-http.socket || fail "no socket for HTTP"
serves() { curl --silent --fail --max-time 30 --output /tmp/shot.jpg http://127.0.0.1:8080/snapshot; }
wait_for 90 "picture by HTTP" serves
head -c 3 /tmp/shot.jpg | cmp - <(printf '\xff\xd8\xff') || fail "what HTTP serves is no JPEG"
recorder both || fail "with HTTP: $(tail -n 1 /tmp/both.log)"
systemctl stop camcast-confined.socket camcast-confined-http.socket camcast-confined.service
if systemctl is-failed -q camcast-confined.service; then fail "it has failed"; fi
