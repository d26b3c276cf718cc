#!/bin/sh
# Makes sure that this machine can build Bandwise. Silent when nothing is missing.
#
# usage: deploy/setup.sh          (`make setup`; `make demo` and `make test` run it first) deploy/setup.sh python   also
# what the Python package needs (`make wheel` and `make test`) deploy/setup.sh python-test   and torch for its tests,
# where apt-get has it; continues without it
#
# Needs Rust (never installed here: which toolchain a machine has is its owner's business), a C compiler, make, cmake
# and, on x86, nasm, all for libjpeg-turbo. Without nasm libjpeg-turbo would lose its SIMD code and decode several times
# slower, so the build refuses to continue without it.
#
# The Python package needs a Python that makes virtual environments; which one is PYTHON, or python3.
#
# On Debian and Ubuntu it installs what is missing, with sudo unless root; elsewhere it says what to install.

set -eu
cd "$(dirname "$0")/.."
part=${1:-}

# ---- small words -----------------------------------------------------------------------------------------------

say() { printf 'setup: %s\n' "$*" >&2; }

stop() {
    say "$@"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# 1.95 -> 1095, so that versions compare as numbers
version_number() { printf '%s\n' "$1" | awk -F. '{ print $1 * 1000 + $2 }'; }

# ---- Rust ------------------------------------------------------------------------------------------------------

rust_is_missing() {
    if [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
        # shellcheck disable=SC2016  # the reader's shell expands it, not this one
        stop 'Rust is installed but not in PATH; run:  . "$HOME/.cargo/env"'
    fi
    stop "Rust is missing; install $1 or later with rustup, see https://rustup.rs"
}

check_rust() {
    wanted=$(sed -n 's/^rust-version = "\([0-9]*\.[0-9]*\).*/\1/p' Cargo.toml)
    if ! has cargo || ! has rustc; then
        rust_is_missing "$wanted"
    fi
    # A rustup without a toolchain has both commands, and they fail: the version is empty then.
    found=$(rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')
    if [ -z "$found" ]; then
        stop "rustc does not start; with rustup, run:  rustup default stable"
    fi
    if [ "$(version_number "$found")" -lt "$(version_number "$wanted")" ]; then
        stop "Rust $found is too old, $wanted is needed; with rustup, run:  rustup update stable" \
            "(a distribution's own Rust is often older: see https://rustup.rs)"
    fi
}

# ---- the C side ------------------------------------------------------------------------------------------------

missing_tools() {
    for tool in cc make cmake; do
        has "$tool" || echo "$tool"
    done
    # Elsewhere the SIMD code of libjpeg-turbo is C: only x86 has it in assembler.
    case $(uname -m) in
        x86_64 | amd64 | i?86) has nasm || echo nasm ;;
    esac
    if [ "$part" != "${part#python}" ]; then
        # Debian has the module that fills an environment in a package of its own.
        "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || echo python-venv
    fi
}

# The packages of system $1 that hold the tools $2..., on one line.
packages() {
    system=$1
    shift
    for tool in "$@"; do
        case $system:$tool in
            debian:cc) echo gcc libc6-dev ;;
            alpine:cc) echo gcc musl-dev ;;
            debian:python-venv) echo python3 python3-venv ;;
            debian:torch) echo python3-torch ;;
            arch:python-venv) echo python ;;
            *:python-venv) echo python3 ;;
            *:cc) echo gcc ;;
            *) echo "$tool" ;;
        esac
    done | tr '\n' ' ' | sed 's/ $//'
}

macos_commands() {
    apple=
    brew=
    for tool in "$@"; do
        case $tool in
            cc | make) apple='xcode-select --install' ;;
            python-venv) brew="$brew python" ;;
            *) brew="$brew $tool" ;;
        esac
    done
    echo "${apple}${apple:+${brew:+; }}${brew:+brew install$brew}"
}

name_the_packages() {
    say "missing: $*"
    say "cannot install on this system; please run what fits, then the same command again:"
    cat >&2 <<END
    Debian, Ubuntu   sudo apt-get install $(packages debian "$@")
    Fedora           sudo dnf install $(packages fedora "$@")
    Arch             sudo pacman -S --needed $(packages arch "$@")
    Alpine           sudo apk add $(packages alpine "$@")
    macOS            $(macos_commands "$@")
END
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_with_apt() {
    list=$(packages debian "$@")
    say "missing: $*; installing with apt-get: $list"
    apt_install "$list" || stop "apt-get could not install: $list"
}

# Packages, which are one argument of several words.
apt_install() {
    # One unreachable source among many fails an update that is good enough for us.
    as_root apt-get update -q || say "apt-get update failed; trying with the package lists that are here"
    # A machine that has just booted may hold the lock for its own updates for a while.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        install -y -q --no-install-recommends $1
}

check_tools() {
    # Names of tools are single words: splitting is what is wanted here and below.
    # shellcheck disable=SC2046
    set -- $(missing_tools)
    if [ $# -eq 0 ]; then
        return
    fi
    if ! has apt-get; then
        name_the_packages "$@"
    fi
    if [ "$(id -u)" -ne 0 ] && ! has sudo; then
        say "no root and no sudo here"
        name_the_packages "$@"
    fi
    install_with_apt "$@"
    # shellcheck disable=SC2046
    set -- $(missing_tools)
    if [ $# -ne 0 ]; then
        stop "still missing after the installation: $*"
    fi
}

# ---- torch, for tests ------------------------------------------------------------------------------------------

# Debian's is small, and where package.sh looks for one. It is not torch that is built with, so all continues without
# it.
has_torch() {
    for python in "${PYTHON:-python3}" /usr/bin/python3; do
        if "$python" -c 'import torch, ensurepip' >/dev/null 2>&1; then
            return
        fi
    done
    return 1
}

add_torch() {
    if has_torch; then
        return
    fi
    # It never asks for a password.
    if ! has apt-get || { [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; }; then
        say "no torch here, and it cannot be installed on this system: its tests will be skipped"
        return
    fi
    list=$(packages debian python-venv torch)
    say "missing: torch, for tests; installing with apt-get: $list"
    if ! apt_install "$list" || ! has_torch; then
        say "torch could not be installed: its tests will be skipped"
    fi
}

check_rust
check_tools
if [ "$part" = python-test ]; then
    add_torch
fi
