#!/bin/sh
# Builds static binaries as images hold them, on the host or in the build stage of an image.
# usage: images/build.sh [BINARY...], by default all
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- seedbed seedbed-range seedbed-seeder seedbed-tracker seedbed-videos
for binary; do
    set -- "$@" --package "$binary"
    shift
done
target=$(rustc -vV | sed -n 's/^host: //p')
# Relocations are packed: unpacked they take 0.3 MB.
RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C strip=symbols" \
    cargo build --quiet --locked --profile dist --target "$target" "$@"
