#!/bin/bash
# cross.sh: builds release binaries for aarch64 with Debian trixie's own rustc (1.85, the oldest that is supported) and
# runs the tests under qemu, from nothing but Debian packages: no container engine. The binaries go to target/cross/.
#   TESTS=0     only builds; TESTS=all: also what runs the programs, which under qemu wants an otherwise idle machine;
#               TESTS=instructions: counts the instructions a frame instead, and holds them against
#               tests/golden/instructions-aarch64.txt, which UPDATE_GOLDEN=1 renews
#   CACHE=DIR   where the Debian root and the build live (~/.cache/camcast-cross)
#   MIRROR=URL  a Debian mirror (that of apt's own configuration)
# Needs root, or sudo. They must run where glibc is as old as 2.36 (Debian 12, Raspberry Pi OS 12): that is checked.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
cache=${CACHE:-$HOME/.cache/camcast-cross}
target=aarch64-unknown-linux-gnu
max_glibc=2.36
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)

"$repository/tests/scripts/deps.sh" cross
packages=rustc,cargo,libstd-rust-dev,libstd-rust-dev:arm64,crossbuild-essential-arm64,libc6-dev:arm64,libgcc-s1:arm64
packages+=,cmake,make,nasm,libclang-dev,qemu-user,ca-certificates,ffmpeg,mkvtoolnix
recipe=$(sha256sum <<<"$packages" | cut -c1-16)
root=$cache/root-$recipe

if [ ! -e "$root.done" ]; then
    echo "making a Debian root in $root"
    mkdir -p "$cache"
    "${sudo[@]}" rm -rf "$root"
    mirror=${MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" | grep -m1 -E '/debian/?$' || true)}
    [ -n "$mirror" ] || { echo "apt's own configuration names no Debian mirror: set MIRROR"; exit 1; }
    "${sudo[@]}" mmdebstrap --quiet --mode=root --variant=apt --architectures=amd64,arm64 \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --include="$packages" trixie "$root" "deb $mirror trixie main"
    touch "$root.done"
fi

mkdir -p "$cache/cargo" "$cache/target"
cat >"$cache/inside" <<'INSIDE'
set -euo pipefail
target=aarch64-unknown-linux-gnu
export PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root CARGO_HOME=/cargo CARGO_TARGET_DIR=/target
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++
cd /src
rustc --version
cargo build --locked --release --target $target
case $TESTS in
    0) ;;
    instructions)
        cargo build --locked --release --target $target --example instructions
        program=/target/$target/release/examples/instructions
        # a line for each instruction, of a processor that boards have: newer ones copy with three
        count() {
            qemu-aarch64 -cpu cortex-a72 -one-insn-per-tb -d exec,nochain -D /dev/fd/3 $program run "$1" "$2" 3>&1 >/dev/null | wc -l
        }
        {
            echo "compiler: $(rustc --version)"
            for name in $(qemu-aarch64 $program list); do
                few=$(count "$name" 20) times=30
                # of what takes little, more: a start takes some thousand instructions more or less
                for _ in 1 2; do
                    more=$(count "$name" $((20 + times)))
                    [ $((more - few)) -lt 300000 ] || break
                    times=3000
                done
                echo "$name $(((more - few) / times))"
            done
        } | qemu-aarch64 $program compare
        ;;
    all) PROPTEST_CASES=16 cargo test --locked --target $target ;;
    *)
        export PROPTEST_CASES=16
        cargo test --locked --target $target --lib
        cargo test --locked --target $target --test it -- protocol::examples files::matroska rec::byte_for_byte
        ;;
esac
INSIDE

# A user namespace has a binfmt_misc of its own (Linux 6.7): in it aarch64 programs run as such, those that tests start
# included, and the machine's own setting is untouched.
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
# shellcheck disable=SC2016 # the inner shell expands it
"${sudo[@]}" unshare --user --map-root-user --mount env TESTS="${TESTS:-some}" ${UPDATE_GOLDEN:+UPDATE_GOLDEN=1} bash -euc '
    root=$1 src=$2 cache=$3 line=$4
    mount --make-rprivate / 2>/dev/null || true
    if mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc 2>/dev/null; then
        printf %s "$line" >/proc/sys/fs/binfmt_misc/register
    else
        echo "no binfmt_misc of its own on this kernel: only building"; TESTS=0
    fi
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    mkdir -p "$root/src" "$root/cargo" "$root/target"
    mount --bind "$src" "$root/src"
    mount --bind "$cache/cargo" "$root/cargo"
    mount --bind "$cache/target" "$root/target"
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    cp "$cache/inside" "$root/tmp/inside"
    exec chroot "$root" /bin/bash /tmp/inside
' _ "$root" "$repository" "$cache" ":camcast-arm64:M::$magic:$mask:/usr/bin/qemu-aarch64:"

mkdir -p "$repository/target/cross"
for program in camcast camrec; do
    file=$cache/target/$target/release/$program
    glibc=$(readelf -V "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
    echo "$program: $(stat -c %s "$file") bytes, needs $glibc"
    if [ "$(printf '%s\n' "${glibc#GLIBC_}" $max_glibc | sort -V | tail -1)" != $max_glibc ]; then
        echo "$program needs a newer glibc than $max_glibc"
        exit 1
    fi
    cp "$file" "$repository/target/cross/"
done
