"""One pass over a run: how batches come from the receiving thread to the user."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Optional, Union

from . import _device, _native
from ._batch import Batch, converter
from ._errors import Error

if TYPE_CHECKING:
    from ._loader import Loader

SLICE_SECONDS = 0.1
"""How long a wait keeps signals waiting, and a private daemon's death unnoticed."""


_LOG = logging.getLogger("bandwise")
# No NullHandler: where nothing is set up, a lost daemon still shows on standard error, by logging's last resort.


def _log_level() -> int:
    """The lowest level that anybody wants; what is below is not even put into words."""
    levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
    return next((level for level in levels if _LOG.isEnabledFor(level)), logging.CRITICAL)


class Pass:
    """One pass over a run: the receiving thread, and where it stands. Dropping it ends its work on the daemons."""

    def __init__(self, loader: Loader, first: int) -> None:
        # The loader lives as long as somebody iterates, as in `for batch in Loader(...)`.
        self._loader = loader
        if loader._convert is None:
            loader._convert = converter(loader._arrays)
        self._convert = loader._convert
        self.next_step = first
        """Where the run goes on behind the batches that were handed out."""
        # Several threads may share a pass; `close` does not wait for one that waits for a batch.
        self._lock = threading.Lock()
        self._over = False
        # What was met by looking ahead: a batch on its way, or what ends the run, to be raised behind the one at hand.
        self._ahead: Union[None, _device.Moving, Exception] = None
        left = max(loader._end - first, 0)
        expected = (bytes.fromhex(loader._plan.fingerprint), list(loader._plan.fields))
        options = {**loader._run, "from_step": first, "steps": left, "expected": expected, "log_level": _log_level()}
        self._mover = _device.mover(*loader._target, loader._plan, loader._run["prefetch"])
        self._run = _native.Run(loader._addresses, loader._job, options)

    def __iter__(self) -> Pass:
        return self

    def __next__(self) -> Batch:
        # Before the lock: in a forked child, that of a thread which is not there may be held for ever.
        self._loader._check_process()
        with self._lock:
            return self._next()

    def _next(self) -> Batch:
        if self._over:
            raise StopIteration
        try:
            batch = self._next_plain() if self._mover is None else self._next_moved(self._mover)
        except StopIteration:
            self.close()
            self.next_step = self._loader._position = self._loader._end
            raise
        except Error:
            self.close()
            raise
        self.next_step = self._loader._position = batch._native.next_step
        return batch

    def _next_plain(self) -> Batch:
        batch = self._receive()
        while batch is None:
            batch = self._receive()
        return batch

    def _next_moved(self, mover: _device.Mover) -> Batch:
        """Begins to move the batch behind the next one, if it is here, before the next one is handed out."""
        ahead, self._ahead = self._ahead, None
        if isinstance(ahead, Exception):
            raise ahead
        moving = ahead or mover.start(self._next_plain())
        if mover.looks_ahead:
            self._look_ahead(mover)
        return mover.finish(moving)

    def _look_ahead(self, mover: _device.Mover) -> None:
        try:
            batch = self._receive(0)
            self._ahead = None if batch is None else mover.start(batch)
        except (StopIteration, Error) as words:
            # Without the frames, which refer to this iterator: it must go with its last user.
            self._ahead = words.with_traceback(None)

    def _receive(self, seconds: float = SLICE_SECONDS) -> Optional[Batch]:
        """The next batch, if it comes in time. Between such slices Python sees signals."""
        try:
            received = self._run.next(seconds)
            if received is None:
                self._loader._check_daemon()
        except Error as error:
            # A private daemon that has died says more.
            self._loader._check_daemon(error)
            raise
        finally:
            self._tell()
        return None if received is None else Batch(*received, self._convert, self._loader._names)

    def _tell(self) -> None:
        """Hands on what the client has said: the receiving thread itself never waits for the interpreter."""
        lines = self._run.logged()
        if lines:
            try:
                self._loader._check_daemon()
            except Error:
                # They would say that its return is waited for; the error says more, now or with the next wait.
                return
        daemon = self._loader._daemon
        for level, line in (*lines, *(daemon.news() if daemon is not None else ())):
            _LOG.log(level, "%s", line)

    def close(self) -> None:
        self._over = True
        self._ahead = None
        self._run.close()
        # A GPU is of no use in a forked child, not even to let go of it.
        if self._mover is not None and os.getpid() == self._loader._owner:
            self._mover.close()

    def __del__(self) -> None:
        # Before the loader goes, whose daemon would otherwise wait for what this asked for.
        if hasattr(self, "_run"):
            self.close()


class Epoch:
    """The batches of an epoch, out of a pass over the run."""

    def __init__(self, run: Pass, steps: range) -> None:
        self._run = run
        self._steps = steps

    def __iter__(self) -> Epoch:
        return self

    def __next__(self) -> Batch:
        if self._run.next_step not in self._steps:
            raise StopIteration
        return next(self._run)
