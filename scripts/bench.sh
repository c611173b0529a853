#!/usr/bin/env bash
# Benchmarks of the parts and of whole steps, on this machine.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: bench.sh [--release] [MODEL]

Times the preparation of batches on the host, and the operations of crates/ops
against Burn's. Then times forward, training, distillation and sampling steps of MODEL
(default: runs/digits/teacher).

  --release  build with the release profile, which builds Burn again; the default
             is the development profile that `cargo run` uses

Against PyTorch: python scripts/compare_pytorch.py
HELP
}

profile=(--profile dev)
model=
for argument in "$@"; do
    case $argument in
        --release) profile=() ;;
        -h | --help) usage; exit ;;
        -*) usage >&2; exit 2 ;;
        *) model=$argument ;;
    esac
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=${model:-runs/digits/teacher}
if [ ! -d "$model/unet" ]; then
    echo "bench.sh: $model is not a model folder; train one first (see README.md), or name another" >&2
    exit 1
fi

cargo bench --workspace "${profile[@]}" --bench 'host' --bench 'conv2d' --bench 'group_norm' --bench 'attention'
cargo bench --workspace "${profile[@]}" --bench steps -- --model "$PWD/${model#"$PWD"/}"
