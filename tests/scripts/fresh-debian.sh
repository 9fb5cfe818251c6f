#!/bin/bash
# fresh-debian.sh [SUITE]: a bare Debian (bookworm unless told otherwise) with this machine's Rust toolchain copied in, and
# in it a clone of the committed tree, where a user types `make demo` and `make test`. A check before releases. Needs root.
#   MIRROR=URL  a Debian mirror (that of apt's own configuration)
set -euo pipefail
suite=${1:-bookworm}
repository=$(cd "$(dirname "$0")/../.." && pwd)
"$repository/tests/scripts/deps.sh" cross
toolchain=$(rustc --print sysroot)
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT

echo "making a bare Debian $suite"
mirror=${MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" | grep -m1 -E '/debian/?$' || true)}
[ -n "$mirror" ] || { echo "apt's own configuration names no Debian mirror: set MIRROR"; exit 1; }
mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates,git,make "$suite" "$root" "deb $mirror $suite main"
cp -a "$toolchain" "$root/opt/rust"
git clone --quiet "$repository" "$root/root/camcast"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

# shellcheck disable=SC2016 # the inner shell expands it
unshare --mount bash -euc '
    root=$1
    mount --make-rprivate /
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    exec chroot "$root" env -i HOME=/root TERM=dumb PATH=/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash -c "cd /root/camcast && time make demo && time make test"
' _ "$root"
