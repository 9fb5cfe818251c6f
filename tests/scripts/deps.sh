#!/bin/bash
# deps.sh GROUP...: installs the Debian packages of these groups (build, demo, test, web, players, bench, check, pack, deb, dist, cross) that are missing, and
# apt's Rust if there is none and apt's is new enough. Asks nothing. If nothing is missing it asks dpkg once and nobody else.
#   ABOUT=TEXT  said first, unless there is no Rust to be had: then one line on standard error says what to do
set -euo pipefail
export LC_ALL=C PATH=$HOME/.cargo/bin:$PATH # where rustup puts Rust
oldest_rust=1.85

declare -A groups=(
    # turbojpeg builds libjpeg-turbo (cmake; nasm for its x86 code), v4l generates bindings (libclang, kernel headers)
    [build]="gcc g++ make cmake libclang-dev linux-libc-dev libc6-dev ca-certificates"
    # what the demo reads its recording with
    [demo]="ffmpeg"
    # what the tests read recordings with
    [test]="ffmpeg mkvtoolnix"
    # what reads HTTP: a browser for the page, a Prometheus that collects the metrics, programs that know passwords; without them
    # those tests are left out
    [web]="chromium prometheus curl wget python3-requests"
    # what people look at streams and recordings with, and find cameras by: without them those tests are left out
    [players]="mpv python3-opencv gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good avahi-daemon avahi-utils dbus-daemon"
    # what counts system calls and instructions
    [bench]="strace valgrind"
    # manual pages are checked by mandoc, completions by their shells
    [check]="shellcheck git systemd mandoc bash-completion zsh fish"
    # what packs packages, and what judges them
    [pack]="binutils python3 xz-utils"
    [deb]="lintian fakeroot systemd init-system-helpers"
    [dist]="git xz-utils util-linux"
    [cross]="mmdebstrap util-linux binutils"
)
case $(uname -m) in x86_64) groups[build]+=" nasm" ;; esac

sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)

stop() {
    echo "$*" >&2
    exit 1
}
update_apt() {
    [ ${#sudo[@]} = 0 ] || command -v sudo >/dev/null ||
        stop "packages have to be installed, and there is no sudo: run this as root"
    "${sudo[@]}" apt-get update --quiet --quiet
}
install_packages() {
    update_apt
    echo "installing with apt: $*"
    # what it would do, in its own figures: it answers no to itself
    { apt-get install --assume-no --no-install-recommends "$@" 2>&1 || true; } |
        grep -E 'Need to get|disk space will be used|Download size|Space needed' || true
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "$@" >/dev/null
}

is_new_enough() { [ "$(printf '%s\n' "$oldest_rust" "$1" | sort --version-sort | head -n 1)" = "$oldest_rust" ]; }
# The version of apt's rustc, such as 1.85.0; nothing if apt has none.
rust_of_apt() { apt-cache policy rustc 2>/dev/null | sed -nE 's/^ *Candidate: ([0-9]+:)?([0-9.]+).*/\2/p'; }

wanted=()
for group in "$@"; do
    read -ra packages <<<"${groups[$group]}"
    wanted+=("${packages[@]}")
done

rust=
if command -v cargo >/dev/null && command -v rustc >/dev/null; then
    rust=$(rustc --version) || stop "rustc does not start: Rust $oldest_rust or newer is needed (https://rustup.rs)"
    rust=${rust#rustc } rust=${rust%% *}
fi
if [ -z "$rust" ] || ! is_new_enough "$rust"; then
    if [ -n "$rust" ] && command -v rustup >/dev/null; then
        stop "Rust $rust is too old, $oldest_rust or newer is needed: type \`rustup update stable\`, then the same again"
    fi
    command -v apt-get >/dev/null || stop "Rust $oldest_rust or newer is needed: https://rustup.rs"
    candidate=$(rust_of_apt)
    [ -n "$candidate" ] || {
        update_apt || stop "apt-get update has failed: what it says above has to be mended first"
        candidate=$(rust_of_apt)
    }
    if [ -z "$candidate" ] || ! is_new_enough "$candidate"; then
        # shellcheck source=/dev/null
        system=$(. /etc/os-release && echo "${PRETTY_NAME:-this system}")
        stop "$system has Rust ${candidate:-not at all}, and $oldest_rust or newer is needed: type" \
            "\`${sudo[*]:+sudo }apt-get install -y curl ca-certificates &&" \
            "curl -sSf https://sh.rustup.rs | sh -s -- -y\`, then the same again"
    fi
    wanted+=(cargo rustc)
fi
[ -z "${ABOUT:-}" ] || echo "$ABOUT"

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
