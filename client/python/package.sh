#!/bin/sh
# Packs the Python package, and tests it.
#
# usage: client/python/package.sh wheel        (`make wheel`) target/wheels/*.whl, optimised
#        client/python/package.sh sdist        (`make sdist`) target/sdist/*.tar.gz, the sources of package and program
#        client/python/package.sh test         (`make test`) the same in the dev profile, installed and tested
#        client/python/package.sh bench        (`make bench-python`) installs target/wheels in target/python-bench
#
# Tools come into virtual environments under target/. The wheel carries the program `bandwise`, built first, as a
# script; pip, when it is given the sources, builds that itself (build_backend.py). It suits every CPython from 3.9 on
# that has a GIL, on systems with a C library as new as this one's: hence `linux` and no manylinux tag. Tests with torch
# run where a Python has it; Debian's python3-torch is installed where that is possible, and nothing that is larger.

set -eu
cd "$(dirname "$0")/../.."

# What packages and tests are made with; a change makes new environments.
BUILD_TOOLS='maturin==1.16.0'
TEST_TOOLS='pytest==9.2.0 mypy==2.4.1 numpy pillow grpcio==1.85.1 grpcio-tools==1.85.1 psutil pyyaml safetensors
    huggingface-hub==0.25.2'
# Without what they ask for themselves: torch would come along. The last that goes with Debian's.
TEST_TOOLS_ALONE='accelerate==0.25.0'
BENCH_TOOLS='numpy==2.4.6 grpcio==1.85.1 grpcio-tools==1.85.1'

target=${CARGO_TARGET_DIR:-target}
# maturin is the backend all the same, behind build_backend.py.
export MATURIN_NO_MISSING_BUILD_BACKEND_WARNING=1

has_torch() { "$1" -c 'import torch, ensurepip' >/dev/null 2>&1; }

# The Python to test with: one that has torch, if there is one.
test_python() {
    for python in "${PYTHON:-python3}" /usr/bin/python3; do
        if has_torch "$python"; then
            echo "$python"
            return
        fi
    done
    echo "${PYTHON:-python3}"
}

# environment FOLDER PYTHON TOOLS [OPTION]: makes a virtual environment, unless it is there and like this.
environment() {
    wanted="$2 $3 ${4:-}"
    if [ "$(cat "$1/made-of" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    rm -rf "$1"
    # The option is one word or none, the tools are several.
    # shellcheck disable=SC2086
    "$2" -m venv ${4:-} "$1"
    # shellcheck disable=SC2086
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check $3
    echo "$wanted" >"$1/made-of"
}

# install ENVIRONMENT WHEELS: the package, without what it may need.
install() {
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$2"/*.whl
}

# wheel PROFILE BINARY FOLDER
wheel() {
    environment target/python-build "${PYTHON:-python3}" "$BUILD_TOOLS"
    mkdir -p client/python/target/wheel-data/scripts
    cp "$2" client/python/target/wheel-data/scripts/bandwise
    rm -rf "$3"
    target/python-build/bin/maturin build --quiet --locked --profile "$1" --compatibility linux \
        --manifest-path client/python/Cargo.toml --out "$3"
}

# Quiet as cargo's are with one word: maturin has none here, and repeats warnings of cargo that are about registries.
sdist() {
    environment target/python-build "${PYTHON:-python3}" "$BUILD_TOOLS"
    # maturin insists on the folder, and packs nothing of it.
    mkdir -p client/python/target/wheel-data
    rm -rf target/sdist
    if ! said=$(target/python-build/bin/maturin sdist --manifest-path client/python/Cargo.toml --out target/sdist 2>&1)
    then
        echo "$said" >&2
        exit 1
    fi
}

# Unpacks the sources: cargo must find a workspace there that is whole, with the program in it.
check_sdist() {
    rm -rf target/sdist-unpacked
    mkdir target/sdist-unpacked
    tar -xzf target/sdist/*.tar.gz -C target/sdist-unpacked --strip-components=1
    "${CARGO:-cargo}" metadata --no-deps --offline --format-version 1 \
        --manifest-path target/sdist-unpacked/Cargo.toml >target/sdist-unpacked/metadata.json
    if ! grep -q '"default_run":"bandwise"' target/sdist-unpacked/metadata.json ||
        ! [ -e target/sdist-unpacked/build_backend.py ]; then
        echo 'package: the source distribution lacks the daemon or the backend' >&2
        exit 1
    fi
}

sh deploy/setup.sh python

case ${1:-} in
    wheel)
        wheel release "$target/release/bandwise" target/wheels
        ls target/wheels
        ;;
    sdist)
        sdist
        ls target/sdist
        ;;
    test)
        # With the features of `cargo test`, behind which there is nothing left to do.
        cargo test --quiet --locked --workspace --test cli --no-run
        sh deploy/setup.sh python-test
        sdist
        check_sdist
        wheel dev "$target/debug/bandwise" target/wheels-dev
        environment target/python-test "$(test_python)" "$TEST_TOOLS" --system-site-packages
        test=target/python-test/bin/python
        install target/python-test target/wheels-dev
        # shellcheck disable=SC2086  # several words
        "$test" -m pip install --quiet --disable-pip-version-check --no-deps $TEST_TOOLS_ALONE
        (cd client/python && ../../$test -m pytest && ../../$test -m mypy python/bandwise tests examples)
        ;;
    bench)
        environment target/python-bench "${PYTHON:-python3}" "$BENCH_TOOLS"
        install target/python-bench target/wheels
        ;;
    *)
        echo 'usage: client/python/package.sh wheel|sdist|test|bench' >&2
        exit 2
        ;;
esac
