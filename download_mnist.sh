#!/usr/bin/env bash
# Fetch MNIST's four files with curl >= 7.19, trying mirrors in turn, and check the SHA-256 of what each unpacks to.
set -uo pipefail

usage() {
  cat <<'END'
usage: download_mnist.sh [DIR]

Fetch MNIST's four files into DIR (default: datasets/MNIST), gzipped. A file that is there stays as it is; one that is
not MNIST's stops the script.

MNIST_MIRROR   a base URL to try first, without the file name; file:///a/directory works too
END
}

sums_and_names=(
  "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db train-images-idx3-ubyte"
  "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 train-labels-idx1-ubyte"
  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 t10k-images-idx3-ubyte"
  "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 t10k-labels-idx1-ubyte"
)
mirrors=(
  ${MNIST_MIRROR:+"${MNIST_MIRROR%/}"}
  "https://ossci-datasets.s3.amazonaws.com/mnist"
  "https://storage.googleapis.com/cvdf-datasets/mnist"
  "https://raw.githubusercontent.com/fgnt/mnist/master"
)

fail() { # fail STATUS MESSAGE...
  local status=$1
  shift
  echo "download_mnist.sh: $*" >&2
  exit "$status"
}

has() {
  command -v "$1" >/dev/null
}

sha256() { # of stdin; the digits are somewhere in what it prints
  if has sha256sum; then
    sha256sum
  elif has shasum; then
    shasum -a 256
  else
    openssl dgst -sha256
  fi
}

matches() { # matches SUM FILE COMMAND...: does the command succeed on the file, and do its bytes have this sum?
  local sum=$1 file=$2 output
  shift 2
  output=$("$@" <"$file" 2>/dev/null | sha256) && [[ $output == *"$sum"* ]]
}

fetch() { # fetch SUM NAME: from the first mirror that has the right file
  local sum=$1 name=$2 mirror error
  for mirror in "${mirrors[@]}"; do
    echo "fetching $name.gz from $mirror"
    # The shell opens the file, not curl: a curl that outlives this script cannot create it anew.
    if ! error=$(curl -gfsSL --connect-timeout 15 --speed-limit 1000 --speed-time 30 \
      -- "${mirror// /%20}/$name.gz" 2>&1 >"$part"); then
      echo "download_mnist.sh: no $name.gz from $mirror: ${error:-curl failed}" >&2
    elif ! matches "$sum" "$part" gzip -dc; then
      echo "download_mnist.sh: $name.gz from $mirror fails its SHA-256 check" >&2
    else
      mv -f "$part" "$dir/$name.gz" || fail 1 "cannot write $dir/$name.gz; check its permissions"
      return 0
    fi
  done
  return 1
}

case ${1:-} in
  -h | --help) usage && exit 0 ;;
  -*) fail 2 "unknown option $1; expected [DIR], see --help; a directory of this name is ./$1" ;;
  *://* | '~'*) fail 2 "found $1, expected a local directory; write it out, see --help" ;;
esac
[[ $# -le 1 ]] || fail 2 "$# arguments given; expected at most one directory, see --help"
dir=${1-datasets/MNIST}
[[ -n $dir ]] || fail 2 "found no text, expected a directory, such as . for the current one"

has gzip || fail 2 "gzip is missing; install it"
has sha256sum || has shasum || has openssl || fail 2 "found none of sha256sum, shasum, openssl; install one of them"

wanted=()
for sum_and_name in "${sums_and_names[@]}"; do
  read -r sum name <<<"$sum_and_name"
  file=$dir/$name unpack=(cat) # An unpacked one is read before a packed one.
  [[ -e $file ]] || file+=.gz unpack=(gzip -dc)
  if [[ ! -e $file ]]; then
    wanted+=("$sum_and_name")
  elif [[ ! -f $file ]]; then
    fail 2 "$file is not a file; move it away"
  elif ! matches "$sum" "$file" "${unpack[@]}"; then
    fail 1 "$file is not MNIST's, and is left as it is; move it away, or name another directory"
  fi
done
if [[ ${#wanted[@]} -eq 0 ]]; then
  echo "$dir: all four files are there and right"
  exit 0
fi

has curl || fail 2 "curl is missing; install it, or put MNIST's four .gz files into $dir by hand"
part=$dir/download.$$.part
trap 'rm -f "$part"' EXIT
{ mkdir -p "$dir" && : >"$part"; } 2>/dev/null || fail 2 "cannot write to $dir; choose another directory"
for sum_and_name in "${wanted[@]}"; do
  read -r sum name <<<"$sum_and_name"
  fetch "$sum" "$name" || fail 1 "no mirror had $name.gz; set MNIST_MIRROR to a base URL that has it," \
    "or put these into $dir by hand, as .gz: ${wanted[*]#* }"
done
echo "$dir: fetched ${#wanted[@]} files and checked all four"
