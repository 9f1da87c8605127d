#!/usr/bin/env bash
# Starts a bed from the all-in-one image and writes its URLs to $GITHUB_OUTPUT: what `action.yml` runs.
#
# Inputs: IMAGE, NAME, NAMESPACE, CONTENT (a directory, or empty), PORT_OFFSET, BIND, TIMEOUT (seconds).
set -euo pipefail

fail() { # MESSAGE
    echo "::error::$1"
    exit 1
}

[[ $PORT_OFFSET =~ ^[0-9]+$ ]] || fail "wanted a port offset in decimal, got \"$PORT_OFFSET\""
[[ $TIMEOUT =~ ^[0-9]+$ ]] || fail "wanted a time-out in seconds, got \"$TIMEOUT\""

# The runner's own network: the URLs are those of `seedbed up`, for steps, browsers and containers
# that share it.
run=(docker run --detach --name "$NAME" --network host --read-only --cap-drop ALL
    --security-opt no-new-privileges)
up=(up --bind "$BIND" --port-offset "$PORT_OFFSET")
if [ -n "$NAMESPACE" ]; then
    up+=(--namespace "$NAMESPACE")
fi
if [ -n "$CONTENT" ]; then
    [ -d "$CONTENT" ] || fail "wanted a content directory, got \"$CONTENT\""
    run+=(--volume "$(realpath "$CONTENT"):/content:ro")
    up+=(--content /content)
fi
"${run[@]}" "$IMAGE" "${up[@]}" >/dev/null || fail "failed to start $IMAGE"

# The last line that a bed prints is `ready`; the log of one that fails ends without it.
is_ready() {
    local line
    while IFS= read -r line; do
        echo "$line"
        [ "$line" != ready ] || return 0
    done < <(timeout "$TIMEOUT" docker logs --follow "$NAME" 2>&1)
    return 1
}
if ! is_ready; then
    docker rm --force "$NAME" >/dev/null
    fail "the bed was not ready within $TIMEOUT s: see its log above"
fi

host=$BIND
case $host in
0.0.0.0 | :: | "") host=127.0.0.1 ;;
*:*) host="[$host]" ;;
esac
{
    echo "container=$NAME"
    echo "tracker-url=http://$host:$((8000 + PORT_OFFSET))"
    echo "announce-url=http://$host:$((8000 + PORT_OFFSET))/announce"
    echo "udp-announce-url=udp://$host:$((8000 + PORT_OFFSET))"
    echo "seeder-url=http://$host:$((3001 + PORT_OFFSET))"
    echo "range-url=http://$host:$((3002 + PORT_OFFSET))"
} >>"$GITHUB_OUTPUT"
