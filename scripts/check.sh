#!/usr/bin/env bash
# Everything that must hold before a commit, cheapest first. People and CI run the same.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: check.sh [--fast]

Runs, cheapest first: cargo fmt, shellcheck and cargo deny (if installed), whether the
programs build the same dependencies alone as together, clippy with warnings as errors,
the documentation with warnings as errors, all tests.

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
    # The list is a repository on GitHub, which not every machine reaches.
    if cargo deny --log-level off fetch db > /dev/null 2>&1; then
        cargo deny --log-level error check advisories
    else
        echo "advisories: not checked, their database cannot be reached from here"
    fi
fi

# Cargo unites the features of all that is built together. What tests alone ask for is left out.
step "features: what a program builds alone is what the workspace builds"
features() {
    cargo tree --locked --edges normal,build --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//' | sort -u
}
together=$(features --workspace)
for program in train sample eval; do
    alone=$(features -p "$program")
    twice=$(comm -23 <(echo "$alone") <(echo "$together"))
    if [ -n "$twice" ]; then
        printf 'cargo build -p %s builds these once more: give the workspace their features\n%s\n' "$program" "$twice" >&2
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
