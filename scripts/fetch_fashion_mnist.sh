#!/usr/bin/env bash
set -euo pipefail

usage() {
    cat <<'HELP'
Fetches Fashion-MNIST: four idx files, each verified by its SHA-256 (of the content, gzip removed).

usage: fetch_fashion_mnist.sh [--debian] [DIR]

  DIR       where the files go (default: data/fashion_mnist in this repository)
  --debian  take them from the Debian package dataset-fashion-mnist instead of the
            authors' server; needs apt-get and dpkg-deb, but not root: nothing is installed

Files that are there already are verified and kept. Nothing half-written is ever left behind.
HELP
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work= # the directory of what has not been verified yet; see make_workspace
# shellcheck source=/dev/null
source "$here/fetch_common.sh"

readonly base_url=http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
readonly package=dataset-fashion-mnist
readonly files=(
    train-images-idx3-ubyte c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
    train-labels-idx1-ubyte bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
    t10k-images-idx3-ubyte 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
    t10k-labels-idx1-ubyte 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34
)

from_debian() {
    need apt-get
    need dpkg-deb
    printf 'downloading the Debian package %s\n' "$package"
    # As root, apt would like to download as its own user, who may not write here: a mere warning.
    (cd "$work" && apt-get download -qq "$package" -o APT::Sandbox::User=root) ||
        die "apt-get could not fetch $package (is its component in your sources? try apt-get update)"
    dpkg-deb --extract "$work"/*.deb "$work/package"
    mv "$work"/package/usr/share/datasets/fashion-mnist/*-ubyte.gz "$work"
}

debian=false dir=
while (($# > 0)); do
    case $1 in
        --debian) debian=true ;;
        -h | --help) usage && exit ;;
        -*) die "unknown option $1 (see --help)" ;;
        *) [[ -z $dir ]] || die "more than one directory given (see --help)" && dir=$1 ;;
    esac
    shift
done
dir=${dir:-${here%/*}/data/fashion_mnist}

if ! have_all "$dir" "${files[@]}"; then
    make_workspace "$dir"
    if $debian; then
        from_debian
    else
        download_gzipped "$base_url" "try --debian, which needs only a Debian mirror" "${files[@]}"
    fi
    install_verified "$dir" "${files[@]}"
fi
printf 'Fashion-MNIST is in %s\n' "$dir"
