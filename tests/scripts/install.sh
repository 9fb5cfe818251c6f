#!/bin/bash
# install.sh: `make install` into a folder, for the usual places and for a package's; what is there works and fits together, files
# of options are not written over, and `make uninstall` takes all away but what somebody has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --locked --bins
binaries=${CARGO_TARGET_DIR:-target}/debug
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "install.sh: $*"
    exit 1
}

# a package that is installed is not hidden
mkdir "$work/tools"
printf '#!/bin/sh\necho installed\n' >"$work/tools/dpkg-query"
chmod +x "$work/tools/dpkg-query"
! PATH=$work/tools:$PATH PREFIX=$work/hides SYSCONFDIR=$work/hides BIN_DIR=$binaries packaging/install.sh install 2>"$work/refusal" ||
    fail "a package that is installed is hidden"
grep -q 'the package camcast is installed.*apt remove camcast' "$work/refusal" || fail "it says: $(<"$work/refusal")"
[ ! -e "$work/hides" ] || fail "something was installed all the same"

for prefix in /usr/local /usr; do
    root=$work/${prefix##*/}
    run() { make --no-print-directory "$@" DESTDIR="$root" PREFIX=$prefix BIN_DIR="$binaries"; }
    mkdir -p "$root/etc/camrec"
    run install
    (cd "$root" && find . -type f -o -type d -empty) | sort >"$work/list"
    echo "PREFIX=$prefix: $(wc -l <"$work/list") files"

    # the folder is / to systemd: the units' programs are where they say, their pages and the user of camrec too
    for unit in "$root$prefix"/lib/systemd/system/*.service; do
        program=$(sed -nE 's/^ExecStart=([^ ]+) .*/\1/p' "$unit")
        [ "${program%/*}" = $prefix/bin ] || fail "$unit starts $program"
        "$root$program" --version >"$work/version"
        grep -q "^${program##*/} [0-9]" "$work/version" || fail "$program says $(<"$work/version")"
        read -ra pages < <(sed -nE '/^Documentation=/{s///; s/man:([^ (]+)\((.)\)/man\2\/\1.\2/g; p}' "$unit")
        for page in "${pages[@]}"; do
            [ -f "$root$prefix/share/man/$page" ] || fail "no page $page"
        done
        user=$(sed -n 's/^User=//p' "$unit")
        [ -z "$user" ] || grep -q "^u $user " "$root$prefix"/lib/sysusers.d/*.conf || fail "nobody makes the user $user"
    done
    [ "$(find "$root$prefix/lib/systemd/system" -name '*.service' | wc -l)" = "$(find systemd -name '*.service' | wc -l)" ] ||
        fail "units are missing"
    for name in $(git ls-files man completions | sed 's|.*/||; s|\.bash$||'); do
        [ -n "$(find "$root$prefix/share" -name "$name" -type f)" ] || fail "$name is not installed"
    done
    systemd-sysusers --root="$root" "$root$prefix/lib/sysusers.d/camrec.conf" 2>/dev/null
    grep -q '^camrec:' "$root/etc/passwd" || fail "no user camrec"
    find "$root/etc" -maxdepth 1 -type f -delete
    camcast=$root$prefix/bin/camcast
    "$camcast" --config "$root/etc/camcast/camcast.conf" --check-config | grep -q 'the options are fine' ||
        fail "the installed options are not fine"
    python3 - "$root$prefix/share/doc/camcast/examples/avahi.service" <<'PYTHON'
import sys, xml.dom.minidom
text = open(sys.argv[1]).read()
shipped = xml.dom.minidom.parseString(text)
types = lambda tree: [node.firstChild.data for node in tree.getElementsByTagName("type")]
assert types(shipped) == ["_camcast._tcp"], types(shipped)
# what is switched off is well-formed when it is switched on
import re
on = re.sub(r"<!-- with `[a-z]+ :[0-9]+`\n(.*?)-->", r"\1", text, flags=re.S)
assert types(xml.dom.minidom.parseString(on)) == ["_camcast._tcp", "_http._tcp", "_rtsp._tcp"]
PYTHON

    # once more, over options that somebody has changed
    echo 'source pattern' >"$root/etc/camcast/camcast.conf"
    echo 'host pi' >"$root/etc/camrec/door.conf"
    run install
    grep -qx 'source pattern' "$root/etc/camcast/camcast.conf" || fail "the options were written over"
    run uninstall
    left=$(cd "$root" && find . -type f | sort | tr '\n' ' ')
    [ "$left" = "./etc/camcast/camcast.conf ./etc/camrec/door.conf " ] || fail "left: $left"
    [ ! -e "$root$prefix/share/doc/camcast" ] || fail "a folder of documents is left"
    rm "$root/etc/camrec/door.conf"
    run install
    cp packaging/camcast/camcast.conf "$root/etc/camcast/camcast.conf"
    run uninstall
    left=$(find "$root" -type f -o -path "$root/etc/*")
    [ -z "$left" ] || fail "left: $left"
done
said=$(packaging/install.sh install nothing 2>&1) && fail "there is no such program"
[[ $said == *"make build"* ]] || fail "it is not said what to do: $said"
