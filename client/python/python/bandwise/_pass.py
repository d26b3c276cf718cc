"""One pass over a run: how batches come from the receiving thread.

A wait is cut into slices of 100 ms, between which Python sees signals and the end of a private daemon. A pass has a lock,
so threads may share it.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Optional, Union

from . import _device, _native
from ._backend import Backend
from ._batch import Batch
from ._errors import Error

SLICE_SECONDS = 0.1
"""Time for which a wait may delay signals, and the notice of a private daemon's death."""

HAND_OVER_SECONDS = 0.002
"""Time for which a look ahead waits for the receiving thread, which hands over the next batch when one is taken."""


_LOG = logging.getLogger("bandwise")
# No NullHandler: where nothing is set up, a lost daemon still shows on standard error, by logging's last resort.


def _log_level() -> int:
    """The lowest level that a handler wants; events below it are not even formatted."""
    levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
    return next((level for level in levels if _LOG.isEnabledFor(level)), logging.CRITICAL)


class Pass:
    """One pass over a run: the receiving thread, and where it stands. Dropping it ends its work on the daemons.

    It does not keep the loader, which keeps it from one `for` to the next, with what was prefetched.
    """

    def __init__(self, backend: Backend, first: int, end: int) -> None:
        self._backend = backend
        self._convert = backend.converter()
        self.next_step = first
        """The step at which the run continues after the batches that were handed out."""
        self.batches_of_step = 0
        """Batches of that step that were handed out."""
        # Several threads may share a pass; `close` does not wait for one that waits for a batch.
        self.lock = threading.Lock()
        self.is_over = False
        # The result of looking ahead: a batch on its way, or the error that ends the run, raised after the current
        # batch.
        self._ahead: Union[None, _device.Moving, Exception] = None
        left = max(end - first, 0)
        expected = (bytes.fromhex(backend.plan.fingerprint), list(backend.plan.fields))
        options = {**backend.run, "from_step": first, "steps": left, "expected": expected, "log_level": _log_level()}
        device, dtype, layout, _ = backend.target
        self._mover = _device.mover(device, dtype, layout, backend.plan, backend.run["prefetch"])
        self._run = _native.Run(backend.addresses, backend.job, options)
        backend.passes.add(self)

    def __next__(self) -> Batch:
        """The next batch. The caller holds the lock."""
        if self.is_over:
            raise StopIteration
        try:
            batch = self._next_plain() if self._mover is None else self._next_moved(self._mover)
        except (StopIteration, Error):
            self.close()
            raise
        self.next_step = batch._inner.next_step
        self.batches_of_step = self.batches_of_step + 1 if self.next_step == batch._inner.step else 0
        return batch

    def _next_plain(self) -> Batch:
        batch = self._receive()
        while batch is None:
            batch = self._receive()
        return batch

    def _next_moved(self, mover: _device.Mover) -> Batch:
        """Begins to move the batch after the next one, if it is here, before the next one is handed out."""
        ahead, self._ahead = self._ahead, None
        if isinstance(ahead, Exception):
            raise ahead
        moving = ahead or mover.start(self._next_plain())
        if mover.looks_ahead:
            # After a batch that was ahead, the next one came during the training step. Otherwise one was taken just now.
            self._look_ahead(mover, 0 if ahead else HAND_OVER_SECONDS)
        return mover.finish(moving)

    def _look_ahead(self, mover: _device.Mover, seconds: float) -> None:
        try:
            batch = self._receive(seconds)
            self._ahead = None if batch is None else mover.start(batch)
        except (StopIteration, Error) as words:
            # Without the frames, which refer to this iterator: it must go with its last user.
            self._ahead = words.with_traceback(None)

    def _receive(self, seconds: float = SLICE_SECONDS) -> Optional[Batch]:
        """The next batch, if it comes in time. Between such slices Python sees signals."""
        try:
            received = self._run.next(seconds)
            if received is None:
                self._backend.check_daemon()
        except Error as error:
            # A private daemon that has died says more.
            self._backend.check_daemon(error)
            raise
        finally:
            self._tell()
        return None if received is None else Batch(*received, self._convert, self._backend.names)

    def _tell(self) -> None:
        """Forwards the client's log lines: the receiving thread itself never waits for the interpreter."""
        lines = self._run.logged()
        if lines:
            try:
                self._backend.check_daemon()
            except Error:
                # They would say that its return is waited for; the error says more, now or with the next wait.
                return
        daemon = self._backend.daemon
        from_daemon = () if daemon is None else daemon.log_lines()
        for level, line in (*lines, *from_daemon):
            _LOG.log(level, "%s", line)

    def close(self) -> None:
        self.is_over = True
        self._ahead = None
        self._run.close()
        # A forked child cannot use a GPU, not even to release it.
        if self._mover is not None and os.getpid() == self._backend.owner:
            self._mover.close()

    def __del__(self) -> None:
        # Before the loader goes, whose daemon would otherwise wait for what this asked for.
        if hasattr(self, "_run"):
            self.close()
