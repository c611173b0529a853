#!/usr/bin/env bash
# All checks of a commit, cheapest first. CI runs the same script.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: check.sh [--fast]

Runs, cheapest first: cargo fmt, shellcheck and cargo deny (if installed), whether each
program alone builds the same dependencies as the workspace, clippy and documentation
with warnings as errors, and all tests.

  --fast  stop before the tests
HELP
}

fast=
for argument in "$@"; do
    case $argument in
        --fast) fast=1 ;;
        -h | --help) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check

if command -v shellcheck > /dev/null; then
    step "shellcheck"
    shellcheck scripts/*.sh .ci/run
fi

if command -v cargo-deny > /dev/null; then
    step "dependencies: licences, duplicates, sources"
    cargo deny --log-level error check bans licenses sources
    # The advisory database is a repository on GitHub, which some machines cannot reach.
    if cargo deny --log-level off fetch db > /dev/null 2>&1; then
        cargo deny --log-level error check advisories
    else
        echo "advisories: not checked, because their database cannot be reached"
    fi
fi

# Cargo unites the features of everything built together. Features that only tests need are ignored here.
step "features: what a program builds alone is what the workspace builds"
features() {
    cargo tree --locked --edges normal,build --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//' | sort -u
}
together=$(features --workspace)
for program in train sample eval halfstep; do
    alone=$(features -p "$program")
    twice=$(comm -23 <(echo "$alone") <(echo "$together"))
    if [ -n "$twice" ]; then
        printf 'cargo build -p %s builds these again: give the workspace their features\n%s\n' "$program" "$twice" >&2
        exit 1
    fi
done

step "clippy"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

if [ -z "$fast" ]; then
    step "tests"
    cargo test --workspace --locked
fi
