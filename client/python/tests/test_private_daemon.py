"""The daemon that a loader starts: it is there, and nothing of it is left, however the loader ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import IO, Any, Dict, List, Set, Tuple

import pytest

import bandwise
from bandwise import Device, Span, Transport
from conftest import is_running, wait_until

pytestmark = pytest.mark.usefixtures("home")

OPTIONS: Dict[str, Any] = {"epochs": 6, "batch_size": 4, "device": Device(arrays="raw"), "span": Span(loop="run")}


def traces(run: bandwise.Loader) -> Tuple[int, str]:
    assert run._backend.daemon is not None
    return run._backend.daemon.pid, run._backend.daemon.folder


def log(run: bandwise.Loader) -> IO[str]:
    """What a daemon says, also when nothing is left of it."""
    assert run._backend.daemon is not None
    return open(run._backend.daemon._folder.log, encoding="utf-8")


def assert_gone(pid: int, folder: str) -> None:
    wait_until(lambda: not is_running(pid), "the daemon ended")
    wait_until(lambda: not os.path.exists(folder), "its folder was removed")


def test_it_ends_with_the_loader(photos: Path) -> None:
    run = bandwise.Loader(photos, **OPTIONS)
    next(iter(run))
    pid, folder = traces(run)
    assert is_running(pid) and os.stat(folder).st_mode & 0o777 == 0o700
    with log(run) as said:
        run.close()
        assert not is_running(pid) and not os.path.exists(folder)
        assert said.read() == "\nthe daemon ended with exit code 0\n"


def test_it_ends_with_the_last_reference_and_not_before(photos: Path) -> None:
    run = bandwise.Loader(photos, **OPTIONS)
    daemon = run._backend.daemon
    assert daemon is not None
    batches = iter(run)
    del run
    assert next(batches).step == 0 and is_running(daemon.pid)
    del batches
    assert_gone(daemon.pid, daemon.folder)


def test_it_ends_after_an_exception(photos: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        with bandwise.Loader(photos, **OPTIONS) as run:
            pid, folder = traces(run)
            for _ in run:
                1 / 0
    assert not is_running(pid) and not os.path.exists(folder)


def test_it_ends_where_the_loader_cannot_be_made(photos: Path) -> None:
    before = children()
    with pytest.raises(bandwise.JobError):
        bandwise.Loader(photos, curriculum="none-such", **OPTIONS)
    assert children() <= before


def children() -> Set[str]:
    """Processes that this one has started and not collected."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found.add(stat.parent.name)
    return found


TRAINER = textwrap.dedent("""
    import os, sys, time, bandwise
    run = bandwise.Loader(sys.argv[1], epochs=6, batch_size=4, device=bandwise.Device(arrays="raw"))
    batch = next(iter(run))
    if sys.argv[2] == "fork" and os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    print(run._backend.daemon.pid, run._backend.daemon.folder, flush=True)
    if sys.argv[2] == "raise":
        raise SystemExit("an error")
    if sys.argv[2] != "return":
        time.sleep(60)
""")


@pytest.mark.parametrize("end", ["return", "raise", "kill", "fork"])
def test_nothing_is_left_of_it_when_its_process_ends(photos: Path, end: str) -> None:
    command = [sys.executable, "-c", TRAINER, str(photos), end]
    trainer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0)
    assert trainer.stdout is not None and trainer.stderr is not None
    words: List[str] = trainer.stdout.readline().split()
    try:
        if end in ("kill", "fork"):
            assert is_running(int(words[0]))
            trainer.send_signal(signal.SIGKILL)
        trainer.wait(60)
        # A forked child may live on: the daemon is not its own.
        assert_gone(int(words[0]), words[1])
    finally:
        try:
            os.killpg(trainer.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        trainer.stdout.close()
        trainer.stderr.close()


def test_its_death_is_told(photos: Path) -> None:
    with bandwise.Loader(photos, transport=Transport(prefetch=1), **{**OPTIONS, "epochs": 600}) as run:
        pid, folder = traces(run)
        with pytest.raises(bandwise.ConnectionError, match="signal 9"):
            for batch in run:
                if batch.step == 2:
                    os.kill(pid, signal.SIGKILL)
    assert not os.path.exists(folder)


def test_its_last_words_are_told(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho something broke >&2\nexit 3\n")
    program.chmod(0o700)
    monkeypatch.setenv("BANDWISE_BINARY", str(program))
    with pytest.raises(bandwise.ConnectionError, match="exit code 3") as raised:
        bandwise.Loader(photos, **OPTIONS)
    assert str(raised.value).count("something broke") == 1


def test_a_wrong_program_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANDWISE_BINARY", "/nonexistent/bandwise")
    with pytest.raises(bandwise.ConnectionError, match="BANDWISE_BINARY"):
        bandwise.Loader(photos, **OPTIONS)


def test_folders_of_parts_are_named_by_part(tmp_path: Path, photos: Path) -> None:
    for part in ("train", "val"):
        (tmp_path / part).symlink_to(photos)
    with pytest.raises(bandwise.JobError, match="several: train, val"):
        bandwise.Loader(tmp_path, **OPTIONS)
    with bandwise.Loader(tmp_path, dataset="val", **OPTIONS) as run:
        assert run.plan.dataset_samples == 12
