#!/bin/sh
# Makes the virtual environments of the peers in a folder: sh benches/peers/setup.sh [FOLDER]
#
# Packages come from the configured index of pip, in pinned versions; about 9 GB, most of it the CUDA libraries that
# torch wants to see when it is imported. What does not install is named, and run.py skips it. What is there already
# stays: remove the folder to start again.
set -u

PEERS=${1:-target/peers}
PYTHON=${PYTHON:-python3}
mkdir -p "$PEERS"
PEERS=$(cd "$PEERS" && pwd)

# environment NAME PREPARE PROBE PACKAGE...: a virtual environment in which the command PREPARE has been run before
# the packages were installed, and the Python code PROBE works.
environment() {
    name=$1 prepare=$2 probe=$3
    shift 3
    [ -e "$PEERS/$name.ok" ] && [ "$(cat "$PEERS/$name.ok")" = "$*" ] && return 0
    rm -rf "${PEERS:?}/$name" "$PEERS/$name.ok"
    echo "peers: making $name: $*"
    if "$PYTHON" -m venv "$PEERS/$name" && "$prepare" && install "$name" "$@" && works "$name" "$probe"; then
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

# FFCV is built from source against OpenCV and libjpeg-turbo, without looking at newer build tools; it uses the torch
# of the other environment, which saves 5 GB.
# shellcheck disable=SC2317
prepare_ffcv() {
    for library in opencv4 libturbojpeg; do
        if ! pkg-config --exists "$library"; then
            echo "peers: FFCV needs $library (Debian: libopencv-dev libturbojpeg0-dev pkg-config)" | tee "$PEERS/ffcv.log" >&2
            return 1
        fi
    done
    [ -e "$PEERS/torch.ok" ] || { echo "FFCV needs the environment torch" >"$PEERS/ffcv.log"; return 1; }
    site='import sysconfig; print(sysconfig.get_path("purelib"))'
    "$PEERS/torch/bin/python" -c "$site" >"$("$PEERS/ffcv/bin/python" -c "$site")/torch-environment.pth"
    install ffcv "setuptools<81" wheel numpy==2.4.6 &&
        install ffcv --no-deps --no-build-isolation ffcv==1.0.2
}

# timm 0.4.12 is what the reference code uses. Pillow 13 refuses to posterise to 0 bits, which happens at m = 9.
environment torch : 'import timm.data, torchvision, PIL' \
    torch==2.15.0 torchvision==0.29.2 timm==0.4.12 Pillow==12.3.0 numpy==2.4.6
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
