#!/bin/bash
# deb.sh [stage]: the packages camcast and camrec, as Cargo.toml describes them, in target/deb/. With `stage` only the files that
# cargo-deb is to pack, in target/deb/camcast and target/deb/camrec.
#   OUT=DIR                   where to (target/deb)
#   BIN_DIR=DIR               programs that were built (target/release): for another processor, those of `make cross`
#   DEB_VERSION=V             the version without Debian's revision. By default that of Cargo.toml where its tag vV stands; of another
#                             commit with its date and name, V+gitDATE.TIME.COMMIT, or V~git... while V is not tagged: later ones are
#                             newer to apt, and V itself is newer than what led to it; .changed is behind it where sources were
#   REVISION=N                Debian's revision (1)
#   DEBEMAIL="NAME <ADDRESS>" who packs it
#   SOURCE_DATE_EPOCH=N       seconds since 1970, for the dates in it (those of the last commit)
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
cd "$repository"
binaries=${BIN_DIR:-${CARGO_TARGET_DIR:-target}/release}
out=${OUT:-target/deb}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
umask 022

for program in camcast camrec; do
    [ -x "$binaries/$program" ] || { echo "there is no $binaries/$program: \`make build\` makes it" >&2 && exit 1; }
    newer=$(find src Cargo.toml Cargo.lock -type f -newer "$binaries/$program" -print -quit)
    [ -z "$newer" ] || { echo "$binaries/$program is older than $newer: build it anew" >&2 && exit 1; }
done
cargo metadata --locked --no-deps --format-version 1 >"$work/metadata.json"
# field PROGRAM NAME: of its part of Cargo.toml, or else of camcast's
field() {
    python3 - "$work/metadata.json" "$1" "$2" <<'PYTHON'
import json, sys
package = json.load(open(sys.argv[1]))["packages"][0]
deb = package["metadata"]["deb"]
synopsis = {"synopsis": package["metadata"]["synopsis"][sys.argv[2]]}
value = {**package, **synopsis, **deb, **deb["variants"].get(sys.argv[2], {})}.get(sys.argv[3], "")
print(value)
PYTHON
}
# version_of V: of this commit, where V is what Cargo.toml says
version_of() {
    local sign='~' changed
    # a tree without git is a release, and another's folder may lie around it
    [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$repository" ] || { echo "$1" && return; }
    changed=$(git status --porcelain -- src Cargo.toml Cargo.lock)
    [ -n "$changed" ] || [ -z "$(git tag --points-at HEAD --list "v$1")" ] || { echo "$1" && return; }
    ! git merge-base --is-ancestor "v$1" HEAD 2>/dev/null || sign=+
    echo "$1${sign}git$(date --utc --date "@$(git log -1 --format=%ct)" +%Y%m%d.%H%M%S).$(git rev-parse --short=7 HEAD)${changed:+.changed}"
}
version=${DEB_VERSION:-$(version_of "$(field camcast version)")}-${REVISION:-$(field camcast revision)}
maintainer=${DEBEMAIL:-$(field camcast maintainer)}
case $(readelf --file-header "$binaries/camcast" | sed -n 's/^ *Machine: *//p') in
    *X86-64) architecture=amd64 target=x86_64-unknown-linux-gnu ;;
    AArch64) architecture=arm64 target=aarch64-unknown-linux-gnu ;;
    ARM) architecture=armhf target=armv7-unknown-linux-gnueabihf ;;
    *) echo "$binaries/camcast is for a processor that there is no package for" >&2 && exit 1 ;;
esac

# What `make install` puts there, as Debian wants it: compressed, with its own file of copyright.
stage() {
    local program=$1 root=$out/$1
    local documents=$root/usr/share/doc/$program
    rm -rf "$root"
    DESTDIR=$root PREFIX=/usr SYSCONFDIR=/etc BIN_DIR=$binaries packaging/install.sh install "$program"
    rm "$documents"/LICENSE-*
    mv "$documents/CHANGELOG.md" "$documents/changelog"
    cat >"$documents/changelog.Debian" <<CHANGES
$program ($version) unstable; urgency=medium

  * What is new in this version is in changelog.gz.

 -- $maintainer  $(LC_ALL=C date --utc --rfc-email --date "@$SOURCE_DATE_EPOCH")
CHANGES
    install -m 644 packaging/copyright "$documents/copyright"
    mkdir -p "$root/usr/share/lintian/overrides"
    sed "s/@PROGRAM@/$program/" packaging/lintian-overrides >"$root/usr/share/lintian/overrides/$program"
    install -m 644 "$work/third-party" "$documents/third-party"
    gzip --best --no-name "$documents"/{changelog,changelog.Debian,third-party} "$root"/usr/share/man/*/*
    find "$root" -type d -exec chmod 755 {} +
    find "$root" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
}

# depends FILE: $auto, as cargo-deb has it: the system's libraries, as new as the program asks for
depends() {
    local needs glibc
    needs=$(readelf --dynamic "$1" | sed -n 's/.*Shared library: \[\(.*\)\]/\1/p' | grep -vE '^(libc|libm|ld-linux.*)\.so\.[0-9]$' || true)
    glibc=$(readelf --version-info "$1" | grep -o 'GLIBC_[0-9.]*' | sort --version-sort --unique | tail -n 1)
    echo -n "libc6 (>= ${glibc#GLIBC_})"
    case $needs in
        '') ;;
        libgcc_s.so.1) echo -n ", libgcc-s1 (>= 4.2)" ;;
        *) echo "$1 needs a library that no package is known for: $needs" >&2 && exit 1 ;;
    esac
}

pack() {
    local program=$1 root=$out/$1 control=$work/$1/DEBIAN name file automatic
    name=$out/${program}_${version}_$architecture.deb
    automatic=$(depends "$root/usr/bin/$program")
    mkdir -p "$control"
    cp -a "$root/." "$work/$program/"
    {
        echo "Package: $program"
        echo "Version: $version"
        echo "Architecture: $architecture"
        echo "Section: $(field "$program" section)"
        echo "Priority: $(field "$program" priority)"
        echo "Maintainer: $maintainer"
        echo "Installed-Size: $(du -k --apparent-size --summarize "$root" | cut -f 1)"
        echo "Depends: $(field "$program" depends | sed "s/\$auto/$automatic/")"
        echo "Suggests: $(field "$program" suggests)"
        echo "Description: $(field "$program" synopsis)"
        field "$program" extended-description | fmt --width 78 | sed 's/^$/./; s/^/ /'
    } >"$control/control"
    (cd "$root" && find etc -type f -printf '/%p\n' | LC_ALL=C sort) >"$control/conffiles"
    [ -s "$control/conffiles" ] || rm "$control/conffiles"
    (cd "$root" && find . -type f ! -path './etc/*' -printf '%P\n' | LC_ALL=C sort | xargs md5sum) >"$control/md5sums"
    for file in postinst prerm postrm; do
        install -m 755 "packaging/$program/$file" "$control/$file"
    done
    touch --date "@$SOURCE_DATE_EPOCH" "$control"/* "$control"
    rm -f "$out/${program}_"*"_$architecture.deb" # of other commits
    dpkg-deb --root-owner-group -Zxz --build "$work/$program" "$name" >/dev/null
    echo "$name: $(stat -c %s "$name") bytes"
}

python3 packaging/third-party.py "$target" >"$work/third-party"
for program in camcast camrec; do
    stage $program
    [ "${1:-}" = stage ] || pack $program
done
