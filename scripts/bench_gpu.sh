#!/usr/bin/env bash
# Measures the programs on a GPU: agreement with the CPU, speed, and memory over many steps.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: bench_gpu.sh --build [--dev] DIR [VARIANT ...]
       bench_gpu.sh [--smoke] [--seconds N] [--config FILE] [--batches "N ..."] [--out FILE] DIR

The first form builds the programs into DIR, one folder per VARIANT: a backend, with
features after plus signs. Default: wgpu vulkan cuda vulkan+autotune cuda+autotune.
A variant that does not build is reported and skipped. This form needs cargo. You can
copy DIR to a machine without cargo (programs with cuda need NVIDIA's libraries there,
and nvvm/libdevice of a CUDA toolkit).

The second form runs every program in DIR that this machine has a device for:
  1. PyTorch in bf16, eager and compiled, and in f32, if python3 has torch with CUDA
     and diffusers
  2. train --check-device in f32, bf16 and f16; a device that disagrees is not timed
  3. time of a forward pass, a training step and drawing, at each batch size, with
     launches, memory, and the share of the chip's own matrix rate
  4. 1000 training steps of a small network, with the memory in use along the way
It writes one Markdown file, again after each part. Autotune times kernels for minutes
at every new network or batch size: such variants run the first batch size alone, and
may use their whole share of the time.

  --dev           build with the development profile; the default is release
  --smoke         run every part with a tiny network, small batches and few steps,
                  on software rasterisers too, and with PyTorch on the CPU
  --seconds N     finish within N seconds (default 3600); skipped parts are reported
  --config FILE   the run configuration whose network is timed (default: cifar.toml in DIR)
  --batches LIST  batch sizes (default: "128 256 512 64")
  --out FILE      default: bench_gpu.md
HELP
}

fail() { echo "bench_gpu.sh: $*" >&2; exit 1; }

build=
profile=(--release)
smoke=
seconds=3600
config=
batches=()
out=bench_gpu.md
folder=
variants=()
while [ $# -gt 0 ]; do
    case $1 in
        --build) build=1 ;;
        --dev) profile=() ;;
        --smoke) smoke=1 ;;
        --seconds) seconds=${2:?--seconds needs a number}; shift ;;
        --config) config=${2:?--config needs a file}; shift ;;
        --batches) read -ra batches <<< "${2:?--batches needs numbers}"; shift ;;
        --out) out=${2:?--out needs a file}; shift ;;
        -h | --help) usage; exit ;;
        -*) usage >&2; exit 2 ;;
        *) if [ -z "$folder" ]; then folder=$1; else variants+=("$1"); fi ;;
    esac
    shift
done
[ -n "$folder" ] || { usage >&2; exit 2; }
for number in "$seconds" "${batches[@]}"; do
    [[ $number =~ ^[1-9][0-9]*$ ]] || fail "--seconds and --batches: \"$number\" is not a whole number above 0"
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The newest executable of this name in cargo's messages on standard input.
executable() { sed -n "s|.*\"executable\":\"\([^\"]*/$1\(-[0-9a-f]*\)\?\)\".*|\1|p" | tail -n 1; }

build_variant() {
    local variant=$1 features messages
    features=flex,${variant//+/,}
    echo "== $variant"
    # Programs of an earlier build would be measured as this one.
    rm -f "$folder/$variant/train" "$folder/$variant/steps"
    if ! messages=$(cd "$here/.." && cargo build "${profile[@]}" --locked -p train --bin train --bench steps \
        --no-default-features --features "$features" --message-format json-render-diagnostics); then
        echo "bench_gpu.sh: $variant does not build here and is skipped" >&2
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

[ -d "$folder" ] || fail "$folder is not a folder; make it with --build"
folder=$(cd "$folder" && pwd)
repeats=10 matrix=8192 soak=1000
torch_options=()
if [ -n "$smoke" ]; then
    config=${config:-$folder/digits.toml} repeats=1 matrix=128 soak=20
    [ ${#batches[@]} -gt 0 ] || batches=(4 8)
    torch_options=(--cpu)
fi
config=${config:-$folder/cifar.toml}
[ ${#batches[@]} -gt 0 ] || batches=(128 256 512 64)
[ -f "$config" ] || fail "$config is missing; make the folder with --build"

SECONDS=0
work=$(mktemp -d)
rows=$work/rows notes=$work/notes
touch "$rows" "$notes"

note() { echo "$*" >> "$notes"; echo "$*" >&2; }

# Runs a command for at most the given seconds, and not beyond the share of its part.
deadline=$seconds
within() {
    local limit=$1 left=$((deadline - SECONDS)) status=0; shift
    [ "$left" -lt "$limit" ] && limit=$left
    echo "no time was left" > "$work/cut"
    if [ "$limit" -le 0 ]; then return 124; fi
    echo "cut off after $limit seconds" > "$work/cut"
    # In the foreground, so that Ctrl-C reaches it too.
    timeout --foreground -k 10 "$limit" "$@" || status=$?
    return "$status"
}

# The reason for a status other than 0: 124 is timeout's own, 137 a kill.
why() {
    case $1 in
        124 | 137) cat "$work/cut" ;;
        *) tail -n 1 "$work/errors" ;;
    esac
}

# Seconds for one measurement: the second argument, or the whole share of a variant that autotunes.
limit_of() { case $1 in *autotune*) echo "$seconds" ;; *) echo "$2" ;; esac; }

# Whether the device agrees with the CPU in this type; its table goes among the notes.
agrees() {
    local variant=$1 backend=$2 type=$3 status=0
    within "$(limit_of "$variant" 90)" "$folder/$variant/train" --config "$config" --set "precision=$type" \
        --device "$backend" --check-device > "$work/check" 2> "$work/errors" || status=$?
    if [ "$status" -eq 0 ] || grep -q DIFFERS "$work/check"; then
        { echo; echo "#### $variant, $type"; echo; cat "$work/check"; } >> "$notes"
        tail -n 1 "$work/check" >&2
    else
        note "- $variant in $type was neither checked nor timed: $(why "$status")"
    fi
    return "$status"
}

time_row() {
    local variant=$1 backend=$2 type=$3 batch=$4 status=0
    within "$(limit_of "$variant" 240)" "$folder/$variant/steps" --config "$config" --device "$backend" \
        --precision "$type" --batch-size "$batch" --repeats "$repeats" --matrix "$matrix" --row \
        > "$work/row" 2> "$work/errors" || status=$?
    if [ "$status" -eq 0 ]; then
        # The description of the device does not include the compiled features.
        sed "s/^| halfstep,/| halfstep $variant,/" "$work/row" | tee -a "$rows"
    else
        note "- $variant in $type at batch $batch was not timed: $(why "$status")"
    fi
}

time_soak() {
    local variant=$1 backend=$2 status=0
    within "$(limit_of "$variant" 60)" "$folder/$variant/steps" --config "$folder/digits.toml" --device "$backend" \
        --batch-size 64 --soak "$soak" > "$work/soak" 2> "$work/errors" || status=$?
    { echo; echo "#### $variant, memory over $soak steps"; echo; sed 's/^/    /' "$work/soak"; } >> "$notes"
    [ "$status" -eq 0 ] || note "- $variant: fewer than $soak steps were taken: $(why "$status")"
}

# An autotuned variant is timed in each type as soon as it agrees, at one batch size, so that the first results
# survive a lack of time.
time_variant() {
    local variant=$1 backend=${1%%+*} type batch types=()
    case $variant in
        *autotune*)
            for type in bf16 f16 f32; do
                if agrees "$variant" "$backend" "$type"; then
                    time_row "$variant" "$backend" "$type" "${batches[0]}"
                fi
            done
            ;;
        *)
            for type in f32 bf16 f16; do
                if agrees "$variant" "$backend" "$type"; then types+=("$type"); fi
            done
            for batch in "${batches[@]}"; do
                for type in "${types[@]}"; do time_row "$variant" "$backend" "$type" "$batch"; done
            done
            ;;
    esac
    time_soak "$variant" "$backend"
}

time_torch() {
    local flops status=0
    if ! "$any" --config "$config" --save "$work/model" > /dev/null 2> "$work/errors" \
        || ! flops=$("$any" --config "$config" --flops 2> "$work/errors"); then
        note "- PyTorch was not timed: $(tail -n 1 "$work/errors")"
        return
    fi
    within 600 python3 "$here/bench_gpu_torch.py" --model "$work/model" --batches "${batches[*]}" \
        --repeats "$repeats" --matrix "$matrix" --flops "$flops" "${torch_options[@]}" \
        > "$work/torch" 2> "$work/errors" || status=$?
    grep '^| PyTorch' "$work/torch" | tee -a "$rows" || true
    [ "$status" -eq 0 ] || note "- PyTorch was not timed completely: $(why "$status")"
}

write_report() {
    {
        echo "# Benchmark of $(basename "$config" .toml)'s network"
        echo
        echo "$(date -u +%Y-%m-%d), $chip, $(nproc) cores; ${SECONDS} seconds of $seconds."
        echo
        echo "$titles"
        cat "$rows"
        echo
        echo "Share of the matrix rate: the multiplications and additions per second of the training step (the"
        echo "network's convolutions, linear layers and attention; the backward pass counts twice the forward pass),"
        echo "divided by those of a product of two ${matrix}x${matrix} matrices in the same type and program."
        echo
        echo "## Checks and notes"
        cat "$notes"
    } > "$out"
}

found=()
for program in "$folder"/*/steps; do
    [ -x "$program" ] && found+=("$(basename "$(dirname "$program")")")
done
[ ${#found[@]} -gt 0 ] || fail "$folder holds no programs; make it with --build"

any=$folder/${found[0]}/steps
titles=$("$any" --row titles)
chip=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null || echo "no nvidia-smi")
# Ctrl-C keeps what has been measured.
trap 'write_report; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "$titles"
parts=$((${#found[@]} + 1)) part=0
for variant in torch "${found[@]}"; do
    # Each remaining part gets an equal share of the remaining time.
    deadline=$((SECONDS + (seconds - SECONDS) / (parts - part)))
    case $variant in
        torch) time_torch ;;
        *) time_variant "$variant" ;;
    esac
    write_report
    part=$((part + 1))
done
echo "written: $out (${SECONDS} s)"
