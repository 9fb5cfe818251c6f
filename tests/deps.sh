#!/bin/bash
# deps.sh GROUP...: installs the Debian packages of these groups (build, test, check, cross) that are not there yet.
set -euo pipefail

declare -A groups=(
    # turbojpeg builds libjpeg-turbo (cmake; nasm for its x86 code), v4l generates bindings (libclang, kernel headers)
    [build]="gcc g++ make cmake libclang-dev linux-libc-dev libc6-dev"
    # what the tests read recordings with
    [test]="ffmpeg mkvtoolnix"
    [check]="shellcheck git"
    [cross]="mmdebstrap util-linux binutils"
)
case $(uname -m) in x86_64) groups[build]+=" nasm" ;; esac

wanted=()
for group in "$@"; do
    read -ra packages <<<"${groups[$group]}"
    wanted+=("${packages[@]}")
done

missing=()
for package in "${wanted[@]}"; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    echo "installing: ${missing[*]}"
    "${sudo[@]}" apt-get update --quiet --quiet
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo "no Rust: on Debian 13 or newer  sudo apt install cargo rustc , elsewhere see https://rustup.rs (1.85 or newer)" >&2
    exit 1
fi
