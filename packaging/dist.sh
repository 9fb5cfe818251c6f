#!/bin/bash
# dist.sh: what a release consists of, in target/dist/: the source as committed, with all crates that it is built from (`vendor/`), so
# that it builds without a network; the packages that are in target/deb/ of this version; SHA256SUMS.
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
for package in target/deb/*_"$version"-*.deb; do
    [ ! -e "$package" ] || cp -p "$package" "$out/"
done
(cd "$out" && sha256sum -- * >"$work/sums" && mv "$work/sums" SHA256SUMS)
(cd "$out" && sha256sum --quiet --check SHA256SUMS)
ls -l "$out"
