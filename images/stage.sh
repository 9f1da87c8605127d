#!/bin/sh
# Lays out the files of an image: DESTINATION/root becomes its root, DESTINATION/content belongs to
# its user.
# usage: images/stage.sh BINARY DIRECTORY-OF-BINARIES DESTINATION
set -eu
binary=$1 from=$2 to=$3
cd "$(dirname "$0")/.."
mkdir -p "$to/root/bin" "$to/content/videos"
cp "$from/$binary" "$to/root/bin/"
# The name in ENTRYPOINT and HEALTHCHECK, and the names that compose files use for health checks.
for name in entrypoint wget curl sh; do
    ln -s "$binary" "$to/root/bin/$name"
done
case $binary in
seedbed)
    [ -e videos/out/test-small-720p.mp4 ] || { echo "videos/out is empty: run make videos" >&2; exit 1; }
    cp -R videos/out/* "$to/content/videos/"
    # No pattern matches a name that begins with a dot.
    [ -d videos/out/.hls ] || { echo "videos/out has no .hls: run make videos" >&2; exit 1; }
    cp -R videos/out/.hls "$to/content/videos/"
    ;;
seedbed-videos)
    mkdir -p "$to/root/etc/seedbed"
    cp videos/catalog.toml videos/lock.toml "$to/root/etc/seedbed/"
    ;;
esac
