"""Where the loaders of a user find each other's private daemons.

    TMPDIR/bandwise-UID/    the base, for this user alone. Locked (`flock`) while a loader finds or starts a daemon
        HOST-KEY-RANDOM/    the place of one daemon; KEY says what makes daemons the same, RANDOM is never used again
            life            FIFO: its standard input. Loaders hold the write end, it ends when nobody does
            socket          where it listens; beside it that for shared memory
            log             what it says

A place whose FIFO nobody reads belongs to a dead daemon. Whoever sees that removes it: no name is used twice, so that
needs no lock. The base goes with its last place, also without a lock: whoever has locked a base that is gone finds
nothing in it and can make nothing in it, since both go through the descriptor that is locked, and begins anew.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import time
from contextlib import contextmanager, suppress
from typing import Iterator, Optional, Tuple

from ._descriptors import hold, release
from ._errors import ConnectionError

PAUSE_SECONDS = 0.01
"""Between two looks at what is waited for. Signals are seen in between."""

LONGEST_SOCKET_PATH = 107
"""Bytes that the system has for the path of a socket."""


def digest(*parts: object) -> str:
    """A short name for values."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def host() -> str:
    """This host, as places name it: a folder for temporary files may be shared by several, pipes never are."""
    return digest(os.uname().nodename)[:4]


class Place:
    """The folder of one private daemon."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.life = os.path.join(folder, "life")
        self.socket = os.path.join(folder, "socket")
        self.log = os.path.join(folder, "log")

    def hold_life(self) -> Optional[int]:
        """The write end of its daemon's standard input; none where the daemon is dead."""
        try:
            return hold(lambda: os.open(self.life, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):
                return None
            raise

    def watch_life(self) -> Optional[int]:
        """Its read end, which tells whether anybody holds the other, and is locked by the daemon; none without FIFO."""
        try:
            return hold(lambda: os.open(self.life, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            return None

    def set_aside(self) -> None:
        """Lets nobody else find the daemon, which goes on for those who have it."""
        with suppress(OSError):
            os.unlink(self.life)

    def remove(self) -> None:
        """Removes what a dead daemon has left, and the base with its last place."""
        with suppress(OSError):
            for name in os.listdir(self.folder):
                with suppress(OSError):
                    os.unlink(os.path.join(self.folder, name))
        for folder in (self.folder, os.path.dirname(self.folder)):
            with suppress(OSError):
                os.rmdir(folder)

    def remove_if_dead(self) -> None:
        """``remove``, where ``hold_life`` found nobody. A daemon that was set aside lives, though it cannot be seen."""
        if os.path.lexists(self.life):
            self.remove()
        else:
            with suppress(OSError):
                os.rmdir(self.folder)


class Base:
    """The locked folder around all places of a user on this host."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def find(self, key: str) -> Optional[Tuple[Place, int]]:
        """The place of a living daemon, and the write end of its life; on the way, those of dead ones are removed."""
        try:
            names = os.listdir(self._descriptor)
        except FileNotFoundError:
            # The base was removed under us.
            names = []
        for name in names:
            if not name.startswith(f"{host()}-"):
                continue
            place = Place(os.path.join(self.path, name))
            life = place.hold_life()
            if life is None:
                place.remove_if_dead()
            elif name.startswith(f"{host()}-{key}-"):
                return place, life
            else:
                release(life)
        return None

    def make(self, key: str) -> Optional[Place]:
        """A new place with a FIFO and no daemon; none where the base was removed under us."""
        name = f"{host()}-{key}-{secrets.token_hex(4)}"
        place = Place(os.path.join(self.path, name))
        if len(os.fsencode(place.socket + ".shm")) > LONGEST_SOCKET_PATH:
            raise ConnectionError(
                f"no socket can have so long a path as {place.socket!r}; set TMPDIR to a folder with a shorter one"
            )
        try:
            os.mkdir(name, 0o700, dir_fd=self._descriptor)
        except FileNotFoundError:
            return None
        os.mkfifo(place.life, 0o600)
        return place


@contextmanager
def locked_base() -> Iterator[Base]:
    """The base, made if it is missing, and locked. Waits for whoever has the lock, who needs it for moments.

    Raises
    ------
    bandwise.ConnectionError
        If the folder cannot be made or locked, or is not this user's alone.
    """
    # Python's `tempfile` tries folders out with a file, which a kill would leave there.
    path = os.path.abspath(os.path.join(os.environ.get("TMPDIR") or "/tmp", f"bandwise-{os.geteuid()}"))
    try:
        descriptor = _lock(path)
        try:
            yield Base(path, descriptor)
        finally:
            release(descriptor)
    except BaseException as error:
        # Where nothing came of it.
        with suppress(OSError):
            os.rmdir(path)
        if isinstance(error, OSError) and not isinstance(error, ConnectionError):
            advice = "set TMPDIR to a folder on a local disk that you may write to"
            raise ConnectionError(f"cannot use {path!r} for a private daemon: {error}; {advice}") from error
        raise


def _lock(path: str) -> int:
    while True:
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        try:
            descriptor = hold(lambda: os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        except FileNotFoundError:
            # Its last place has gone just now, and it with it.
            continue
        try:
            _check_owner(path, descriptor)
            while not try_lock(descriptor):
                time.sleep(PAUSE_SECONDS)
            return descriptor
        except BaseException:
            release(descriptor)
            raise


def _check_owner(path: str, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ConnectionError(
            f"{path!r} must belong to user {os.geteuid()} and to nobody else, but belongs to user {status.st_uid} with "
            f"mode {status.st_mode & 0o777:04o}; remove it, or set TMPDIR to another folder"
        )


def try_lock(descriptor: int) -> bool:
    """Locks what a descriptor stands for, unless somebody else has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
