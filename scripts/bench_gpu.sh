#!/usr/bin/env bash
# What a GPU does with the programs: does it agree with the CPU, how fast is it, does memory stay flat.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: bench_gpu.sh --build [--dev] DIR [VARIANT ...]
       bench_gpu.sh [--smoke] [--seconds N] [--out FILE] DIR

The first form builds the programs into DIR, one folder a variant: a backend, with
features after plus signs. Default: wgpu vulkan cuda vulkan+autotune cuda+autotune.
What cannot be built is said and left out. It needs cargo; DIR can then go to a
machine that has none.

The second form runs everything in DIR that this machine has a device for:
  1. train --check-device in f32, bf16 and f16; what disagrees is not timed
  2. time of a forward pass, a training step and drawing, at batches 64 to 512,
     with launches, memory, and the share of the chip's own matrix rate
  3. 1000 training steps of a small network, and the memory held along the way
  4. PyTorch in bf16, eager and compiled, and in f32, if python3 has torch with CUDA
     and diffusers
and writes one Markdown file.

  --dev        build with the development profile; the default is release
  --smoke      a tiny network, small batches, few steps: is every line in order?
               It takes software rasterisers, and PyTorch on the CPU.
  --seconds N  be done after so long (default 3600); what no time was left for is said. Without
               autotune minutes are enough; with it, a network is tuned for minutes the first time
  --out FILE   default: bench_gpu.md
HELP
}

fail() { echo "bench_gpu.sh: $*" >&2; exit 1; }

build=
profile=(--release)
smoke=
seconds=3600
out=bench_gpu.md
folder=
variants=()
while [ $# -gt 0 ]; do
    case $1 in
        --build) build=1 ;;
        --dev) profile=() ;;
        --smoke) smoke=1 ;;
        --seconds) seconds=${2:?--seconds needs a number}; shift ;;
        --out) out=${2:?--out needs a file}; shift ;;
        -h | --help) usage; exit ;;
        -*) usage >&2; exit 2 ;;
        *) if [ -z "$folder" ]; then folder=$1; else variants+=("$1"); fi ;;
    esac
    shift
done
[ -n "$folder" ] || { usage >&2; exit 2; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The newest executable of the name that cargo's messages on standard input tell of.
executable() { sed -n "s|.*\"executable\":\"\([^\"]*/$1\(-[0-9a-f]*\)\?\)\".*|\1|p" | tail -n 1; }

build_variant() {
    local variant=$1 features messages
    features=flex,${variant//+/,}
    echo "== $variant"
    if ! messages=$(cd "$here/.." && cargo build "${profile[@]}" --locked -p train --bin train --bench steps \
        --no-default-features --features "$features" --message-format json-render-diagnostics); then
        echo "bench_gpu.sh: $variant does not build here and is left out" >&2
        return 0
    fi
    mkdir -p "$folder/$variant"
    cp "$(executable train <<< "$messages")" "$folder/$variant/train"
    cp "$(executable steps <<< "$messages")" "$folder/$variant/steps"
}

if [ -n "$build" ]; then
    [ ${#variants[@]} -gt 0 ] || variants=(wgpu vulkan cuda vulkan+autotune cuda+autotune)
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    for variant in "${variants[@]}"; do build_variant "$variant"; done
    cp "$here/../configs/cifar.toml" "$here/../configs/digits.toml" "$folder"
    cp "$here/bench_gpu.sh" "$here/bench_gpu_torch.py" "$folder"
    echo "built: bash $folder/bench_gpu.sh $folder"
    exit
fi

[ -d "$folder" ] || fail "$folder is no folder; make it with --build"
folder=$(cd "$folder" && pwd)
config=$folder/cifar.toml batches=(128 256 512 64) repeats=10 matrix=8192 soak=1000
torch_options=()
if [ -n "$smoke" ]; then
    config=$folder/digits.toml batches=(4 8) repeats=1 matrix=128 soak=20
    torch_options=(--cpu)
fi
[ -f "$config" ] || fail "$config is missing; make the folder with --build"

SECONDS=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rows=$work/rows notes=$work/notes
touch "$rows" "$notes"

note() { echo "$*" >> "$notes"; echo "$*" >&2; }

# Runs a command for at most so many seconds, less if the share of its part ends before.
deadline=$seconds
within() {
    local limit=$1 left=$((deadline - SECONDS)); shift
    [ "$left" -lt "$limit" ] && limit=$left
    if [ "$limit" -le 0 ]; then return 124; fi
    timeout "$limit" "$@"
}

# How long one measurement of a variant may take, if this many seconds are enough without autotune: that times
# kernels for minutes when it first meets a network, and keeps what it found.
patience() { case $1 in *autotune*) echo 900 ;; *) echo "$2" ;; esac; }

# What a status other than 0 meant.
why() { if [ "$1" -eq 124 ]; then echo "no time was left"; else tail -n 1 "$work/errors"; fi; }

# Whether the device agrees with the CPU in this type; its table goes among the notes.
agrees() {
    local variant=$1 backend=$2 type=$3 status=0
    within "$(patience "$variant" 90)" "$folder/$variant/train" --config "$config" --set "precision=$type" \
        --device "$backend" --check-device > "$work/check" 2> "$work/errors" || status=$?
    if [ "$status" -eq 0 ] || grep -q DIFFERS "$work/check"; then
        { echo; echo "#### $variant, $type"; echo; cat "$work/check"; } >> "$notes"
        tail -n 1 "$work/check" >&2
    else
        note "- $variant in $type was not checked, nor timed: $(why "$status")"
    fi
    return "$status"
}

time_variant() {
    local variant=$1 backend=${1%%+*} type batch status types=()
    for type in f32 bf16 f16; do
        if agrees "$variant" "$backend" "$type"; then types+=("$type"); fi
    done
    for batch in "${batches[@]}"; do
        for type in "${types[@]}"; do
            status=0
            within "$(patience "$variant" 60)" "$folder/$variant/steps" --config "$config" --device "$backend" \
                --precision "$type" --batch-size "$batch" --repeats "$repeats" --matrix "$matrix" --row \
                > "$work/row" 2> "$work/errors" || status=$?
            if [ "$status" -eq 0 ]; then
                # The description of the device does not say what was compiled in.
                sed "s/^| halfstep,/| halfstep $variant,/" "$work/row" | tee -a "$rows"
            else
                note "- $variant in $type at batch $batch was not timed: $(why "$status")"
            fi
        done
    done
    status=0
    within "$(patience "$variant" 60)" "$folder/$variant/steps" --config "$folder/digits.toml" --device "$backend" \
        --batch-size 64 --soak "$soak" > "$work/soak" 2> "$work/errors" || status=$?
    { echo; echo "#### $variant, memory over $soak steps"; echo; sed 's/^/    /' "$work/soak"; } >> "$notes"
    [ "$status" -eq 0 ] || note "- $variant: not all $soak steps were taken: $(why "$status")"
}

time_torch() {
    local status=0
    within 600 python3 "$here/bench_gpu_torch.py" --model "$work/model" --batches "${batches[*]}" \
        --repeats "$repeats" --matrix "$matrix" --flops "$1" "${torch_options[@]}" \
        > "$work/torch" 2> "$work/errors" || status=$?
    grep '^| PyTorch' "$work/torch" | tee -a "$rows" || true
    [ "$status" -eq 0 ] || note "- PyTorch was not timed, or not all of it: $(why "$status")"
}

found=()
for program in "$folder"/*/steps; do
    [ -x "$program" ] && found+=("$(basename "$(dirname "$program")")")
done
[ ${#found[@]} -gt 0 ] || fail "$folder holds no programs; make it with --build"

any=$folder/${found[0]}/steps
titles=$("$any" --row titles)
echo "$titles"
parts=$((${#found[@]} + 1)) done=0
for variant in "${found[@]}"; do
    # An equal share of what is left for everyone still to come.
    deadline=$((SECONDS + (seconds - SECONDS) / (parts - done)))
    time_variant "$variant"
    done=$((done + 1))
done
deadline=$seconds
"$any" --config "$config" --save "$work/model"
time_torch "$("$any" --config "$config" --flops)"

chip=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null || echo "no nvidia-smi")
{
    echo "# Benchmark of $(basename "$config" .toml)'s network"
    echo
    echo "$(date -u +%Y-%m-%d), $chip, $(nproc) cores; ${SECONDS} seconds of $seconds."
    echo
    echo "$titles"
    cat "$rows"
    echo
    echo "Share of the matrix rate: multiplications and additions of the network's convolutions, linear layers"
    echo "and attention, forward and twice that backward, over the training step's time, against a product of"
    echo "two ${matrix}x${matrix} matrices in the same type and program."
    echo
    echo "## Checks and notes"
    cat "$notes"
} > "$out"
echo "written: $out (${SECONDS} s)"
