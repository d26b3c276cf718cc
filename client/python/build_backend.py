"""Builds the package for pip: first the program `bandwise`, which a wheel carries, then the package, with maturin.

maturin packs a crate with everything that it depends on by path, so the source distribution contains the sources of the
daemon, and a wheel made of it or of a checkout is whole. A package that finds a daemon in PATH instead would turn one
version into two. It needs Rust, a C compiler, cmake and, on x86, nasm. `package.sh` does the same in its own way, since it
has the program already.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Optional

import maturin
from maturin import *  # noqa: F403  The hooks that are not below.

HERE = Path(__file__).resolve().parent
DATA = HERE / "target/wheel-data"
"""What pyproject.toml has as `data`. maturin insists on it, also where it is not going to pack it."""
DATA.mkdir(parents=True, exist_ok=True)
# It is the backend all the same.
os.environ["MATURIN_NO_MISSING_BUILD_BACKEND_WARNING"] = "1"


def build_wheel(directory: str, settings: Optional[dict[str, Any]] = None, metadata: Optional[str] = None) -> str:
    """PEP 517: makes the program, then the wheel; its file name."""
    _pack_program()
    name: str = maturin.build_wheel(directory, settings, metadata)
    return name


def build_editable(directory: str, settings: Optional[dict[str, Any]] = None, metadata: Optional[str] = None) -> str:
    """PEP 660, the same."""
    _pack_program()
    name: str = maturin.build_editable(directory, settings, metadata)
    return name


def _pack_program() -> None:
    scripts = DATA / "scripts"
    scripts.mkdir(exist_ok=True)
    shutil.copy2(_program(), scripts / "bandwise")


def _program() -> str:
    """Builds `bandwise`; where cargo has put it, which many settings decide."""
    # Not `--locked`: maturin takes the members that it leaves out of the workspace not out of Cargo.lock. The versions
    # are those of Cargo.lock all the same.
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "-p", "bandwise", "--bin", "bandwise"]
    command.append("--message-format=json-render-diagnostics")
    try:
        told = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True).stdout
    except FileNotFoundError:
        raise SystemExit("bandwise: Rust is missing; install it with rustup, see https://rustup.rs") from None
    except subprocess.CalledProcessError:
        raise SystemExit(
            "bandwise: the program `bandwise` could not be built, see above; it needs a C compiler, make, cmake and, "
            "on x86, nasm (Debian: apt-get install gcc libc6-dev make cmake nasm)"
        ) from None
    programs = (json.loads(line).get("executable") for line in told.splitlines())
    return next(str(program) for program in programs if program)
