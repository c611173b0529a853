#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'HELP'
Fetches the weights of FID's Inception network, 96 MB, verified by their SHA-256.

usage: fetch_inception.sh [--fidelity] [DIR]

  DIR         where the file goes (default: data/inception in this repository)
  --fidelity  take the same file from torch-fidelity's releases instead of pytorch-fid's

A file that is there already is verified and kept. Nothing half-written is ever left behind.
HELP
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work= # the directory of what has not been verified yet; see make_workspace
# shellcheck source=/dev/null
source "$here/fetch_common.sh"

readonly name=pt_inception-2015-12-05-6726825d.pth
readonly hash=6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2
readonly fid=https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/$name
readonly fidelity=https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth

url=$fid dir=
while (($# > 0)); do
    case $1 in
        --fidelity) url=$fidelity ;;
        -h | --help) usage && exit ;;
        -*) die "unknown option $1 (see --help)" ;;
        *) [[ -z $dir ]] || die "more than one directory given (see --help)" && dir=$1 ;;
    esac
    shift
done
dir=${dir:-${here%/*}/data/inception}

if ! have_all "$dir" "$name" "$hash"; then
    make_workspace "$dir"
    download "$url" "$work/$name" "try the other source (see --help), or put the file there yourself"
    install_verified "$dir" "$name" "$hash"
fi
printf 'the weights are in %s\n' "$dir/$name"
