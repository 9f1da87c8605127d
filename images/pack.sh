#!/bin/sh
# Makes the images from binaries that were built on this host. Pulls nothing.
# usage: images/pack.sh [IMAGE...], by default all; TAG=latest
set -eu
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- seedbed-tracker seedbed-seeder seedbed-range seedbed seedbed-videos seedbed-network
for image; do
    context=$work/$image
    base=debian programs=
    case $image in
    seedbed) stages="server bed" ;;
    seedbed-videos) stages=videos programs="sh ffmpeg ffprobe" ;;
    seedbed-network) stages=network programs="sh tc nft ip getent cat grep sleep" ;;
    *) stages=server ;;
    esac
    if [ -n "$programs" ]; then
        base=$image-base
        # shellcheck disable=SC2086 # words on purpose
        images/tree.sh "$work/base" $programs
        tar --create --directory="$work/base" . | docker import - "$base" >/dev/null
        rm -rf "$work/base"
    fi
    if [ "$image" = seedbed-network ]; then
        mkdir -p "$context/images"
        cp -R images/network "$context/images/"
    else
        images/stage.sh "$image" "target/$target/dist" "$context/image"
    fi
    # Only the stages of this image: the context already has what the stage `build` would make.
    awk -v stages=" $stages " 'BEGIN { on = 1 } /^FROM / { on = index(stages, " " $NF " ") } on' images/Dockerfile |
        sed 's/--from=build //' >"$context/Dockerfile"
    before=$(docker image inspect --format '{{.Id}}' "$image:${TAG:-latest}" 2>/dev/null || true)
    after=$(docker build --quiet --target "${stages##* }" --tag "$image:${TAG:-latest}" \
        --build-arg BINARY="$image" --build-arg DEBIAN_IMAGE="$base" --build-arg VERSION="$version" \
        --build-arg REVISION="$revision" --build-arg SOURCE="${SOURCE:-}" "$context" 2>"$work/log") ||
        { cat "$work/log" >&2; exit 1; }
    # Removes the image that this one replaces, unless a container still uses it.
    [ -z "$before" ] || [ "$before" = "$after" ] || docker image rm "$before" >/dev/null 2>&1 || true
    # Removes the name of the base; its layers stay as long as the image does.
    [ -z "$programs" ] || docker image rm "$base" >/dev/null
    rm -rf "$context"
    docker image ls --format '{{.Repository}}:{{.Tag}}  {{.Size}}' "$image:${TAG:-latest}"
done
