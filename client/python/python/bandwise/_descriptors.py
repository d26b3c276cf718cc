"""File descriptors that belong to this process alone.

Python closes its descriptors when a child executes another program, but a forked child has them all. It releases here
those whose last holder matters: ends of pipes, locks.
"""

from __future__ import annotations

import array
import fcntl
import os
import select
import termios
import threading
from contextlib import suppress
from typing import Callable, Set

_held: Set[int] = set()
_guard = threading.RLock()
"""Held around a fork, so that no descriptor is open and not yet known."""


def hold(open_one: Callable[[], int]) -> int:
    """The descriptor that ``open_one`` opens, for this process alone; closed with ``release``."""
    with _guard:
        descriptor = open_one()
        _held.add(descriptor)
        return descriptor


def release(descriptor: int) -> None:
    """Closes what ``hold`` has opened."""
    with _guard:
        _held.discard(descriptor)
        os.close(descriptor)


def is_alone(pipe_end: int) -> bool:
    """Whether no process holds the other end of a pipe."""
    poll = select.poll()
    poll.register(pipe_end, 0)
    return bool(poll.poll(0))


def is_empty(pipe_end: int) -> bool:
    """Whether all that was written into a pipe has been read."""
    unread = array.array("i", [0])
    fcntl.ioctl(pipe_end, termios.FIONREAD, unread)
    return unread[0] == 0


def _let_go_in_child() -> None:
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()
    _guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_let_go_in_child)
