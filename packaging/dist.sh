#!/bin/bash
# dist.sh: what a release consists of, in target/dist/: the source as committed, with all crates that it is built from (`vendor/`), so
# that it builds without a network; the packages in target/deb/ that are of this commit; SHA256SUMS.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -z "$(git status --porcelain)" ] || echo "dist.sh: what is not committed is left out" >&2
version=$(git show HEAD:Cargo.toml | sed -n '/^version/{s/.*"\(.*\)"/\1/p;q}')
name=camcast-$version
out=target/dist
epoch=$(git log -1 --format=%ct)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

git archive --prefix="$name/" HEAD | tar -x -C "$work"
(cd "$work/$name" && cargo vendor --quiet --locked --versioned-dirs vendor >/dev/null)
mkdir "$work/$name/.cargo"
cat >"$work/$name/.cargo/config.toml" <<'CONFIG'
[source.crates-io]
replace-with = "vendored-sources"

[source.vendored-sources]
directory = "vendor"
CONFIG
rm -rf "$out"
mkdir -p "$out"
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w --mtime="@$epoch" -C "$work" "$name" |
    xz -T2 -6 >"$out/$name.tar.xz"
for package in target/deb/*_"$version"[-+~]*.deb; do
    [ -e "$package" ] || continue
    case $package in *.changed-*) echo "dist.sh: $package is of sources that are not committed, and left out" >&2 && continue ;; esac
    # deb.sh dates what it packs by the commit
    made=$(dpkg-deb --ctrl-tarfile "$package" | tar --list --verbose --utc --full-time ./control | awk '{ print $4, $5 }')
    if [ "$(date --date "$made UTC" +%s)" = "$epoch" ]; then
        cp -p "$package" "$out/"
    else
        echo "dist.sh: $package is of another commit, and left out: \`make deb\` makes it anew" >&2
    fi
done
(cd "$out" && sha256sum -- * >"$work/sums" && mv "$work/sums" SHA256SUMS)
(cd "$out" && sha256sum --quiet --check SHA256SUMS)
ls -l "$out"
