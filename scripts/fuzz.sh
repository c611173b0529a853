#!/usr/bin/env bash
# Runs the fuzz targets, one after another.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: fuzz.sh [--small] [--seconds N] [TARGET ...]

Fuzzes every target of fuzz/ (or the named ones) for N seconds each (default 60), from its
seeds and the inputs of earlier runs, and stops at the first finding. Needs
`cargo install cargo-fuzz`, a C++ compiler, and Linux; a stable toolchain is enough.

  --small  only the targets without Burn, which takes half an hour to build
HELP
}

# Those of the data crate, built without the fuzz crate's default feature.
without_burn=(archive cifar deb gzip idx picture)

seconds=60
targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --small) targets+=("${without_burn[@]}") ;;
        --seconds) seconds=${2:?--seconds needs a number}; shift ;;
        -h | --help) usage; exit ;;
        -*) usage >&2; exit 2 ;;
        *) targets+=("$1") ;;
    esac
    shift
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v cargo-fuzz > /dev/null; then
    echo "fuzz.sh: cargo-fuzz was not found; install it with: cargo install cargo-fuzz" >&2
    exit 1
fi
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(cargo fuzz list)
fi

# The sanitiser is a flag of nightly compilers; this makes a stable one accept it.
export RUSTC_BOOTSTRAP=1
# The sanitiser holds back freed memory to find its use after free: 256 MiB by default, which would hide
# how much a parser takes.
export ASAN_OPTIONS=quarantine_size_mb=8
# Some targets write files for each input; keep them in memory if possible.
if [ -z "${TMPDIR:-}" ] && [ -d /dev/shm ]; then export TMPDIR=/dev/shm; fi

# Per target: the longest input in bytes, and the limits in MiB of one allocation and of the process.
limits() {
    case $1 in
        cifar) echo 12000 4 256 ;;   # a few records
        deb) echo 4096 17 256 ;;     # the xz decoder takes what a package claims, up to 16 MiB
        # 4096 bytes may decode to 128 MiB (MOST_PER_BYTE); then comes a copy of another type
        picture) echo 4096 129 768 ;;
        model_weights) echo 20000 4 512 ;; # the weights of the smallest network take 18084 bytes
        # a schedule of a million levels, the largest that is accepted
        model_folder | scheduler_config) echo 4096 64 512 ;;
        *) echo 4096 4 256 ;;
    esac
}

for target in "${targets[@]}"; do
    printf '\n== %s\n' "$target"
    read -r length allocation resident < <(limits "$target")
    features=()
    if [[ " ${without_burn[*]} " == *" $target "* ]]; then features=(--no-default-features); fi
    mkdir -p "fuzz/corpus/$target"
    cargo fuzz run "${features[@]}" "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -max_len="$length" -malloc_limit_mb="$allocation" \
        -rss_limit_mb="$resident" -timeout=20 -print_final_stats=1
done
