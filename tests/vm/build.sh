#!/bin/bash
# Builds the test guest, a trimmed Debian with its stock kernel, and prints the folder it lies in: vmlinuz, initrd.gz,
# root.ext4. The folder is named after a hash of this file and guest/, so a changed recipe builds anew and a fresh clone
# finds what another clone built. Building needs root (or sudo), 2 to 5 minutes and 2 GB; using it needs neither.
# Environment: ARCH=amd64 or arm64 (its processor; arm64 runs armhf's programs too), CAMCAST_VM_CACHE=DIR,
#   MIRROR=URL (default: the Debian mirror that apt itself is set to).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite=trixie
architecture=${ARCH:-amd64}
case $architecture in
amd64) qemu=qemu-system-x86_64:qemu-system-x86 architectures=amd64 libraries= ;;
arm64) qemu=qemu-system-aarch64:qemu-system-arm architectures=arm64,armhf libraries=,libc6:armhf,libgcc-s1:armhf ;;
*) echo "vm: ARCH=$architecture: there are amd64 and arm64" >&2 && exit 2 ;;
esac
cache=${CAMCAST_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/camcast-vm}
key=$(cd "$here" && sha256sum build.sh guest/* | sha256sum | cut -c1-12)
image=$cache/$architecture-$key

say() { echo "vm: $*" >&2; }

missing_packages() {
    local pair
    for pair in $qemu mmdebstrap:mmdebstrap mkfs.ext4:e2fsprogs cpio:cpio xz:xz-utils \
        python3:python3; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
    done
}

mapfile -t missing < <(missing_packages)
if [ -e "$image/root.ext4" ] && [ ${#missing[@]} = 0 ]; then
    echo "$image"
    exit
fi
mkdir -p "$cache"
if [ "$(id -u)" != 0 ]; then
    say "building the guest needs root: sudo"
    exec sudo ARCH="$architecture" CAMCAST_VM_CACHE="$cache" MIRROR="${MIRROR:-}" "$here/build.sh"
fi
export PATH=$PATH:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive

if [ ${#missing[@]} != 0 ]; then
    say "apt-get install ${missing[*]}"
    { apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]}"; } >&2
fi

mirror=${MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages" | grep -m1 -E '/debian/?$' || true)}
[ -n "$mirror" ] || { say "no Debian mirror in apt's configuration: set MIRROR=URL"; exit 1; }

# Another processor's scripts are run by qemu: in a user namespace, which has a binfmt_misc of its own (Linux 6.7), so that
# the machine's own setting is untouched. It has all users, since packages give files to some.
if [ "$architecture" = arm64 ] && [ -z "${EMULATED:-}" ]; then
    emulator=$(mktemp -d "$cache/qemu-XXXXXX")
    trap 'rm -rf "$emulator"' EXIT
    mmdebstrap --quiet --mode=root --architectures=amd64 --variant=extract --include=qemu-user \
        "$suite" "$emulator/root" "deb $mirror $suite main" >&2
    mkfifo "$emulator/go"
    # shellcheck disable=SC2016 # the inner shell expands it
    EMULATED=1 MIRROR=$mirror unshare --user --mount --pid --fork --kill-child bash -euc '
        read -r _ <"$1/go"
        mount -t proc proc /proc
        mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || { echo "vm: for arm64 this needs Linux 6.7" >&2; exit 1; }
        ignored="\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        register() { # NAME CLASS MACHINE EMULATOR
            echo ":vm-$1:M::\x7fELF\x0$2\x01\x01$ignored\x02\x00\x$3\x00:\xff\xff\xff\xff\xff\xff\xff$ignored\xfe\xff\xff\xff:$4:F" \
                >/proc/sys/fs/binfmt_misc/register
        }
        register arm64 2 b7 "$1/root/usr/bin/qemu-aarch64"
        register armhf 1 28 "$1/root/usr/bin/qemu-arm"
        exec "$2"' _ "$emulator" "$here/build.sh" &
    inner=$!
    until [ "$(readlink "/proc/$inner/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.1; done
    for map in uid_map gid_map; do echo "0 0 65536" >"/proc/$inner/$map"; done
    echo >"$emulator/go"
    wait $inner
    exit
fi

exec 9>"$cache/lock"
flock 9
if [ -e "$image/root.ext4" ]; then # somebody else built it while we waited
    echo "$image"
    exit
fi

work=$(mktemp -d "$cache/build-XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
bootstrap=(mmdebstrap --quiet --mode=root --skip=check/qemu --architectures="$architectures"
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"'
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*'
    --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*')

export INITRD=No # the kernel's own hook need not make an initrd: a smaller one is made below
# The module is built in a throw-away chroot of the same suite: the guest stays without a compiler.
say "v4l2loopback, built against the $suite kernel's headers"
# shellcheck disable=SC2016 # mmdebstrap's shell expands the hook
RECIPE=$here/guest/build-v4l2loopback WORK=$work "${bootstrap[@]}" --variant=apt \
    --include=gcc,libc6-dev,make,linux-headers-"$architecture" \
    --customize-hook='cp "$RECIPE" "$1/tmp/recipe" && chroot "$1" sh /tmp/recipe && cp "$1"/tmp/out/* "$WORK/"' \
    "$suite" /dev/null "deb $mirror $suite main" >&2
kernel=$(cat "$work/kernel-version")

say "the root file system"
excluded=()
for family in ata bluetooth gpu hid iio infiniband isdn md net nvme scsi staging target; do
    excluded+=(--dpkgopt="path-exclude=/usr/lib/modules/*/kernel/drivers/$family/*")
done
for module in net/veth net/virtio_net net/net_failover md/dm-mod; do
    excluded+=(--dpkgopt="path-include=/usr/lib/modules/*/kernel/drivers/$module.ko*")
done
"${bootstrap[@]}" --variant=minbase "${excluded[@]}" \
    --include="linux-image-$architecture,systemd,systemd-sysv,udev,kmod,busybox-static,dmsetup,ethtool,iproute2,procps,psmisc,strace,curl,python3,v4l-utils,ustreamer$libraries" \
    "$suite" "$root" "deb $mirror $suite main" >&2
install -D -m 644 "$work/v4l2loopback.ko" "$root/usr/lib/modules/$kernel/updates/v4l2loopback.ko"
# As Debian ships it, bug and all: for insmod.
install -D -m 644 "$work/v4l2loopback-stock.ko" "$root/usr/local/lib/v4l2loopback-stock.ko"
chroot "$root" depmod "$kernel"
install -m 755 "$here/guest/init" "$here/guest/run-job" "$root/usr/local/sbin/"
install -m 644 "$here/guest/job.service" "$root/etc/systemd/system/"
chroot "$root" systemctl --quiet enable job.service
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer \
    e2scrub_reap.service systemd-pcrphase.service getty@tty1.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
mkdir -p "$root/host"
echo camcast-vm >"$root/etc/hostname"
echo uninitialized >"$root/etc/machine-id"

say "the initrd: busybox and what reaches the root disk"
initrd=$work/initrd
mkdir -p "$initrd"/{bin,dev,lib,proc,root,sys} "$work/image"
cp "$root/usr/bin/busybox" "$initrd/bin/"
ln -s busybox "$initrd/bin/sh"
install -m 755 "$here/guest/initrd-init" "$initrd/init"
for wanted in virtio_pci virtio_blk ext4; do
    chroot "$root" modprobe -S "$kernel" --show-depends "$wanted"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/modules"
while read -r module; do
    name=$(basename "$module" .xz)
    case $module in
    *.xz) xz -dc "$root$module" ;;
    *) cat "$root$module" ;;
    esac >"$initrd/lib/$name"
    echo "$name" >>"$initrd/modules"
done <"$work/modules"
(cd "$initrd" && find . | cpio -o -H newc --quiet | gzip -9) >"$work/image/initrd.gz"
cp "$root/boot/vmlinuz-$kernel" "$work/image/vmlinuz"

say "the disk image"
find "$root/boot" "$root/var/cache" "$root/var/lib/apt/lists" -mindepth 1 -delete
used=$(du -sxm "$root" | cut -f1)
mkfs.ext4 -q -O ^has_journal -m 0 -N 60000 -L camcast-vm -d "$root" "$work/image/root.ext4" $((used * 9 / 8 + 150))M >&2
chmod -R a+rX "$work/image"
[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-0}" "$work/image"
mv "$work/image" "$image"
say "built $(du -sh "$image" | cut -f1) in ${SECONDS} s, kernel $kernel"
echo "$image"
