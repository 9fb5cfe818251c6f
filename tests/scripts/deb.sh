#!/bin/bash
# deb.sh: the packages of `packaging/deb.sh` as dpkg and lintian see them: installed into a folder, upgraded, removed and purged. Nothing
# is enabled, changed options stay, what services have written goes with a purge, recordings never do. What cargo-deb would pack is
# held against them; where it is installed, so is what it packs.
#   BIN_DIR=DIR   as for packaging/deb.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C
# dpkg wants to be root, if only in name
[ "$(id -u)" = 0 ] || [ -n "${FAKEROOTKEY:-}" ] || exec fakeroot "$0" "$@"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "deb.sh: $*"
    exit 1
}

mapfile -t first < <(OUT=target/deb packaging/deb.sh | sed 's/: [0-9]* bytes$//')
OUT=$work/next REVISION=1+1 packaging/deb.sh >/dev/null
next=("$work"/next/*.deb)
ls "${first[@]}" >/dev/null || fail "not both packages"
version=$(dpkg-deb --field "${first[0]}" Version)
version=${version%-1}
architecture=$(dpkg-deb --field "${first[0]}" Architecture)
[ ${#first[@]} = 2 ] || fail "not two packages: ${first[*]}"
[ ${#next[@]} = 2 ] || fail "not two packages: ${next[*]}"

lintian --allow-root --fail-on error --no-cfg "${first[@]}" || fail "lintian has found errors"
for script in packaging/*/p{ostinst,rerm,ostrm}; do
    sh -n "$script"
done

# The same of cargo-deb: what Cargo.toml names is what is in the packages.
for package in "${first[@]}"; do
    program=$(dpkg-deb --field "$package" Package)
    dpkg-deb --fsys-tarfile "$package" | tar --list --verbose | awk '/^-/ { print $1, $6 }' | sort >"$work/$program.packed"
    cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import glob, json, os, sys
deb = json.load(sys.stdin)["packages"][0]["metadata"]["deb"]
for source, place, mode in {**deb, **deb["variants"].get(sys.argv[1], {})}["assets"]:
    fixed = source.split("*")[0] if "*" in source else os.path.dirname(source)
    for file in glob.glob(source.replace("target/release/", sys.argv[2] + "/"), recursive=True):
        if os.path.isfile(file):
            name = os.path.relpath(file, fixed) if "*" in source else os.path.basename(file)
            print({"755": "-rwxr-xr-x", "644": "-rw-r--r--"}[mode], "./" + place + name)
' "$program" "${BIN_DIR:-${CARGO_TARGET_DIR:-target}/release}" | sort >"$work/$program.named"
    diff "$work/$program.named" "$work/$program.packed" || fail "Cargo.toml names other files for $program"
done
fields() { dpkg-deb --field "$1" Package Version Architecture Depends Suggests Section Priority Maintainer; }
if command -v cargo-deb >/dev/null && [ -z "${BIN_DIR:-}" ]; then
    for program in camcast camrec; do
        variant=()
        [ $program = camcast ] || variant=(--variant "$program")
        cargo-deb --quiet --no-build --no-strip --deb-version "$version-1" --output "$work/$program.deb" "${variant[@]}" >/dev/null
        dpkg-deb --fsys-tarfile "$work/$program.deb" | tar --list --verbose | awk '/^-/ { print $1, $6 }' | sort |
            diff - "$work/$program.packed" || fail "cargo-deb packs other files for $program"
        # libc6 depends on libgcc-s1, so cargo-deb leaves it out
        diff <(fields "$work/$program.deb") <(fields target/deb/${program}_"$version-1_$architecture".deb | sed 's/, libgcc-s1 (>= 4.2)//') ||
            fail "cargo-deb says something else of $program"
        for name in conffiles postinst prerm postrm; do
            diff <(dpkg-deb --info "$work/$program.deb" $name 2>/dev/null) \
                <(dpkg-deb --info target/deb/${program}_"$version-1_$architecture".deb $name 2>/dev/null) ||
                fail "cargo-deb's $program has other $name"
        done
    done
    echo "cargo-deb packs the same"
fi

# Into a folder. The scripts run here, and do their work there (DPKG_ROOT).
root=$work/root
mkdir -p "$root"/{etc,var/lib/dpkg/{info,updates},usr/bin}
touch "$root"/var/lib/dpkg/{status,available}
to_root() {
    dpkg --root="$root" --force-script-chrootless --force-architecture --force-depends --force-confold --log="$work/dpkg.log" \
        "$@" >"$work/said" 2>&1 || { cat "$work/said" && fail "dpkg $*"; }
}
state() { dpkg-query --admindir="$root/var/lib/dpkg" --show --showformat='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null; }
links() { find "$root/etc/systemd" -type l -printf '%P\n' 2>/dev/null | sort | tr '\n' ' '; }

to_root --install "${first[@]}"
[ "$(state camcast) $(state camrec)" = "installed $version-1 installed $version-1" ] || fail "not installed"
[ -z "$(links)" ] || fail "something is enabled: $(links)"
grep -q '^camrec:' "$root/etc/passwd" || fail "no user camrec"
grep -q '^ExecStart=/usr/bin/camcast ' "$root/usr/lib/systemd/system/camcast@.service" || fail "a unit starts something else"

# it is used
systemctl --quiet --root="$root" enable camcast.service camcast@door.service camrec@door.service
enabled=$(links)
[ "$(wc -w <<<"$enabled")" = 3 ] || fail "enabled: $enabled"
echo 'source pattern' >"$root/etc/camcast/camcast.conf"
mkdir -p "$root"/var/{log,lib}/private/camcast{,-door} "$root"/var/lib/camrec/{door/2026-11-23,empty}
for kind in log lib; do
    ln -s private/camcast private/camcast-door "$root/var/$kind/"
done
touch "$root"/var/log/private/camcast/clients.log "$root"/var/lib/private/camcast{,-door}/camcast-spill.lock "$root"/var/lib/camrec/door/2026-11-23/14-03-27.mkv \
    "$root"/var/lib/camrec/{door,empty}/.camrec.index
mkdir -p "$root/etc/credstore"
touch "$root"/etc/credstore/{camcast.key,camrec.key} "$root/etc/camcast/door.conf"
to_root --install "${next[@]}"
[ "$(state camcast) $(state camrec)" = "installed $version-1+1 installed $version-1+1" ] || fail "not upgraded"
[ "$(links)" = "$enabled" ] || fail "after the upgrade this is enabled: $(links)"
[ "$(<"$root/etc/camcast/camcast.conf")" = 'source pattern' ] || fail "the upgrade has changed options"

to_root --remove camcast camrec
for kept in /etc/camcast/camcast.conf /var/log/private/camcast/clients.log; do
    [ -e "$root$kept" ] || fail "a removal has purged $kept"
done
[ ! -e "$root/usr/bin/camcast" ] || fail "camcast is still there"
to_root --install "${first[@]}"
[ "$(links)" = "$enabled" ] || fail "removed and installed again, this is enabled: $(links)"

to_root --purge camcast camrec
[ -z "$(links)" ] || fail "a purge has left $(links)"
left=$(cd "$root" && find . \( -type f -o -type l \) ! -path './var/lib/dpkg/*' ! -path './etc/*passwd*' ! -path './etc/*shadow*' \
    ! -path './etc/group*' ! -name .pwd.lock | sort | tr '\n' ' ')
recordings='./etc/camcast/door.conf ./etc/credstore/camcast.key ./etc/credstore/camrec.key ./var/lib/camrec/door/.camrec.index ./var/lib/camrec/door/2026-11-23/14-03-27.mkv '
[ "$left" = "$recordings" ] || fail "a purge has left: $left"
[ ! -e "$root/var/lib/camrec/empty" ] || fail "a folder without recordings is left"
for kept in camcast/door.conf credstore/camcast.key credstore/camrec.key; do
    grep -q "/etc/$kept is left as it is" "$work/said" || fail "of $kept nothing is said"
done
grep -q 'recordings in .*/var/lib/camrec are left as they are' "$work/said" || fail "of the recordings nothing is said"
echo "packages: installed, upgraded, removed, purged; ${first[*]}"
