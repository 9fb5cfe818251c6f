#!/bin/bash
# cross.sh: builds release binaries for 64-bit and 32-bit ARM with Debian trixie's own rustc (1.85, the oldest that is supported)
# and runs the tests under qemu, from nothing but Debian packages: no container engine. The binaries go to target/cross/ARCH/.
#   ARCH=arm64  Debian's name of the processor: arm64, or armhf for armv7
#   TESTS=0     only builds; TESTS=all: also what runs the programs, which under qemu wants an otherwise idle machine;
#               TESTS=deb: the same, by the programs in the packages of `make deb BIN_DIR=target/cross/ARCH`;
#               TESTS=instructions: counts the instructions a frame instead, and holds them against
#               tests/golden/instructions-aarch64.txt, which UPDATE_GOLDEN=1 renews
#   ONLY="NAME" of TESTS=deb: those of tests/it alone, in place of protocol, rec, files and both
#   CACHE=DIR   where the Debian root and the build live (~/.cache/camcast-cross)
#   MIRROR=URL  a Debian mirror (that of apt's own configuration)
# Needs root, or sudo. They must run where glibc is as old as 2.36 (Debian 12, Raspberry Pi OS 12): that is checked.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
cache=${CACHE:-$HOME/.cache/camcast-cross}
architecture=${ARCH:-arm64}
tests=${TESTS:-some}
max_glibc=2.36
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)
case $architecture in
    arm64) target=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu qemu=qemu-aarch64 ;;
    armhf) target=armv7-unknown-linux-gnueabihf gnu=arm-linux-gnueabihf qemu=qemu-arm ;;
    *) echo "ARCH=$architecture: there are arm64 and armhf" >&2 && exit 2 ;;
esac
if [ "$tests" = instructions ] && [ "$architecture" != arm64 ]; then
    echo "TESTS=instructions: they are counted for arm64 alone" >&2
    exit 2
fi

"$repository/tests/scripts/deps.sh" cross
packages=rustc,cargo,libstd-rust-dev,cmake,make,nasm,libclang-dev,qemu-user,ca-certificates,ffmpeg,mkvtoolnix,mount,iproute2,procps,tzdata
for each in arm64 armhf; do
    packages+=,libstd-rust-dev:$each,crossbuild-essential-$each,libc6-dev:$each,libgcc-s1:$each
done
recipe=$(sha256sum <<<"$packages" | cut -c1-16)
root=$cache/root-$recipe

if [ ! -e "$root.done" ]; then
    echo "making a Debian root in $root"
    mkdir -p "$cache"
    "${sudo[@]}" rm -rf "$root"
    mirror=${MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" | grep -m1 -E '/debian/?$' || true)}
    [ -n "$mirror" ] || { echo "apt's own configuration names no Debian mirror: set MIRROR"; exit 1; }
    "${sudo[@]}" mmdebstrap --quiet --mode=root --variant=apt --architectures=amd64,arm64,armhf \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --include="$packages" trixie "$root" "deb $mirror trixie main"
    touch "$root.done"
fi

# What the tests start as a program of theirs is qemu with that program: no binfmt_misc is needed. Linked statically, so that an
# LD_PRELOAD, which is for the program, passes it by.
cat >"$cache/under-qemu.c" <<'PROGRAM'
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    char program[256], **all = calloc(count + 4, sizeof *all);
    snprintf(program, sizeof program, "/programs/%s", basename(strdup(words[0])));
    all[0] = QEMU, all[1] = "-0", all[2] = words[0], all[3] = program;
    memcpy(all + 4, words + 1, count * sizeof *all);
    execv(QEMU, all);
    perror(QEMU);
    return 127;
}
PROGRAM

# What cargo starts tests with: in a mount namespace of its own, so that cargo itself finds what it has built.
cat >"$cache/runner" <<'RUNNER'
#!/bin/bash
set -euo pipefail
if [ -z "${IS_INSIDE:-}" ]; then
    IS_INSIDE=1 exec unshare --mount "$0" "$@"
fi
built=/target/$target/debug
mount --bind "${PROGRAMS:-$built}" /programs
for program in camcast camrec; do
    [ ! -e $built/$program ] || mount --bind /tmp/under-qemu $built/$program
done
# the compiler of tests/support/machine.rs, too
exec env --unset=IS_INSIDE PATH="/tmp/tools:$PATH" $qemu "$@"
RUNNER

mkdir -p "$cache/cargo" "$cache/target"
cat >"$cache/inside" <<'INSIDE'
set -euo pipefail
export PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root CARGO_HOME=/cargo CARGO_TARGET_DIR=/target
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
underscored=${target//-/_}
export "CARGO_TARGET_${underscored^^}_LINKER=$gnu-gcc" "CARGO_TARGET_${underscored^^}_RUNNER=/tmp/runner"
export "CC_$underscored=$gnu-gcc" "CXX_$underscored=$gnu-g++"
cc -static -O -Wall -DQEMU="\"/usr/bin/$qemu\"" -o /tmp/under-qemu /tmp/under-qemu.c
mkdir -p /tmp/tools
ln -s /usr/bin/$gnu-gcc /tmp/tools/cc
cd /src
rustc --version
export PROPTEST_CASES=16
tests() { cargo test --locked --target $target "$@"; }
[ "$TESTS" = deb ] || cargo build --locked --release --target $target
case $TESTS in
    0) ;;
    instructions)
        cargo build --locked --release --target $target --example instructions
        program=/target/$target/release/examples/instructions
        # a line for each instruction, of a processor that boards have: newer ones copy with three
        count() {
            $qemu -cpu cortex-a72 -one-insn-per-tb -d exec,nochain -D /dev/fd/3 $program run "$1" "$2" 3>&1 >/dev/null | wc -l
        }
        {
            echo "compiler: $(rustc --version)"
            for name in $($qemu $program list); do
                few=$(count "$name" 20) times=30
                # of what takes little, more: a start takes some thousand instructions more or less
                for _ in 1 2; do
                    more=$(count "$name" $((20 + times)))
                    [ $((more - few)) -lt 300000 ] || break
                    times=3000
                done
                echo "$name $(((more - few) / times))"
            done
        } | $qemu $program compare
        ;;
    all) tests --no-fail-fast ;;
    deb)
        for program in camcast camrec; do
            dpkg-deb --extract /tmp/packages/$program.deb /tmp/unpacked
        done
        export PROGRAMS=/tmp/unpacked/usr/bin
        # qemu has a start of its own to tell in /proc/self/stat, by which a recorder is known to live; it ends under `ulimit -f 1`; and
        # it does not say that a program, such as strace, is not there. A test that begins itself again in a network of its own is no
        # program that this kernel starts by itself. And it is too slow for the test picture: other frames are recorded than elsewhere
        tests --test it --no-fail-fast -- ${ONLY:-protocol:: rec:: files:: both::} \
            --skip a_living_recorder_of_this_machine_is_known --skip what_is_still_recorded_to_is_told \
            --skip a_client_log_that_may_not_grow --skip nothing_is_written_while_nobody_is_away \
            --skip a_full_disk_is_told_once --skip where_a_disk_should_be_mounted \
            --skip the_formulas_are_what_the_programs_do
        ;;
    *)
        tests --lib
        tests --test it -- protocol::examples files::matroska rec::byte_for_byte
        ;;
esac
INSIDE

given=()
if [ "$tests" = deb ]; then
    for program in camcast camrec; do
        given+=("$repository/target/deb/${program}"_*_"$architecture".deb)
    done
    ls "${given[@]}" >/dev/null || { echo "make deb BIN_DIR=target/cross/$architecture makes them"; exit 1; }
fi
variables=(TESTS="$tests" ONLY="${ONLY:-}" target="$target" gnu="$gnu" qemu="$qemu" ${UPDATE_GOLDEN:+UPDATE_GOLDEN=1})
# shellcheck disable=SC2016 # the inner shell expands it
"${sudo[@]}" unshare --user --map-root-user --mount env "${variables[@]}" bash -euc '
    root=$1 src=$2 cache=$3
    shift 3
    mount --make-rprivate / 2>/dev/null || true
    mount --bind "$root" "$root"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    mkdir -p "$root/src" "$root/cargo" "$root/target" "$root/programs"
    mount --bind "$src" "$root/src"
    mount --bind "$cache/cargo" "$root/cargo"
    mount --bind "$cache/target" "$root/target"
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    cp "$cache/inside" "$cache/runner" "$cache/under-qemu.c" "$root/tmp/"
    chmod +x "$root/tmp/runner"
    mkdir "$root/tmp/packages"
    for package; do
        name=${package##*/}
        cp "$package" "$root/tmp/packages/${name%%_*}.deb"
    done
    # in a chroot tests could make no namespaces of their own
    cd "$root"
    pivot_root . .
    umount -l .
    cd /
    exec /bin/bash /tmp/inside
' _ "$root" "$repository" "$cache" "${given[@]}"
[ "$tests" != deb ] || exit 0

mkdir -p "$repository/target/cross/$architecture"
for program in camcast camrec; do
    file=$cache/target/$target/release/$program
    glibc=$(readelf -V "$file" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
    echo "$program: $(stat -c %s "$file") bytes, needs $glibc"
    if [ "$(printf '%s\n' "${glibc#GLIBC_}" $max_glibc | sort -V | tail -1)" != $max_glibc ]; then
        echo "$program needs a newer glibc than $max_glibc"
        exit 1
    fi
    cp "$file" "$repository/target/cross/$architecture/"
done
