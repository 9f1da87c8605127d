#!/usr/bin/env bash
# Makes the stock videos with several builds of ffmpeg, and compares each with videos/lock.toml.
#
#   matrix.sh SEEDBED_VIDEOS "FFMPEG..." [NAME...]
#
# Prints a table, and fails if a video differs. With NO_SIMD=1, hides the vector extensions of the
# CPU from the encoders.
set -euo pipefail
cd "$(dirname "$0")/../../.."
videos=$1 ffmpegs=$2
shift 2

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
wrong=0 count=$#
[ "$count" -gt 0 ] || count=$(grep -c '^\[\[video]]' videos/catalog.toml)
# The flag is for the code of ffmpeg, the parameter for x264, and the variable for libvpx.
cat >"$scratch/without-simd" <<'EOF'
#!/usr/bin/env bash
arguments=("${@/cpu-independent=1/cpu-independent=1:asm=0}")
[[ $* == *-cpuflags* ]] || arguments=(-cpuflags 0 "${arguments[@]}")
VPX_SIMD_CAPS_MASK=0 exec "$FFMPEG" "${arguments[@]}"
EOF
chmod +x "$scratch/without-simd"
for ffmpeg in $ffmpegs; do
    version=$("$ffmpeg" -version | sed -n '1s/ffmpeg version n\{0,1\}\([^ ]*\).*/\1/p')
    FFMPEG=$(realpath "$(command -v "$ffmpeg")")
    export FFMPEG
    [ -z "${NO_SIMD:-}" ] || ffmpeg=$scratch/without-simd version+=" without SIMD"
    cp videos/lock.toml "$scratch/lock.toml"
    begun=$SECONDS
    "$videos" generate --ffmpeg "$ffmpeg" --lock "$scratch/lock.toml" --out "$scratch/out" "$@" \
        >"$scratch/log" || { cat "$scratch/log"; exit 1; }
    took=$((SECONDS - begun))
    # One line for each video: `ok NAME ...` or `failed NAME: ...`.
    "$videos" verify --out "$scratch/out" "$@" >"$scratch/verified" 2>"$scratch/log" || true
    [ "$(wc -l <"$scratch/verified")" = "$count" ] || { cat "$scratch/log"; exit 1; }
    while read -r verdict name rest; do
        name=${name%:}
        if [ "$verdict" = ok ]; then
            verdict=same
        else
            verdict=DIFFERS wrong=$((wrong + 1))
            echo "$version $name $rest" >&2
        fi
        printf '%-28s %-20s %s\n' "$version" "$name" "$verdict"
    done <"$scratch/verified"
    printf '%-28s %-20s %d s\n' "$version" "all" "$took"
    rm -r "$scratch/out"
done
[ "$wrong" = 0 ] || { echo "$wrong videos differ" >&2; exit 1; }
