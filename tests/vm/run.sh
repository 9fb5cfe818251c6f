#!/bin/bash
# run.sh JOB.sh: boots the guest, runs the job as root in it (in /host, which is $SHARE), prints its output, returns its status.
# Environment: SHARE=DIR (default: this folder)  TIMEOUT=600 (seconds, hard)  SYSTEMD=1 (a full systemd boot, slower)
#   ARCH=amd64 or arm64 (the guest's processor)  ACCEL=kvm|tcg (default: probed once per image)  CPUS=1 (KVM: 2)  MEMORY=1536 (MB)
#   DISK=FILE (an image that the guest has as /dev/vdb, and that keeps what it writes)
#   PORT=N (the guest has a network card, network_out in tools/steps.sh; who asks 127.0.0.1:N of the host comes to its port 9999)
#   KEEP=DIR (the console and the kernel's log go there)
# Status: the job's; 124 after the timeout; 125 when the guest ended without one (the console's tail is printed).
set -u
here=$(cd "$(dirname "$0")" && pwd)
job=$1
share=$(realpath "${SHARE:-$here}")
image=$("$here/build.sh") || exit 125
case ${ARCH:-amd64} in
amd64) system=qemu-system-x86_64 machine=q35 serial=ttyS0 alike=x86_64 ;;
arm64) system=qemu-system-aarch64 machine=virt serial=ttyAMA0 alike=aarch64 ;;
esac
dir=$(mktemp -d "$share/.run-XXXXXX")
qemu=
trap '[ -z "$qemu" ] || { kill "$qemu"; wait "$qemu"; } 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cp "$job" "$dir/job" || exit 125

# A nested host may open /dev/kvm and then hang: KVM is taken only if the kernel really reaches user space under it.
probe() {
    [ -w /dev/kvm ] && [ "$(uname -m)" = "$alike" ] && timeout -k 1 10 "$system" -accel kvm -M "$machine" -cpu host -m 512 -nodefaults -no-user-config \
        -display none -serial stdio -no-reboot -kernel "$image/vmlinuz" -initrd "$image/initrd.gz" \
        -append "console=$serial quiet panic=-1 vm.probe" </dev/null 2>/dev/null | grep -q VM-PROBE-OK
}
accel=${ACCEL:-$(cat "$image/accel" 2>/dev/null)}
if [ -z "$accel" ]; then
    if probe; then accel=kvm; else accel=tcg; fi
    echo $accel 2>/dev/null >"$image/accel"
fi
# TCG runs "rep movsb" byte by byte: without ERMS and FSRM the kernel copies eight at a time. It gets one CPU: with two,
# the kernel's patching of its own code races with the other's translation of it, and one boot in ten ends in "Oops: int3".
# The ARM processor is that of a Raspberry Pi 4: newer ones sign pointers, which takes TCG long, and some run no 32-bit programs.
case $accel-$alike in
kvm-*) processor=(-accel kvm -cpu host -smp "${CPUS:-2}") ;;
*-x86_64) processor=(-accel "tcg,tb-size=512" -cpu "max,-erms,-fsrm" -smp "${CPUS:-1}") ;;
*) processor=(-accel "tcg,tb-size=512" -cpu cortex-a72 -smp "${CPUS:-1}") ;;
esac

mkfifo "$dir/out"
cat "$dir/out" &
output=$!
timeout --foreground -k 5 "${TIMEOUT:-600}" "$system" "${processor[@]}" -M "$machine" -m "${MEMORY:-1536}" \
    -nodefaults -no-user-config -display none -no-reboot -serial "file:$dir/console" \
    -kernel "$image/vmlinuz" -initrd "$image/initrd.gz" \
    -append "console=$serial quiet panic=-1 mitigations=off nokaslr random.trust_cpu=1 vm.dir=${dir##*/} ${SYSTEMD:+vm.systemd}" \
    -drive "if=virtio,file=$image/root.ext4,format=raw,snapshot=on,cache=unsafe" -device virtio-rng-pci \
    -device virtio-serial-pci -chardev file,id=out,path=/dev/fd/3,append=on -device virtserialport,chardev=out,name=vm.out \
    ${PORT:+-netdev "user,id=out,hostfwd=tcp:127.0.0.1:$PORT-:9999,hostfwd=udp:127.0.0.1:$PORT-:9999"} \
    ${PORT:+-device "virtio-net-pci,netdev=out,romfile="} \
    ${DISK:+-drive "if=virtio,file=$DISK,format=raw"} \
    -fsdev "local,id=host,path=$share,security_model=none" -device virtio-9p-pci,fsdev=host,mount_tag=host \
    </dev/null 2>"$dir/qemu.err" 3>"$dir/out" &
qemu=$!
wait "$qemu"
ended=$?
qemu=
wait "$output"

if [ -s "$dir/status" ]; then
    status=$(cat "$dir/status")
elif [ $ended = 124 ] || [ $ended = 137 ]; then
    echo "vm: ended after ${TIMEOUT:-600} s, the hard timeout"
    status=124
else
    status=125
fi
[ "$status" != 125 ] || { echo "vm: the guest ended without a status"; cat "$dir/qemu.err"; tail -n 25 "$dir/console"; }
[ -z "${KEEP:-}" ] || { mkdir -p "$KEEP"; cp "$dir"/{console,dmesg} "$KEEP/" 2>/dev/null; }
exit "$status"
