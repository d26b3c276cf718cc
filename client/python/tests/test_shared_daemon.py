"""The daemon that the loaders of a host share: there is one, it lives as long as any of them, and nothing is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, List

import pytest

import bandwise
from bandwise import DaemonOptions
from conftest import daemons, is_running, wait_until
from ranks import OPTIONS, RANK, Rank, Start, one_daemon

pytestmark = pytest.mark.usefixtures("home")

LAUNCHER = textwrap.dedent("""
    import os, subprocess, sys
    for rank in range(2):
        subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]],
                         env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"})
    input()
""")


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


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
            assert train._backend.addresses == validation._backend.addresses
            next(iter(validation))
        with bandwise.Loader(photos, daemon=DaemonOptions(threads=1), **OPTIONS) as other:
            assert train._backend.addresses != other._backend.addresses and len(daemons(home)) == 2
        # The first is not the last: others that come and go leave it alone.
        assert len(daemons(home)) == 1 and next(iter(train)).step == 0


def test_whoever_started_it_collects_it_when_others_end_it(photos: Path, home: Path) -> None:
    run = bandwise.Loader(photos, **OPTIONS)
    other = Rank(photos)
    pid = other.answer()["daemon"]
    assert daemons(home) == [pid] and parent(pid) == os.getpid()
    run.close()
    assert other.next()["step"] == 0
    other.end()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "it was no zombie any more")


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
    from bandwise import DaemonOptions, _daemon, _native
    def join():
        daemon = _daemon.PrivateDaemon(Path(sys.argv[1]), DaemonOptions(threads=1))
        _native.describe([daemon.address], "", 60.0)
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
    # It forks beside threads on purpose, of which Python warns from 3.12 on.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", STRESS, str(photos)]
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
        assert error["error"] == "DatasetError" and str(empty) in error["message"], error


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
