#!/bin/bash
# SYSTEMD=1
# Both units as they are shipped, under systemd: a camera is streamed and recorded, a killed camrec is started again and repairs its
# file, each sandbox scores as it should, and a credential of camcast's is its password.
# shellcheck source=/dev/null
. /host/tools/steps.sh
use_binaries
install -m 644 /host/systemd/*.service /etc/systemd/system/
useradd --system --user-group camrec || fail "useradd"
loopback_camera
mkdir -p /etc/camcast /etc/camrec
printf 'source /dev/video10\nclient-log /var/log/camcast/clients.log\n' >/etc/camcast/camcast.conf
printf 'host 127.0.0.1\nsegment 2s\nkeep 1G\n' >/etc/camrec/door.conf
systemctl daemon-reload

recordings=/var/lib/camrec/door
# Held still first: between two files there would be nothing to repair.
killed_amid_a_file() {
    local file
    systemctl kill -s STOP camrec@door || fail "camrec has ended"
    for file in "$recordings"/*/*.mkv; do
        if [ -s "$file" ] && [ ! -e "${file%.mkv}.json" ]; then
            systemctl kill -s KILL camrec@door
            return
        fi
    done
    systemctl kill -s CONT camrec@door
    return 1
}

systemctl start camcast || fail "camcast does not start"
systemctl start camrec@door || fail "camrec does not start"
wait_for 60 "two files" finished $recordings 2
wait_for 60 "file to be killed in" killed_amid_a_file
wait_for 60 "repair" says camrec@door 'was not finished: repaired'
journal camrec@door
grep 'was not finished' /tmp/journal.log
wait_for 60 "four files" finished $recordings 4
systemctl reload camcast || fail "camcast is not reloaded"
wait_for 60 "word of the reload" says camcast 'SIGHUP: 0 controls set as configured'
systemctl stop camrec@door
systemctl is-failed -q camrec@door && fail "camrec@door has failed"
systemctl stop camcast
journal camcast
grep 'left: ' /tmp/journal.log | cut -c 1-120
cat /var/log/camcast/clients.log
# One gap, while no camrec was there. A guest that is slow to start services may drop frames in the driver; then camrec knows it.
python3 /host/tools/verify.py "$CLIP" $recordings/*/*.mkv --gaps 1 --drops || fail "not what the camera played"
stat -c '%U:%G %A %n' $recordings/*/*.mkv | head -n 1
for unit in camcast.service camrec@door.service; do
    systemd-analyze security $unit | tail -n 1
done

# until now there was none
mkdir -p /etc/credstore
(umask 077 && echo anna:secret >/etc/credstore/camcast.password)
printf 'source /dev/video10\nhttp 127.0.0.1:8080\n' >/etc/camcast/camcast.conf
status() { curl --silent --output /dev/null --write-out '%{http_code}' --max-time 30 "$@" http://127.0.0.1:8080/state; }
serves() { [ "$(status)" = "$1" ]; }
systemctl start camcast || fail "camcast does not start with a credential"
wait_for 60 "a password to be asked for" serves 401
says camcast 'names and passwords are those of the credential camcast.password' || fail "it is not said"
[ "$(status --digest --user anna:secret)" = 200 ] || fail "the password is not taken"
systemctl stop camcast
rm /etc/credstore/camcast.password
systemctl start camcast || fail "camcast does not start without a credential"
wait_for 60 "nobody to be asked" serves 200

# one that stands still is noticed, and started again
main_pid() { systemctl show --property MainPID --value camcast; }
tells() { systemctl show --property StatusText --value camcast | grep -q "$1"; }
wait_for 60 "word of how it is" tells ' fps; 0 clients; 0 frames dropped'
systemctl show --property StatusText --value camcast
mkdir -p /etc/systemd/system/camcast.service.d
printf '[Service]\nWatchdogSec=5s\n' >/etc/systemd/system/camcast.service.d/soon.conf
systemctl daemon-reload
systemctl restart camcast
before=$(main_pid)
systemctl kill -s STOP camcast
runs_anew() { [ "$(main_pid)" != "$before" ] && [ "$(main_pid)" != 0 ] && serves 200; }
wait_for 60 "another camcast" runs_anew
says camcast 'Watchdog timeout' || fail "it was not the watchdog"

# a wrong line is told by its number, once
printf 'source /dev/video10\nhtp :8080\n' >/etc/camcast/camcast.conf
systemctl restart camcast && fail "camcast starts with a wrong line"
wait_for 30 "word of the line" says camcast 'camcast.conf:2: there is no option htp: did you mean http?'
[ "$(systemctl show --property NRestarts --value camcast)" = 0 ] || fail "it is tried again and again"
systemctl show --property Result,ExecMainStatus camcast
