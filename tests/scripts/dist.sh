#!/bin/bash
# dist.sh: the tarball of `packaging/dist.sh` builds without a network and without what cargo keeps at home, and is installed from there.
#   PROFILE=release   as released, with all of its time (dev)
set -euo pipefail
cd "$(dirname "$0")/../.."
packaging/dist.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
profile=${PROFILE:-dev}
tar -x -C "$work" -f target/dist/camcast-*.tar.xz
tree=$(echo "$work"/camcast-*)
for file in Cargo.lock README.md LICENSE-MIT LICENSE-APACHE docs/RELEASE.md man/camcast.8 .cargo/config.toml; do
    [ -f "$tree/$file" ] || { echo "dist.sh: the tarball has no $file" && exit 1; }
done
# a network namespace with nothing in it
# shellcheck disable=SC2016 # the inner shell expands it
unshare --user --map-root-user --net env CARGO_HOME="$work/home" CARGO_TARGET_DIR="$work/target" \
    bash -euc 'cd "$1" && cargo build --quiet --locked --offline --bins --profile "$2"' _ "$tree" "$profile"
built=$work/target/${profile/#dev/debug}
DESTDIR=$work/root BIN_DIR=$built "$tree/packaging/install.sh" install
"$work/root/usr/local/bin/camrec" --version
echo "dist: $(du -h target/dist/*.tar.xz | cut -f 1)B builds without a network"
