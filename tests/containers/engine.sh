#!/bin/sh
# Sees to it that a container engine answers: starts dockerd by hand where nothing else does.
set -eu
answers() { docker info >/dev/null 2>&1; }

answers && exit 0
[ "$(id -u)" = 0 ] || exec sudo "$0"
if [ -d /run/systemd/system ]; then
    systemctl start docker
else
    log=/var/log/dockerd.log
    echo "starting dockerd, whose log is $log"
    setsid dockerd >"$log" 2>&1 </dev/null &
    # It answers, or it ends.
    until answers; do
        kill -0 $! 2>/dev/null || { tail -n 20 "$log" >&2; exit 1; }
        sleep 0.1
    done
fi
answers
