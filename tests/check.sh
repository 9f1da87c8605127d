#!/bin/sh
# Checks what a change needs before its first review, in under two minutes in a built tree: format,
# clippy, docs, and the tests that need neither containers nor programs besides Rust's own.
# `make test` runs everything.
set -eu
cd "$(dirname "$0")/.."

# Every suite but those that need other programs: real clients, browsers, ffmpeg.
suites=""
for main in bins/*/tests/*/main.rs crates/*/tests/*/main.rs; do
    suite=$(basename "$(dirname "$main")")
    case $suite in
    crosscheck | it | players | seeder | videos) ;;
    *) suites="$suites --test $suite" ;;
    esac
done

cargo fmt --all --check
cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
# The tests start the servers of this build.
cargo build --locked --workspace --quiet
# One call for all suites: a call for each package would build dependencies again with other features.
# Some modules within these suites start real clients too, or load a server for long.
# shellcheck disable=SC2086 # words on purpose
cargo test --locked --workspace --quiet --lib --bins $suites -- \
    --skip real_clients:: --skip load:: --skip stress::
