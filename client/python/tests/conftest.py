"""Real daemons, small datasets, and the command line as the oracle."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from bandwise import DaemonOptions, _daemon
from ranks import Rank, Start

PHOTOS = Path(__file__).resolve().parents[3] / "server/assets/photos"

# A shell starts background processes with interrupts ignored, and tests that interrupt a wait would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def photos() -> Path:
    """Twelve photographs in five classes."""
    return PHOTOS


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Two good samples and one that is no image."""
    folder = tmp_path / "damaged" / "class"
    folder.mkdir(parents=True)
    for number, photo in enumerate(sorted(PHOTOS.glob("*/*.jpg"))[:2]):
        shutil.copy(photo, folder / f"{number}.jpg")
    (folder / "z.jpg").write_bytes(b"no image at all")
    return folder.parent


@pytest.fixture(scope="module")
def address(photos: Path) -> Iterator[str]:
    """A daemon that serves the photographs as `photos`."""
    daemon = _daemon.PrivateDaemon(photos, DaemonOptions(threads=2))
    yield daemon.address
    daemon.close()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files of the test's own, so that it shares no daemon with others. Nothing may be left in
    it, and no daemon of it."""
    # Not in `tmp_path`, whose path is too long for a socket.
    folder = tempfile.mkdtemp(prefix="bw-")
    monkeypatch.setenv("TMPDIR", folder)
    yield Path(folder)
    gc.collect()
    wait_until(lambda: not daemons(folder), "all daemons ended")
    wait_until(lambda: not os.listdir(folder), "nothing was left")
    os.rmdir(folder)


def daemons(home: "os.PathLike[str] | str") -> List[int]:
    """The private daemons with their folders in a folder."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"unix:{os.fspath(home)}/".encode() in command.read_bytes():
                found.append(int(command.parent.name))
        except OSError:
            continue
    return [pid for pid in found if is_running(pid)]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts all the ranks of a host at once."""
    started: List[Rank] = []

    def many(folder: Path, number: int) -> List[Rank]:
        ranks = [Rank(folder, rank, number) for rank in range(number)]
        started.extend(ranks)
        return ranks

    yield many
    for rank in started:
        rank.kill()


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A daemon that is not there before its file `go` is; `starter` names who has started it."""
    program = tmp_path / "slow"
    program.write_text(
        f'#!/bin/sh\necho $PPID >{tmp_path}/new && mv {tmp_path}/new {tmp_path}/starter\n'
        f'while [ ! -e {tmp_path}/go ]; do sleep 0.02; done\nexec {_daemon.binary()} "$@"\n'
    )
    program.chmod(0o700)
    monkeypatch.setenv("BANDWISE_BINARY", str(program))
    return tmp_path


Pull = Callable[..., List[Dict[str, Any]]]


@pytest.fixture(scope="module")
def pull(address: str) -> Pull:
    """Lines of `bandwise pull --digest --json`, without the summary."""

    def run(*options: str) -> List[Dict[str, Any]]:
        command = [_daemon.binary(), "pull", "--connect", address, "--dataset", "data", "--digest", "--json"]
        out = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, text=True).stdout
        return [json.loads(line) for line in out.splitlines()][:-1]

    return run


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Waits for what must come; a minute is for ever."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, f"waited for ever until {what}"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process lives; one that only waits to be collected does not, once all its threads have ended."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    return any(_is_alive(f"/proc/{pid}/task/{thread}/stat") for thread in threads)


def _is_alive(stat: str) -> bool:
    try:
        return ") Z " not in Path(stat).read_text()
    except OSError:
        return False
