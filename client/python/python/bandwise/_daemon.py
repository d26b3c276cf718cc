"""A private daemon: one that a loader starts for a folder, and that ends with it.

Its life is tied to a pipe: it ends when the write end is closed, which the system does however this process ends.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import weakref
from pathlib import Path
from typing import IO, List, Optional

from ._errors import ConnectionError

DATASET = "data"
"""Name of the dataset that a private daemon serves."""

STOP_SECONDS = 10.0
"""How long a daemon may take to end before it is killed; it has nothing to finish."""

LOG_LINES = 20
"""Lines of a daemon's log that an error repeats."""


def binary() -> str:
    """The program ``bandwise``: ``BANDWISE_BINARY``, else the one that came with the package, else that of PATH."""
    chosen = os.environ.get("BANDWISE_BINARY")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise ConnectionError(f"BANDWISE_BINARY is {chosen!r}, which is no program; correct or unset it")
        return chosen
    user = sysconfig.get_path("scripts", f"{os.name}_user")
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent), user):
        candidate = Path(folder) / "bandwise"
        if os.access(candidate, os.X_OK):
            return str(candidate)
    found = shutil.which("bandwise")
    if found is None:
        raise ConnectionError(
            "the program `bandwise` is neither beside the package nor in PATH; name it in BANDWISE_BINARY, or give "
            "the address of a daemon instead of a folder"
        )
    return found


def threads() -> int:
    """Worker threads: the cores of this process, shared out among the ranks of the host that torchrun counts."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "1")
    return max(1, cores // max(1, int(ranks) if ranks.isdigit() else 1))


class PrivateDaemon:
    """A daemon for one folder, on a socket in a folder of its own that only this user can enter."""

    def __init__(self, dataset: Path, worker_threads: Optional[int] = None) -> None:
        self._owner = os.getpid()
        bandwise = binary()
        self.folder = tempfile.mkdtemp(prefix="bandwise-")
        self.socket = os.path.join(self.folder, "socket")
        # Without a name, so that it is gone with its last user.
        self._log: IO[bytes] = tempfile.TemporaryFile()
        program = [bandwise, "serve", "--exit-with-stdin", "--listen", self.address]
        program += ["--dataset", f"{DATASET}={dataset}", "--threads", str(worker_threads or threads())]
        environment = {"BANDWISE_LOG": "warn", **os.environ}
        try:
            self._process = subprocess.Popen(
                program,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                env=environment,
                # An interrupt at the terminal is for the trainer, which may want another batch before it ends.
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise ConnectionError(f"cannot start {program[0]}: {error}") from error
        _running.add(self)
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"unix:{self.socket}"

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def _wait_until_it_listens(self) -> None:
        # To index a large folder for the first time may take minutes.
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(self.socket)
                    return
                except OSError:
                    pass
            self.check()
            time.sleep(0.01)

    def check(self) -> None:
        """Raises if the daemon has ended."""
        code = self._process.poll()
        if code is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise ConnectionError(f"the private daemon {how}; make a new loader to go on. {self._last_words()}")

    def _last_words(self) -> str:
        try:
            self._log.seek(0)
            lines: List[str] = self._log.read().decode(errors="replace").strip().splitlines()[-LOG_LINES:]
        except (OSError, ValueError):
            lines = []
        return "It said:\n" + "\n".join(lines) if lines else "It said nothing."

    def close(self) -> None:
        """Ends the daemon and waits for it. Does nothing in a forked child, whose daemon it is not."""
        _running.discard(self)
        if os.getpid() != self._owner or self._process.stdin is None or self._process.stdin.closed:
            return
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _let_go(self) -> None:
        """In a forked child: otherwise the daemon would live as long as the child."""
        if self._process.stdin is not None:
            os.close(self._process.stdin.fileno())


_running: "weakref.WeakSet[PrivateDaemon]" = weakref.WeakSet()


def _let_all_go() -> None:
    for daemon in list(_running):
        daemon._let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_all_go)
