#!/bin/bash
# units.sh: systemd takes each unit, none is more exposed than it has to be, each names pages of the manual that there are, and
# camcast's differ in what they are for alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
for unit in systemd/*.service; do
    # of 100: tenths of what `systemd-analyze security` shows
    case $unit in *-confined.service) most=4 ;; *) most=12 ;; esac
    # the programs need not be installed here, and what is said of the machine's own units is not about ours
    said=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -E 'camcast|camrec' | grep -v 'is not executable: No such file' || true)
    [ -z "$said" ] || { echo "$said" && exit 1; }
    read -ra pages < <(sed -n 's/^Documentation=//p' "$unit")
    for page in "${pages[@]}"; do
        file=$(sed -E 's/^man:(.+)\((.)\)$/man\/\1.\2/' <<<"$page")
        [ -f "$file" ] || { echo "$unit: no page $page" && exit 1; }
    done
    [ ${#pages[@]} -gt 0 ] || { echo "$unit names no page of the manual" && exit 1; }
    systemd-analyze security --offline=true --threshold=$most "$unit" | tail -n 1
done
# camcast@NAME is camcast for another file
diff <(sed 's/ for %i$//; s/camcast-%i/camcast/g; s/%i\.conf/camcast.conf/' systemd/camcast@.service) systemd/camcast.service
# camcast-confined is camcast without a network, for the sockets of its own unit, which lets in whom camcast lets in
said=$(systemd-analyze verify --man=no systemd/camcast-confined*.socket 2>&1 | grep camcast | grep -v 'is not executable: No such file' || true)
[ -z "$said" ] || { echo "$said" && exit 1; }
own='^(Description|Wants|Requires|Conflicts|After|RestrictAddressFamilies|PrivateNetwork|IPAddress[A-Za-z]*)=|^#|^$'
diff <(grep -vE "$own" systemd/camcast-confined.service) <(grep -vE "$own" systemd/camcast.service)
for unit in systemd/camcast-confined*.socket; do
    diff <(grep ^IPAddress "$unit") <(grep ^IPAddress systemd/camcast.service)
done
