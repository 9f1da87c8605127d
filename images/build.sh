#!/bin/sh
# Builds the static binaries for the images, on the host or in an image's build stage.
# usage: images/build.sh [BINARY...], by default all
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- seedbed seedbed-range seedbed-seeder seedbed-tracker seedbed-videos
for binary; do
    set -- "$@" --package "$binary"
    shift
done
target=$(rustc -vV | sed -n 's/^host: //p')
# Unpacked relocations would take 0.3 MB.
RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C strip=symbols" \
    cargo build --quiet --locked --profile dist --target "$target" "$@"
