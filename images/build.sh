#!/bin/sh
# Builds the static binaries for the images, on the host or in an image's build stage.
# usage: images/build.sh [BINARY...], by default all
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- seedbed seedbed-range seedbed-seeder seedbed-tracker seedbed-videos
target=$(rustc -vV | sed -n 's/^host: //p')
# Unpacked relocations would take 0.3 MB.
export RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C strip=symbols"
build() {
    cargo build --quiet --locked --profile dist --target "$target" "$@"
}

# TLS takes more than the images of the single servers have left below their limits, so only the all-in-one
# binary has it. One build of all would give it to all: cargo unites the features of what it builds together.
small=
for binary; do
    case $binary in
        seedbed) build --package "$binary" ;;
        *) small="$small --package $binary" ;;
    esac
done
# shellcheck disable=SC2086  # a list
[ -z "$small" ] || build --no-default-features $small
