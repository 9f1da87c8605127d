#!/usr/bin/env bash
# Starts a bed from the all-in-one image and writes its URLs to $GITHUB_OUTPUT. `action.yml` runs it.
#
# Inputs: IMAGE, NAME, NAMESPACE, CONTENT (a directory, or empty), PORT_OFFSET, BIND, TIMEOUT (seconds).
set -euo pipefail

container=""
fail() { # MESSAGE
    [ -z "$container" ] || docker rm --force "$container" >/dev/null
    echo "::error::$1"
    exit 1
}

[[ $PORT_OFFSET =~ ^[0-9]+$ ]] || fail "wanted a port offset in decimal, got \"$PORT_OFFSET\""
[[ $TIMEOUT =~ ^[0-9]+$ ]] || fail "wanted a time-out in seconds, got \"$TIMEOUT\""

# The bed shares the runner's network, so its URLs are those of `seedbed up` for all steps. Settings are
# environment variables, so that the image's health check has them too.
create=(docker create --name "$NAME" --network host --read-only --cap-drop ALL
    --security-opt no-new-privileges --env "SEEDBED_BIND=$BIND" --env "SEEDBED_PORT_OFFSET=$PORT_OFFSET")
if [ -n "$NAMESPACE" ]; then
    create+=(--env "SEEDBED_NAMESPACE=$NAMESPACE")
fi
if [ -n "$CONTENT" ]; then
    [ -d "$CONTENT" ] || fail "wanted a content directory, got \"$CONTENT\""
    create+=(--volume "$(realpath "$CONTENT"):/content:ro" --env SEEDBED_CONTENT=/content)
fi
container=$("${create[@]}" "$IMAGE") || fail "failed to make a container of $IMAGE: see above"
docker start "$container" >/dev/null || fail "failed to start $IMAGE: see above"

# A bed prints `ready` when it is up. If it fails, its last log line is the reason.
exec 3< <(exec timeout "$TIMEOUT" docker logs --follow "$container" 2>&1)
logs=$!
line="" last="it printed nothing"
while [ "$line" != ready ] && IFS= read -r line <&3; do
    echo "$line"
    case $line in
    "" | "For more information"*) ;;
    *) last=$line ;;
    esac
done
if [ "$line" != ready ]; then
    code=0
    wait "$logs" || code=$?
    [ "$code" -ne 124 ] || fail "the bed was not ready within $TIMEOUT s"
    fail "the bed failed to start: $last"
fi
kill "$logs" 2>/dev/null || true

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
