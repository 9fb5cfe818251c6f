#!/bin/bash
# install.sh install|uninstall [PROGRAM...]: puts the programs (camcast and camrec unless told otherwise), with all that belongs to
# them, where they are to be, or takes them away. `make install`; the packages are made from the same list.
#   DESTDIR=DIR         a folder that stands for / (none)
#   PREFIX=DIR          /usr/local
#   SYSCONFDIR=DIR      /etc
#   BIN_DIR=DIR         where the programs were built (target/release)
# A file of options that is there already stays as it is, and is only taken away if nobody has changed it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/.." && pwd)
prefix=${PREFIX:-/usr/local}
etc=${SYSCONFDIR:-/etc}
destination=${DESTDIR:-}
binaries=${BIN_DIR:-${CARGO_TARGET_DIR:-$repository/target}/release}
what=${1:-}
[ "$what" = install ] || [ "$what" = uninstall ] || { echo "install.sh install|uninstall [PROGRAM...]" >&2 && exit 2; }
shift
[ $# -gt 0 ] || set -- camcast camrec
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# put MODE FILE PLACE: the file as that place, or that place taken away
put() {
    case $what in
        install) install -D -m "$1" "$2" "$destination$3" ;;
        uninstall) rm -f "$destination$3" ;;
    esac
}
# A file that people change.
put_options() {
    local place=$destination$2
    case $what in
        install) [ -e "$place" ] || install -D -m 644 "$1" "$place" ;;
        uninstall) ! cmp -s "$1" "$place" || rm "$place" ;;
    esac
}
folder() {
    case $what in
        install) mkdir -p "$destination$1" ;;
        uninstall) [ ! -d "$destination$1" ] || rmdir --ignore-fail-on-non-empty "$destination$1" ;;
    esac
}

put_program() {
    local program=$1 page unit file
    local documents=$prefix/share/doc/$program
    # where Debian's zsh looks
    local zsh=$prefix/share/zsh/site-functions
    [ "$prefix" != /usr ] || zsh=/usr/share/zsh/vendor-completions

    if [ "$what" = install ] && [ ! -x "$binaries/$program" ]; then
        echo "there is no $binaries/$program: \`make build\` makes it" >&2
        exit 1
    fi
    put 755 "$binaries/$program" "$prefix/bin/$program"
    for page in "$repository/man/$program".*; do
        sed "s#/usr/share/doc/#$prefix/share/doc/#" "$page" >"$work/page"
        put 644 "$work/page" "$prefix/share/man/man${page##*.}/${page##*/}"
    done
    for unit in "$repository/systemd/$program"*.service "$repository/systemd/$program"*.socket; do
        [ -e "$unit" ] || continue
        sed -E "s#^(ExecStart|ExecReload)=/usr/local/bin/#\1=$prefix/bin/#" "$unit" >"$work/unit"
        put 644 "$work/unit" "$prefix/lib/systemd/system/${unit##*/}"
    done
    put 644 "$repository/completions/$program.bash" "$prefix/share/bash-completion/completions/$program"
    put 644 "$repository/completions/_$program" "$zsh/_$program"
    put 644 "$repository/completions/$program.fish" "$prefix/share/fish/vendor_completions.d/$program.fish"
    put 644 "$repository/systemd/$program.conf" "$documents/examples/$program.conf"
    for file in "$repository"/LICENSE-* "$repository/CHANGELOG.md" "$repository/docs/$program.md" \
        "$repository/docs/troubleshooting.md" "$repository/docs/SCALING.md" "$repository/docs/SECURITY.md"; do
        put 644 "$file" "$documents/${file##*/}"
    done
    case $program in
        camcast)
            put_options "$here/camcast/camcast.conf" "$etc/camcast/camcast.conf"
            put 644 "$here/camcast/avahi.service" "$documents/examples/avahi.service"
            put 644 "$here/camcast/logrotate" "$documents/examples/logrotate"
            ;;
        camrec)
            put 644 "$repository/docs/json.md" "$documents/json.md"
            put 644 "$here/camrec/sysusers.conf" "$prefix/lib/sysusers.d/camrec.conf"
            ;;
    esac
    folder "$etc/$program"
    [ "$what" = install ] || { folder "$documents/examples" && folder "$documents"; }
}

# What lies in /usr/local comes before what a package has put into /usr, its units too.
if [ -z "$destination" ] && [ "$what" = install ] && [ "$prefix" != /usr ]; then
    for program; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$program" 2>/dev/null)" != installed ] || {
            echo "the package $program is installed, and what is put into $prefix would hide it: \`apt remove $program\` before," \
                "or install a package of this version instead, which \`make deb\` makes" >&2
            exit 1
        }
    done
fi
for program; do
    put_program "$program"
done
if [ -z "$destination" ] && [ "$what" = install ]; then
    echo "next, as root: systemd-sysusers camrec.conf (for camrec@.service); systemctl daemon-reload; then, once its" \
        "options are in $etc/camcast/camcast.conf: systemctl enable --now camcast"
fi
