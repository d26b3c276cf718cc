#!/bin/sh
# Makes the virtual environments of the peers in a folder: sh benches/peers/setup.sh [FOLDER [ENVIRONMENT...]]
#
# Without names all environments are made. Packages come from the configured index of pip, in pinned versions; about 9 GB, most of it the CUDA libraries that
# torch wants to see when it is imported. What does not install is named, and run.py skips it. What is there already
# stays: remove the folder to start again.
set -u

PEERS=${1:-target/peers}
[ $# -gt 0 ] && shift
CHOSEN=$*
PYTHON=${PYTHON:-python3}
mkdir -p "$PEERS"
PEERS=$(cd "$PEERS" && pwd)

# environment NAME PREPARE PROBE PACKAGE...: a virtual environment for which `PREPARE NAME` has been run before the
# packages were installed, and in which the Python code PROBE works.
environment() {
    name=$1 prepare=$2 probe=$3
    shift 3
    case " ${CHOSEN:-$name} " in *" $name "*) ;; *) return 0 ;; esac
    [ -e "$PEERS/$name.ok" ] && [ "$(cat "$PEERS/$name.ok")" = "$*" ] && return 0
    rm -rf "${PEERS:?}/$name" "$PEERS/$name.ok"
    echo "peers: making $name: $*"
    # In a subshell, so that what PREPARE exports ends with it.
    if ("$PYTHON" -m venv "$PEERS/$name" && "$prepare" "$name" && install "$name" "$@" && works "$name" "$probe"); then
        echo "$*" >"$PEERS/$name.ok"
    else
        echo "peers: $name is left out; the reason is in $PEERS/$name.log" >&2
    fi
}

install() {
    into=$1
    shift
    "$PEERS/$into/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >"$PEERS/$into.log" 2>&1
}

works() {
    "$PEERS/$1/bin/python" -W ignore -c "$2" >>"$PEERS/$1.log" 2>&1
}

# on_torch NAME: NAME also imports what is in the environment torch, which saves 5 GB; its own packages come first.
# shellcheck disable=SC2317,SC2329
on_torch() {
    [ -e "$PEERS/torch.ok" ] || { echo "$1 needs the environment torch" >"$PEERS/$1.log"; return 1; }
    site='import sysconfig; print(sysconfig.get_path("purelib"))'
    "$PEERS/torch/bin/python" -c "$site" >"$("$PEERS/$1/bin/python" -c "$site")/torch-environment.pth"
}

# libraries NAME DEBIAN LIBRARY...: whether pkg-config knows what NAME is compiled against; DEBIAN packages have it.
# shellcheck disable=SC2317,SC2329
libraries() {
    into=$1 debian=$2
    shift 2
    for library in "$@"; do
        if ! pkg-config --exists "$library"; then
            echo "peers: $into needs $library (Debian: $debian pkg-config)" | tee "$PEERS/$into.log" >&2
            return 1
        fi
    done
}

# FFCV is built from source against OpenCV and libjpeg-turbo, without looking at newer build tools.
# shellcheck disable=SC2317,SC2329
prepare_ffcv() {
    libraries "$1" "libopencv-dev libturbojpeg0-dev" opencv4 libturbojpeg && on_torch "$1" &&
        install "$1" "setuptools<81" wheel numpy==2.4.6 &&
        install "$1" --no-deps --no-build-isolation ffcv==1.0.2
}

# Pillow-SIMD has no wheels; AVX2 must be asked for when it is compiled. It hides the Pillow of the environment torch,
# but loads that one's libjpeg-turbo, which is newer than those of distributions and a tenth faster.
# shellcheck disable=SC2317,SC2329
prepare_pillow_simd() {
    libraries "$1" "libjpeg62-turbo-dev zlib1g-dev" libjpeg zlib && on_torch "$1" || return 1
    grep -qw avx2 /proc/cpuinfo && export CC="${CC:-cc} -mavx2"
    for jpeg in "$PEERS"/torch/lib/python*/site-packages/pillow.libs/libjpeg-*.so.62.*; do
        ln -sf "$jpeg" "$PEERS/$1/lib/libjpeg.so.62"
    done
    export LDFLAGS="-Wl,-rpath,$PEERS/$1/lib"
    # A wheel in pip's cache may have been compiled for another machine.
    export PIP_NO_CACHE_DIR=1
}

# timm 0.4.12 is what the reference code uses. Pillow 13 refuses to posterise to 0 bits, which happens at m = 9.
environment torch : 'import timm.data, torchvision, PIL' \
    torch==2.15.0 torchvision==0.29.2 timm==0.4.12 Pillow==12.3.0 numpy==2.4.6
environment pillow_simd prepare_pillow_simd 'import timm.data, PIL; assert ".post" in PIL.__version__' \
    pillow-simd==12.1.1.post0
environment torchcodec on_torch 'from torchcodec.decoders import decode_jpeg' torchcodec==0.17.0
environment litdata on_torch 'from litdata import Jpeg, StreamingDataLoader, optimize' litdata==0.2.76
environment datago : 'from datago import DatagoClient' datago==2026.10.1 Pillow==12.3.0 numpy==2.4.6
environment dali : 'import nvidia.dali.fn' nvidia-dali-cuda120==2.4.0 numpy==2.4.6
environment ffcv prepare_ffcv 'import ffcv.loader' \
    numpy==2.4.6 numba==0.68.1 opencv-python-headless==5.0.0.93 Pillow==12.3.0 tqdm==4.70.1
environment tf : 'import tensorflow' tensorflow-cpu==2.21.0
# SPDL loads the FFmpeg of the machine.
environment spdl : 'import spdl.io; spdl.io.decode_config()' \
    spdl-core==0.8.0 spdl-io==0.8.0 numpy==2.4.6
environment chart : 'import matplotlib' matplotlib==3.11.2

# A peer that is left out is no failure: run.py names it.
exit 0
