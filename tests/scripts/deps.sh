#!/bin/bash
# deps.sh GROUP...: installs the Debian packages of these groups (build, test, players, check, cross) that are not there yet, and
# looks whether there is a Rust to build with. With everything there it asks dpkg once and nobody else.
set -euo pipefail
oldest_rust=1.85

declare -A groups=(
    # turbojpeg builds libjpeg-turbo (cmake; nasm for its x86 code), v4l generates bindings (libclang, kernel headers)
    [build]="gcc g++ make cmake libclang-dev linux-libc-dev libc6-dev"
    # what the tests read recordings with
    [test]="ffmpeg mkvtoolnix"
    # and what people look at them with
    [players]="mpv python3-opencv"
    [check]="shellcheck git"
    [cross]="mmdebstrap util-linux binutils"
)
case $(uname -m) in x86_64) groups[build]+=" nasm" ;; esac

sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)
install_packages() {
    echo "installing: $*"
    "${sudo[@]}" apt-get update --quiet --quiet
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "$@" >/dev/null
}

no_rust() {
    echo "$1: Rust $oldest_rust or newer is needed; on Debian 13 or newer: sudo apt install cargo rustc," \
        "elsewhere: https://rustup.rs" >&2
    exit 1
}
for tool in cargo rustc; do command -v "$tool" >/dev/null || no_rust "no $tool here"; done
rust=$(rustc --version) || no_rust "rustc does not start"
rust=${rust#rustc } rust=${rust%% *}
[ "$(printf '%s\n' "$oldest_rust" "$rust" | sort --version-sort | head -n 1)" = "$oldest_rust" ] ||
    no_rust "rustc is too old ($rust)"

wanted=()
for group in "$@"; do
    read -ra packages <<<"${groups[$group]}"
    wanted+=("${packages[@]}")
done

# cargo fmt and cargo clippy are not in every installation of Rust
if [[ " $* " == *" check "* ]] && ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
    if command -v rustup >/dev/null; then
        rustup component add rustfmt clippy
    else
        wanted+=(rustfmt rust-clippy)
    fi
fi

# fails for a package that dpkg has never heard of, and names the others all the same
installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
    [[ $'\n'$installed$'\n' == *$'\n'"installed $package"$'\n'* ]] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
