#!/usr/bin/env bash
# Breaks a copy of every kind of file that tests/manifests.sh validates, and sees each of them refused.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# shellcheck disable=SC2046 # names without spaces
cp --parents -R $(git ls-files --cached --others --exclude-standard .github action.yml compose deploy images '*.sh' '*/drop_in/*') "$copy"
# As it is, the copy is good.
git -C "$copy" init --quiet
tests/manifests.sh "$copy"

failed=0
spoil() { # FILE SED-SCRIPT
    sed -i "$2" "$copy/$1"
    ! cmp -s "$1" "$copy/$1" || { echo "$1 has nothing that \"$2\" changes"; exit 1; }
}
spoil deploy/kubernetes/tracker.yaml 's/^  replicas: 1/  replicas: one-replica/'
spoil deploy/kubernetes/range.yaml 's/^      automountServiceAccountToken/      surplusProperty/'
spoil deploy/kubernetes/videos/seeder.yaml 's/allowPrivilegeEscalation/surplusInPatch/'
spoil compose/compose.yaml 's/^    depends_on:/    depends_onn:/'
spoil deploy/swarm/stack.yaml 's/endpoint_mode/endpoint_mood/'
spoil .github/workflows/release.yml 's/timeout-minutes: 60/timeout-minutez: 60/'
spoil .github/workflows/release.yml 's/target: network/target: surplus-target/'
spoil .github/workflows/test.yml 's/@[0-9a-f]\{40\}.*/@v-not-pinned/'
spoil action.yml 's/using: composite/using: surplus-runner/'
# shellcheck disable=SC2016 # for the script to expand
printf '#!/bin/sh\nrm $unquoted_word\n' >"$copy/wrong.sh"

log=$copy/log
if tests/manifests.sh "$copy" >"$log" 2>&1; then
    echo "broken files passed"
    exit 1
fi
words=(one-replica surplusProperty depends_onn endpoint_mood timeout-minutez surplus-target v-not-pinned
    surplus-runner unquoted_word)
# Patches are validated as part of what they make.
! command -v kubectl >/dev/null || words+=(surplusInPatch)
for word in "${words[@]}"; do
    grep -q "$word" "$log" || { failed=1; echo "$word was not refused"; }
done
[ "$failed" -eq 0 ] || cat "$log"
exit "$failed"
