"""The daemon that the loaders of a host share: there is one, it lives as long as any of them, and nothing is left."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

import bandwise
from bandwise import _daemon, _place
from conftest import daemons, is_running, wait_until

pytestmark = pytest.mark.usefixtures("home")

OPTIONS: Dict[str, Any] = {"epochs": 6, "batch_size": 1, "arrays": "raw"}

RANK = textwrap.dedent("""
    import hashlib, json, os, sys, bandwise
    def say(**words):
        print(json.dumps(words), flush=True)
    try:
        run = bandwise.Loader(sys.argv[1], epochs=6, batch_size=1, arrays="raw")
        say(daemon=run._daemon.pid, process=os.getpid())
        batches = iter(run)
        for line in sys.stdin:
            batch = next(batches, None)
            if batch is None:
                say(end=True)
                continue
            size = batch.images.nbytes // max(len(batch.sample_ids), 1)
            images = batch.images.tobytes()
            rows = [hashlib.sha256(images[start:start + size]).hexdigest() for start in range(0, len(images), size)]
            say(step=batch.step, first_row=batch.first_row, rows=rows)
    except bandwise.Error as error:
        say(error=type(error).__name__, message=str(error))
""")

LAUNCHER = textwrap.dedent("""
    import os, subprocess, sys
    for rank in range(2):
        subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]],
                         env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"})
    input()
""")


class Rank:
    """A process with a loader, which gives a batch when it is asked for one."""

    def __init__(self, folder: Path, rank: int = 0, world_size: int = 1) -> None:
        variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world_size, "LOCAL_WORLD_SIZE": world_size}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RANK, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        )

    def answer(self) -> Dict[str, Any]:
        assert self.process.stdout is not None
        answer: Dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def next(self) -> Dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write("next\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        """It ends in good order."""
        self.process.communicate()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


Start = Callable[..., List[Rank]]


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


def one_daemon(ranks: List[Rank]) -> int:
    """The process of the daemon that all ranks have."""
    (pid,) = {rank.answer()["daemon"] for rank in ranks}
    return int(pid)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def stop(pid: int) -> None:
    """Stops a process, and all of its threads."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")
    wait_until(lambda: all(") T " in stat.read_text() for stat in threads.glob("*/stat")), "the process stopped")


def rows(batches: List[Dict[str, Any]]) -> Dict[Any, str]:
    """The digest of each row, by step and row."""
    found: Dict[Any, str] = {}
    for batch in batches:
        for number, row in enumerate(batch["rows"]):
            key = (batch["step"], batch["first_row"] + number)
            assert key not in found, "a row came twice"
            found[key] = row
    return found


def whole(rank: Rank) -> List[Dict[str, Any]]:
    return list(iter(rank.next, {"end": True}))


def test_ranks_share_one_daemon_and_the_rows(photos: Path, start: Start, home: Path) -> None:
    ranks = start(photos, 4)
    pid = one_daemon(ranks)
    assert daemons(home) == [pid]
    shares = [rows(whole(rank)) for rank in ranks]
    for rank in ranks:
        rank.end()
    assert not is_running(pid)
    with bandwise.Loader(photos, **{**OPTIONS, "batch_size": 4}) as run:
        steps = [(batch.step, row) for batch in run for row in range(len(batch.sample_ids))]
    union = {key: row for share in shares for key, row in share.items()}
    assert sorted(union) == steps and sum(map(len, shares)) == len(steps)
    # What a rank has is what it would have of a daemon of its own.
    alone = Rank(photos, 2, 4)
    alone.answer()
    assert rows(whole(alone)) == shares[2]
    alone.end()


def test_the_loaders_of_a_process_share_it(photos: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photos)
    with bandwise.Loader(photos, **OPTIONS) as train:
        with bandwise.Loader(tmp_path / "link", curriculum="none", recipe="eval", **OPTIONS) as validation:
            assert train._addresses == validation._addresses
            next(iter(validation))
        with bandwise.Loader(photos, threads=1, **OPTIONS) as other:
            assert train._addresses != other._addresses and len(daemons(home)) == 2
        # The first is not the last: others that come and go leave it alone.
        assert len(daemons(home)) == 1 and next(iter(train)).step == 0


@pytest.mark.parametrize("order", ["the starter first", "the starter last", "all at once"])
def test_it_lives_as_long_as_any_of_them(photos: Path, start: Start, order: str) -> None:
    ranks = start(photos, 3)
    pid = one_daemon(ranks)
    starter = parent(pid)
    ranks.sort(key=lambda rank: rank.process.pid != starter, reverse=order == "the starter last")
    if order == "all at once":
        for rank in ranks:
            rank.process.kill()
    else:
        while ranks:
            assert [rank.next()["step"] for rank in ranks] == [3 - len(ranks)] * len(ranks)
            ranks.pop(0).kill()
    wait_until(lambda: not is_running(pid), "the daemon ended")


def test_many_that_start_at_once_have_one_daemon(photos: Path, start: Start, home: Path) -> None:
    pid = one_daemon(start(photos, 12))
    assert daemons(home) == [pid]


STRESS = textwrap.dedent("""
    import os, random, signal, sys, time
    from pathlib import Path
    from bandwise import _daemon, _native
    def join():
        daemon = _daemon.PrivateDaemon(Path(sys.argv[1]), 1)
        _native.describe([daemon.address], "")
        daemon.check()
        return daemon
    random.seed(sys.argv[2])
    for round in range(25):
        if sys.argv[3] == "leave":
            join().close()
            continue
        child = os.fork()
        if child == 0:
            join()
            os.write(1, b".")
            time.sleep(60)
        time.sleep(random.random() * 0.1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        # It may have been the last one, just now.
        join().close()
""")


@pytest.mark.parametrize("end", ["leave", "kill"])
def test_who_comes_never_meets_who_goes(photos: Path, end: str) -> None:
    command = [sys.executable, "-c", STRESS, str(photos)]
    processes = [
        subprocess.Popen([*command, str(number), end], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    assert [process.communicate()[1] for process in processes] == [""] * 3


def test_the_others_go_on_where_the_starter_is_killed_as_it_starts(photos: Path, start: Start, slow: Path) -> None:
    ranks = start(photos, 3)
    wait_until((slow / "starter").exists, "one started")
    starter = int((slow / "starter").read_text())
    for rank in ranks:
        if rank.process.pid == starter:
            rank.kill()
    (slow / "go").touch()
    others = [rank for rank in ranks if rank.process.pid != starter]
    assert len(others) == 2 and is_running(one_daemon(others))


def test_nothing_starts_where_all_are_killed_as_it_starts(photos: Path, start: Start, slow: Path) -> None:
    ranks = start(photos, 2)
    wait_until((slow / "starter").exists, "one started")
    for rank in ranks:
        rank.kill()
    (slow / "go").touch()


def test_its_death_is_told_to_all(photos: Path, start: Start) -> None:
    ranks = start(photos, 3)
    pid = one_daemon(ranks)
    assert [rank.next()["step"] for rank in ranks] == [0] * 3
    os.kill(pid, signal.SIGKILL)
    for rank in ranks:
        answers = iter(rank.next, None)
        error = next(answer for answer in answers if "error" in answer)
        assert error["error"] == "ConnectionError" and "signal 9" in error["message"], error
        assert "make a new loader" in error["message"]
    with bandwise.Loader(photos, **OPTIONS) as run:
        assert next(iter(run)).step == 0


def test_its_death_is_told_without_its_starter(photos: Path, start: Start) -> None:
    ranks = start(photos, 2)
    pid = one_daemon(ranks)
    ranks.sort(key=lambda rank: rank.process.pid != parent(pid))
    ranks[0].kill()
    os.kill(pid, signal.SIGKILL)
    error = next(answer for answer in iter(ranks[1].next, None) if "error" in answer)
    assert error["error"] == "ConnectionError" and "has died" in error["message"], error


def test_its_last_words_are_told_to_all(tmp_path: Path, start: Start) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for rank in start(empty, 3):
        error = rank.answer()
        assert error["error"] == "ConnectionError" and str(empty) in error["message"], error
        assert "exit code 1" in error["message"]


def test_ranks_outlive_their_launcher(photos: Path) -> None:
    # Orphans go on, and so does their daemon; it ends when they do.
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, RANK, str(photos)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # The ranks have these pipes too.
    )
    assert launcher.stdin is not None and launcher.stdout is not None
    ranks = [json.loads(launcher.stdout.readline()) for _ in range(2)]
    launcher.kill()
    launcher.wait()
    assert ranks[0]["daemon"] == ranks[1]["daemon"] and is_running(ranks[0]["daemon"])
    launcher.stdin.write("next\n")
    launcher.stdin.close()
    assert json.loads(launcher.stdout.readline())["step"] == 0
    assert launcher.stdout.read() == "", "both read the end of their input"
    launcher.stdout.close()


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
    with bandwise.Loader(photos, threads=1, **OPTIONS) as run:
        assert not left.exists() and next(iter(run)).step == 0


def test_one_that_hangs_is_left_to_those_who_have_it(
    photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_daemon, "HANG_SECONDS", 0.2)
    with bandwise.Loader(photos, **OPTIONS) as first:
        assert first._daemon is not None
        stop(first._daemon.pid)
        with bandwise.Loader(photos, **OPTIONS) as second, bandwise.Loader(photos, **OPTIONS) as third:
            assert first._addresses != second._addresses == third._addresses
            assert next(iter(third)).step == 0
            os.kill(first._daemon.pid, signal.SIGCONT)
            assert next(iter(first)).step == 0


def test_one_that_hangs_at_its_end_is_killed(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_daemon, "STOP_SECONDS", 0.2)
    with bandwise.Loader(photos, **OPTIONS) as run:
        assert run._daemon is not None
        stop(run._daemon.pid)


def test_a_base_that_is_gone_is_no_base(home: Path) -> None:
    with _place.locked_base() as base:
        path = Path(base.path)
        # The last daemon of another loader takes it away, and the next loader makes a new one.
        path.rmdir()
        assert base.make("key") is None
        path.mkdir(0o700)
        assert base.make("key") is None and base.find("key") is None
        with _place.locked_base() as new:
            made = new.make("key")
            assert made is not None and made.hold_life() is None
    with _place.locked_base() as new:
        assert new.find("key") is None and not path.exists(), "a place without a daemon is removed"


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


def test_a_path_too_long_for_a_socket_is_named(photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = home / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert "so long a path" in refused(photos)
    deep.rmdir()
