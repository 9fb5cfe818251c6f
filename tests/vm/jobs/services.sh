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
mkdir -p /etc/default
echo "CAMCAST_OPTIONS=/dev/video10 --client-log /var/log/camcast/clients.log" >/etc/default/camcast
echo "CAMREC_OPTIONS=127.0.0.1 --segment 2s --keep 1G" >/etc/default/camrec-door
systemctl daemon-reload

journal() { journalctl --no-pager -o cat -u "$1" >/tmp/journal.log; }
says() { journal "$1" && grep -q "$2" /tmp/journal.log; }
# Held still first: between two files there would be nothing to repair.
killed_amid_a_file() {
    local file
    systemctl kill -s STOP camrec@door || fail "camrec has ended"
    for file in /var/lib/camrec/door/*/*.mkv; do
        if [ -s "$file" ] && [ ! -e "${file%.mkv}.json" ]; then
            systemctl kill -s KILL camrec@door
            return
        fi
    done
    systemctl kill -s CONT camrec@door
    return 1
}
finished() { [ "$(find /var/lib/camrec/door -name "*.json" 2>/dev/null | wc -l)" -ge "$1" ]; }

systemctl start camcast || fail "camcast does not start"
systemctl start camrec@door || fail "camrec does not start"
wait_for 60 "two files" finished 2
wait_for 60 "file to be killed in" killed_amid_a_file
wait_for 60 "repair" says camrec@door 'was not finished: repaired'
journal camrec@door
grep 'was not finished' /tmp/journal.log
wait_for 60 "four files" finished 4
systemctl reload camcast || fail "camcast is not reloaded"
wait_for 60 "word of the reload" says camcast 'SIGHUP: 0 controls set as on the command line'
systemctl stop camrec@door
systemctl is-failed -q camrec@door && fail "camrec@door has failed"
systemctl stop camcast
journal camcast
grep 'left: ' /tmp/journal.log | cut -c 1-120
cat /var/log/camcast/clients.log
# One gap, while no camrec was there. A guest that is slow to start services may drop frames in the driver; then camrec knows it.
python3 /host/tools/verify.py "$CLIP" /var/lib/camrec/door/*/*.mkv --gaps 1 --drops || fail "not what the camera played"
stat -c '%U:%G %A %n' /var/lib/camrec/door/*/*.mkv | head -n 1
for unit in camcast.service camrec@door.service; do
    systemd-analyze security $unit | tail -n 1
done

# until now there was none
mkdir -p /etc/credstore
(umask 077 && echo anna:secret >/etc/credstore/camcast.password)
echo "CAMCAST_OPTIONS=/dev/video10 --http 127.0.0.1:8080" >/etc/default/camcast
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
