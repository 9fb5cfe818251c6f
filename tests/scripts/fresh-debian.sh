#!/bin/bash
# fresh-debian.sh [SUITE...]: bare Debians (trixie and bookworm unless told otherwise) with nothing but git, and in each a clone of
# the committed tree, where a user types the README's two commands. Where apt's Rust is too old (bookworm) the first has to end
# with one line that says so, and with nothing installed; then this machine's toolchain is copied in, as rustup would put it
# there, and both commands have to pass. A check before releases. Needs root.
#   MIRROR=URL  a Debian mirror (that of apt's own configuration)
set -euo pipefail
[ $# -gt 0 ] || set -- trixie bookworm
repository=$(cd "$(dirname "$0")/../.." && pwd)
commands=(tests/scripts/demo.sh tests/scripts/test.sh)
for command in "${commands[@]}"; do
    grep -q "^$command " "$repository/README.md" || { echo "README.md has no line $command"; exit 1; }
done
"$repository/tests/scripts/deps.sh" cross
mirror=${MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" | grep -m1 -E '/debian/?$' || true)}
[ -n "$mirror" ] || { echo "apt's own configuration names no Debian mirror: set MIRROR"; exit 1; }
root=
trap '[ -z "$root" ] || rm -rf --one-file-system "$root"' EXIT

# inside COMMAND: types it in the clone
inside() {
    # shellcheck disable=SC2016 # the inner shell expands it
    unshare --mount bash -euc '
        root=$1
        mount --make-rprivate /
        mount --rbind /proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/tmp"
        exec chroot "$root" env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            bash -c "cd /root/camcast && $2" </dev/null
    ' _ "$root" "$1"
}
packages() { chroot "$root" dpkg-query --show; }

for suite; do
    echo "making a bare Debian $suite"
    root=$(mktemp -d)
    mmdebstrap --quiet --mode=root --variant=minbase --include=git "$suite" "$root" "deb $mirror $suite main"
    git clone --quiet "$repository" "$root/root/camcast"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    # what this machine trusts counts as soon as ca-certificates is installed
    mkdir -p "$root/usr/local/share/ca-certificates"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/usr/local/share/ca-certificates/this-machine.crt"
    case $suite in
        bookworm)
            before=$(packages)
            echo "$suite: ${commands[0]}, with apt's old Rust"
            if said=$(inside "${commands[0]}" 2>&1); then
                echo "it was to end with an error: $said"
                exit 1
            fi
            echo "$said"
            [[ $said != *$'\n'* && $said == *"Rust 1.63"*"rustup.rs"* ]] || { echo "not the one line"; exit 1; }
            [ "$(packages)" = "$before" ] || { echo "it has installed something"; exit 1; }
            mkdir -p "$root/root/.cargo"
            cp -a "$(rustc --print sysroot)/bin" "$root/root/.cargo/bin"
            cp -a "$(rustc --print sysroot)/lib" "$root/root/.cargo/lib"
            ;;
    esac
    for command in "${commands[@]}"; do
        echo "$suite: $command"
        inside "time $command"
    done
    rm -rf --one-file-system "$root"
    root=
done
echo "sum: both commands pass on: $*"
