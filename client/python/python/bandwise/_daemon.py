"""A private daemon: one that the loaders of a user share for a folder, and that ends with the last of them.

Its life is tied to a FIFO that is its standard input. Every loader holds the write end, which the system closes however
a process ends, and forked children release it. When no process holds it, the daemon reads the end of the file and ends.
Nobody counts, so nobody can count wrong. `_daemon_folder.py` describes where loaders find it. A loader that joins a
daemon which does not listen yet continues with it even if the process that started it is killed meanwhile.

**To join** is to open the FIFO, to write a byte into it, and to see that the byte is read. A daemon that has read the
byte has read on after our opening, so it cannot have seen the end of the file. If it ends with the byte unread, it was
about to end when we came, and the search begins again. So the daemon needs no lock, leaving loaders need not agree with
joining ones, and the last one may be killed at any moment. A daemon that reads nothing for 30 s hangs: it is left to the
loaders that have it, and another one is started.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import struct
import sys
import sysconfig
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import List, Optional, Tuple

from ._descriptors import hold, is_alone, is_empty, release
from ._daemon_options import DaemonOptions
from ._errors import ConnectionError
from ._daemon_folder import PAUSE_SECONDS, locked_base, try_lock
from ._start import arguments, configuration, kind, start
from ._words import LogTail, last_words

STOP_SECONDS = 10.0
"""Time that a daemon may take to end before it is killed; it has nothing to finish."""

HANG_SECONDS = 30.0
"""Time that a daemon may take to notice a loader, which normally takes none. A daemon that hangs is set aside."""

DYING_SECONDS = 0.25
"""Time that a killed daemon may take to release its FIFO after its connections."""


_LOG = logging.getLogger("bandwise")


def binary() -> str:
    """The program ``bandwise``: ``BANDWISE_BINARY``, else the one that came with the package, else that of PATH."""
    chosen = os.environ.get("BANDWISE_BINARY")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise ConnectionError(f"BANDWISE_BINARY must be a program, not {chosen!r}; correct it or unset it")
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


class PrivateDaemon:
    """A daemon for one folder, joined or started. Every value is a share in it, given back with `close`."""

    def __init__(self, dataset: "os.PathLike[str] | str", options: DaemonOptions = DaemonOptions()) -> None:
        self._dataset = os.fspath(dataset)
        self._owner = os.getpid()
        self._life: Optional[int] = None
        self._log: Optional[int] = None
        self._reaper: Optional[threading.Thread] = None
        self._log_tail = LogTail()
        self.pid = 0
        """Its process; 0 where that cannot be known."""
        try:
            while not self._enter(os.path.realpath(dataset), os.path.realpath(binary()), options):
                self._leave(wait=False)
        except BaseException as error:
            # An interrupt is not for waiting.
            self._leave(wait=isinstance(error, Exception))
            raise

    @property
    def dataset(self) -> str:
        """The folder that it serves, as it was given."""
        return self._dataset

    @property
    def folder(self) -> str:
        """The folder that it has for itself."""
        return self._folder.path

    @property
    def address(self) -> str:
        """Its address."""
        return f"unix:{self._folder.socket}"

    # ---- joining and starting -------------------------------------------------------------------------------

    def _enter(self, dataset: str, program: str, options: DaemonOptions) -> bool:
        """Joins the daemon or starts it, and waits until it listens; false where it is to be tried again."""
        key = kind(dataset, program, options)
        configured = configuration(dataset, options)
        with locked_base() as base:
            found = base.find(key)
            if found is not None:
                self._folder, self._life = found
            else:
                folder = base.make(key)
                if folder is None:
                    return False
                self._folder = folder
                self._life = self._start([program, *arguments(folder)], configured)
                if base.has_other:
                    _LOG.info("another private daemon serves %r with other options, cores or program", dataset)
        if found is not None and not self._is_joined(found[1]):
            return False
        self._wait_until_it_listens()
        return True

    def _start(self, program: List[str], configured: str) -> int:
        """Starts the daemon in its folder, and gives the write end of its life."""
        life = None
        try:
            self._log = hold(lambda: os.open(self._folder.log, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600))
            Path(self._folder.config).write_text(configured, encoding="utf-8")
            stdin = hold(lambda: os.open(self._folder.life, os.O_RDONLY | os.O_NONBLOCK))
            try:
                life = hold(lambda: os.open(self._folder.life, os.O_WRONLY))
                os.set_blocking(stdin, True)
                # The lock is the daemon's, as its standard input is, and says that it lives.
                try_lock(stdin)
                self.pid, self._reaper = start(program, stdin, self._log)
            finally:
                release(stdin)
        except BaseException as error:
            if life is not None:
                release(life)
            self._folder.remove()
            if isinstance(error, OSError):
                raise ConnectionError(f"cannot start {program[0]}: {error}") from error
            raise
        return life

    def _is_joined(self, life: int) -> bool:
        with suppress(OSError):
            self._log = hold(lambda: os.open(self._folder.log, os.O_RDONLY))
        # If it is full or broken, the checks below find out the rest.
        with suppress(OSError):
            os.write(life, b"+")
        # Pauses are counted, not time: a machine that sleeps is no daemon that hangs.
        for _ in range(int(HANG_SECONDS / PAUSE_SECONDS)):
            if is_empty(life):
                return True
            if is_alone(life):
                self._folder.remove()
                return False
            time.sleep(PAUSE_SECONDS)
        self._folder.set_aside()
        return False

    def _wait_until_it_listens(self) -> None:
        # To index a large folder for the first time may take minutes.
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(self._folder.socket)
                    self.pid = _peer(probe) or self.pid
                    return
                except OSError:
                    pass
            self.check()
            time.sleep(PAUSE_SECONDS)

    # ---- its end --------------------------------------------------------------------------------------------

    def check(self, seconds: float = 0.0) -> None:
        """Raises if the daemon has ended, or does so within ``seconds``."""
        if os.getpid() != self._owner or self._life is None:
            return
        end = time.monotonic() + seconds
        while not is_alone(self._life):
            if time.monotonic() >= end:
                return
            time.sleep(PAUSE_SECONDS)
        self._folder.remove()
        raise last_words(self._log)

    def log_lines(self) -> List[Tuple[int, str]]:
        """The daemon's warnings since the last call, as levels of `logging` and lines, for the process that has started
        it, the only one that logs them."""
        if self._reaper is None or self._log is None or os.getpid() != self._owner:
            return []
        return self._log_tail.read(self._log)

    def close(self) -> None:
        """Gives the share back; the last one waits for the daemon's end. Does nothing in a forked child, whose share
        it is not."""
        self._leave(wait=True)

    def _leave(self, wait: bool) -> None:
        if os.getpid() != self._owner:
            return
        life, self._life = self._life, None
        log, self._log = self._log, None
        if log is not None:
            release(log)
        if life is None:
            return
        watch = self._folder.watch_life() if wait else None
        release(life)
        if watch is not None:
            try:
                self._wait_for_its_end(watch)
            finally:
                release(watch)

    def _wait_for_its_end(self, watch: int) -> None:
        end = time.monotonic() + STOP_SECONDS
        while is_alone(watch):
            if try_lock(watch):
                # Nothing is there any more, unless it was killed.
                self._folder.remove()
                if self._reaper is not None:
                    self._reaper.join(STOP_SECONDS)
                return
            if time.monotonic() > end:
                if self.pid == 0:
                    return
                # The lock says that it is still there, so the number is still its own.
                os.kill(self.pid, signal.SIGKILL)
                end += STOP_SECONDS
            time.sleep(PAUSE_SECONDS)


def _peer(connection: socket.socket) -> int:
    """The process at the other end; 0 where it is that of another container, or unknown."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    process: int = struct.unpack("3i", credentials)[0]
    return process
