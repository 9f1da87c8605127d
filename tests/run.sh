#!/usr/bin/env bash
# Runs every check and every test, and ends with one line: `N passed, N failed, N skipped`.
#
# A check that cannot be had here is printed and counted as skipped; everything else fails.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "check $name ... ok"
    else
        failed=$((failed + 1))
        cat "$log"
        echo "check $name ... FAILED"
    fi
}

skip() { # NAME REASON
    skipped=$((skipped + 1))
    echo "check $1 ... skipped: $2"
}

check fmt cargo fmt --all --check
check clippy cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
check doc env RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
check deny "$DENY" --locked check bans licenses sources
if "$DENY" --locked fetch db >"$log" 2>&1; then
    check advisories "$DENY" --locked check advisories
else
    skip advisories "the advisory database cannot be fetched"
fi
check manifests tests/manifests.sh
check manifests-refused tests/manifests_refused.sh
command -v kubectl >/dev/null || skip manifests-rendered "kubectl is missing"

# The tests that cargo ignores need netem in the kernel.
ignored=()
if docker run --rm --cap-add NET_ADMIN seedbed-network supports | grep -qx 'netem yes'; then
    ignored=(-- --include-ignored)
fi

# Not --quiet: the name of a test that hangs must be on the screen. The tracker's other engine is a
# feature, and so has a build and a run of its own.
if ! { cargo test --locked --workspace --no-fail-fast "${ignored[@]}"; tests=$?; make --silent test-aquatic && exit $tests; } 2>&1 | tee "$log"; then
    # A failed build leaves no count of failed tests behind it.
    grep -q '^test result: FAILED' "$log" || failed=$((failed + 1))
fi
while read -r run_passed run_failed run_ignored; do
    passed=$((passed + run_passed)) failed=$((failed + run_failed)) skipped=$((skipped + run_ignored))
done < <(sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed; \([0-9]*\) ignored;.*/\1 \2 \3/p' "$log")

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
