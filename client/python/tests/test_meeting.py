"""How loaders find their daemon: the folder, its lock, what hangs, what was left, and whom it belongs to."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from pathlib import Path

import pytest

import bandwise
from bandwise import DaemonOptions
from bandwise import _daemon, _daemon_folder
from conftest import is_running, wait_until
from ranks import OPTIONS, Start, one_daemon

pytestmark = pytest.mark.usefixtures("home")


def stop(pid: int) -> None:
    """Stops a process, and all of its threads."""

    def has_stopped() -> bool:
        try:
            return all(") T " in stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat"))
        except OSError:
            # A thread has ended as we looked.
            return False

    os.kill(pid, signal.SIGSTOP)
    wait_until(has_stopped, "the process stopped")


def test_what_all_have_left_is_cleared_by_the_next(photos: Path, start: Start, home: Path) -> None:
    ranks = start(photos, 2)
    pid = one_daemon(ranks)
    # Stopped first, so that none of them sees another die.
    everybody = [pid, *(rank.process.pid for rank in ranks)]
    for process in everybody:
        stop(process)
    for process in everybody:
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, everybody)), "all were dead")
    (left,) = (home / f"bandwise-{os.geteuid()}").iterdir()
    assert {file.name for file in left.iterdir()} >= {"life", "log", "socket"}
    with bandwise.Loader(photos, daemon=DaemonOptions(threads=1), **OPTIONS) as run:
        assert not left.exists() and next(iter(run)).step == 0


def test_one_that_hangs_is_left_to_those_who_have_it(
    photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_daemon, "HANG_SECONDS", 0.2)
    with bandwise.Loader(photos, **OPTIONS) as first:
        assert first._backend.daemon is not None
        stop(first._backend.daemon.pid)
        with bandwise.Loader(photos, **OPTIONS) as second, bandwise.Loader(photos, **OPTIONS) as third:
            assert first._backend.addresses != second._backend.addresses == third._backend.addresses
            assert next(iter(third)).step == 0
            os.kill(first._backend.daemon.pid, signal.SIGCONT)
            assert next(iter(first)).step == 0


def test_one_that_hangs_at_its_end_is_killed(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_daemon, "STOP_SECONDS", 0.2)
    with bandwise.Loader(photos, **OPTIONS) as run:
        assert run._backend.daemon is not None
        stop(run._backend.daemon.pid)


def test_a_base_that_is_gone_is_no_base(home: Path) -> None:
    with _daemon_folder.locked_base() as base:
        path = Path(base.path)
        # The last daemon of another loader takes it away, and the next loader makes a new one.
        path.rmdir()
        assert base.make("key") is None
        path.mkdir(0o700)
        assert base.make("key") is None and base.find("key") is None
        with _daemon_folder.locked_base() as new:
            made = new.make("key")
            assert made is not None and made.hold_life() is None
    with _daemon_folder.locked_base() as new:
        assert new.find("key") is None and not path.exists(), "a place without a daemon is removed"


def test_a_forked_child_does_not_hold_the_lock(home: Path) -> None:
    with _daemon_folder.locked_base() as base:
        child = os.fork()
        if child == 0:
            signal.pause()
    descriptor = os.open(base.path, os.O_RDONLY)
    try:
        wait_until(lambda: _daemon_folder.try_lock(descriptor), "the child let go")
    finally:
        os.close(descriptor)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    os.rmdir(base.path)


def interrupt_soon() -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_an_interrupt_ends_the_wait_for_the_lock(photos: Path, home: Path) -> None:
    base = home / f"bandwise-{os.geteuid()}"
    base.mkdir(0o700)
    descriptor = os.open(base, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        interrupt_soon()
        with pytest.raises(KeyboardInterrupt):
            bandwise.Loader(photos, **OPTIONS)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("role", ["starter", "joiner"])
def test_an_interrupt_ends_the_wait_for_a_daemon(photos: Path, start: Start, slow: Path, role: str) -> None:
    if role == "joiner":
        start(photos, 1)
        wait_until((slow / "starter").exists, "another one started")
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        bandwise.Loader(photos, **OPTIONS)
    (slow / "go").touch()


def refused(photos: Path) -> str:
    with pytest.raises(bandwise.ConnectionError, match="TMPDIR") as raised:
        bandwise.Loader(photos, **OPTIONS)
    return str(raised.value)


def test_a_folder_of_somebody_else_is_refused(
    photos: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = home / f"bandwise-{os.geteuid()}"
    base.mkdir(0o755)
    (base / "file").touch()
    assert "mode 0755" in refused(photos)
    base.chmod(0o700)
    (base / "file").unlink()
    base.rmdir()
    base.symlink_to(tmp_path)
    assert str(base) in refused(photos)
    base.unlink()
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    theirs = home / f"bandwise-{somebody}"
    theirs.mkdir(0o700)
    (theirs / "file").touch()
    assert f"belongs to user {somebody - 1}" in refused(photos)
    (theirs / "file").unlink()
    theirs.rmdir()
