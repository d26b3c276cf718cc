"""What the client says, in Python's logging."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

import bandwise
from bandwise import Device, Span, Transport
from bandwise import _daemon, _pass
from conftest import wait_until

OPTIONS: Dict[str, Any] = {"epochs": 60, "batch_size": 4, "device": Device(arrays="raw"), "span": Span(loop="run")}


class Daemon:
    """A daemon at an address, which can be killed and comes back there."""

    def __init__(self, socket_path: Path, dataset: Path) -> None:
        self.path = str(socket_path)
        self.address = f"unix:{socket_path}"
        self._command = [_daemon.binary(), "serve", "--exit-with-stdin", "--threads", "1"]
        self._command += ["--listen", self.address, "--dataset", f"data={dataset}"]
        self.start()

    def start(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        wait_until(self._listens, "the daemon listens")

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.path) == 0

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


@pytest.fixture
def daemon(photos: Path, tmp_path: Path) -> Iterator[Daemon]:
    started = Daemon(tmp_path / "socket", photos)
    yield started
    started.kill()


class OnRecord(logging.Handler):
    """Does something when a line comes, in the thread that waits for batches."""

    def __init__(self, what: Callable[[str], None]) -> None:
        super().__init__()
        self._what = what

    def emit(self, record: logging.LogRecord) -> None:
        self._what(record.getMessage())


def warnings(caplog: pytest.LogCaptureFixture) -> List[str]:
    records = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert all(record.name == "bandwise" for record in records)
    return [record.getMessage() for record in records]


def test_a_lost_daemon_is_told_while_it_is_waited_for(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    # The daemon comes back only because the loss was told.
    restart = OnRecord(lambda line: daemon.start() if "lost" in line else None)
    logger = logging.getLogger("bandwise")
    logger.addHandler(restart)
    try:
        run = bandwise.Loader(daemon.address, transport=Transport(patience=600), **OPTIONS)
        steps = []
        for batch in run:
            steps.append(batch.step)
            if batch.step == 3:
                daemon.kill()
    finally:
        logger.removeHandler(restart)
    assert steps == list(range(run.plan.steps)), "nothing is missing and nothing comes twice"
    lost, back = warnings(caplog)
    for part in ("lost the daemon", "waiting up to 600 s", f"daemon={daemon.address}", "the connection broke"):
        assert part in lost
    assert "is back after" in back and daemon.address in back


def test_a_lost_daemon_is_told_before_its_last_batch_was_taken(daemon: Daemon) -> None:
    batches = iter(bandwise.Loader(daemon.address, **OPTIONS))
    next(batches)
    daemon.kill()
    said: List[str] = []

    def is_said() -> bool:
        said.extend(line for _, line in batches._run._run.logged())  # type: ignore[attr-defined]
        return any("lost the daemon" in line for line in said)

    # Nobody waits for a batch, and some may be here.
    wait_until(is_said, "the loss is told")
    daemon.start()
    assert [batch.step for batch in batches][0] == 1
    assert sum("lost" in line for line in said) == 1


def test_each_try_is_not_a_line(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    # Long enough for several tries.
    run = bandwise.Loader(daemon.address, transport=Transport(patience=1.5), **OPTIONS)
    with pytest.raises(bandwise.ConnectionError, match="no daemon"):
        for batch in run:
            if batch.step == 3:
                daemon.kill()
    (lost,) = warnings(caplog)
    assert "waiting up to 1.5 s" in lost


def test_what_others_make_is_not_waited_for(
    daemon: Daemon, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = "unix:/nonexistent/bandwise.sock"
    run = bandwise.Loader([daemon.address, address, nobody], **OPTIONS)
    steps = []
    for batch in run:
        steps.append(batch.step)
        if batch.step == 3:
            daemon.kill()
    assert steps == list(range(run.plan.steps))
    # A slow machine may be told of slots, too.
    absent, lost = (line for line in warnings(caplog) if "lost a daemon" in line)
    assert f"daemon={nobody}" in absent and f"daemon={daemon.address}" in lost
    assert all("others make its batches" in line for line in (absent, lost))


@pytest.mark.parametrize("level, expected", [(logging.INFO, True), (logging.WARNING, False), (logging.CRITICAL, False)])
def test_nothing_is_said_below_the_level(
    address: str, level: int, expected: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: List[Any] = []
    monkeypatch.setattr(_pass.Pass, "_tell", lambda self: said.extend(self._run.logged()))
    with caplog.at_level(level, "bandwise"):
        next(iter(bandwise.Loader(address, transport="shm", **OPTIONS)))
    assert [entry[0] for entry in said] == [logging.INFO] * expected
    assert all("shared memory" in line and address in line for _, line in said)


def test_undecodable_samples_are_named_once(damaged: Path, caplog: pytest.LogCaptureFixture) -> None:
    options: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "epochs": 5, "batch_size": 3}
    options["span"] = Span(loop="run")
    with bandwise.Loader(damaged, **options) as run:
        assert sum(len(batch.substitutions) for batch in run) == 5
    (line,) = warnings(caplog)
    assert "class/z.jpg" in line and "undecodable" in line


def test_a_forked_child_has_nothing_to_say(address: str) -> None:
    batches = iter(bandwise.Loader(address, **OPTIONS))
    next(batches)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = len(batches._run._run.logged())  # type: ignore[attr-defined]
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
