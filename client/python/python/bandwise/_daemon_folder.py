"""The folders in which the loaders of a user find each other's private daemons.

    TMPDIR/bandwise-UID/    the base, for this user alone. Locked (`flock`) while a loader finds or starts a daemon, not
                            while that daemon indexes its folder
        HOST-FOLDERKEY-RANDOM/
                            the folder of one daemon; FOLDER and KEY identify equal daemons, RANDOM is never used again
            config.toml     the configuration
            life            FIFO: the standard input of the daemon. Loaders hold the write end
            socket          where the daemon listens; beside it the socket for shared memory
            log             the log of the daemon

The base is in `TMPDIR` and not in `XDG_RUNTIME_DIR`, which is removed with a user's last login while a training runs, and
which batch systems pass to hosts that do not have it. Where `TMPDIR` is too long for the path of a socket, as batch
systems set it, the base is in `/tmp`, the same for all processes with that `TMPDIR`.

No name of a folder is used twice, so dead folders are removed without a lock: the daemon removes its own
(`--remove-at-end`), the surviving loaders remove that of a daemon that was killed, and if all were killed at once, the
next loader does. A folder whose FIFO has no reader belongs to a dead daemon. The base is removed with its last folder, also
without a lock: folders are made through the locked descriptor, so a process that has locked a removed base finds nothing
in it, can make nothing in it, and begins again. Nothing depends on process numbers, which differ between containers.
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

FOLDER_DIGITS, KEY_DIGITS, RANDOM_DIGITS = 6, 10, 8
"""Hex digits in the name of a folder."""

LONGEST_BASE = LONGEST_SOCKET_PATH - len("/HOST--/socket.shm") - FOLDER_DIGITS - KEY_DIGITS - RANDOM_DIGITS
"""Bytes that the path of the base may have."""

SHORT_FOLDER = "/tmp"
"""A folder for temporary files that every system has."""


def digest(*parts: object, digits: int = 12) -> str:
    """A short name for values."""
    return hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()[:digits]


def host() -> str:
    """This host, as folders name it: a folder for temporary files may be shared by several, pipes never are."""
    return digest(os.uname().nodename)[:4]


class DaemonFolder:
    """The folder of one private daemon."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.life = os.path.join(path, "life")
        self.socket = os.path.join(path, "socket")
        self.log = os.path.join(path, "log")
        self.config = os.path.join(path, "config.toml")

    def hold_life(self) -> Optional[int]:
        """The write end of its daemon's standard input; none where the daemon is dead."""
        try:
            return hold(lambda: os.open(self.life, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):
                return None
            raise

    def watch_life(self) -> Optional[int]:
        """Its read end, which shows whether the other end is held, and is locked by the daemon; none without FIFO."""
        try:
            return hold(lambda: os.open(self.life, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            return None

    def set_aside(self) -> None:
        """Hides the daemon from other loaders; those that have it continue with it."""
        with suppress(OSError):
            os.unlink(self.life)

    def remove(self) -> None:
        """Removes what a dead daemon has left, and the base with its last folder."""
        with suppress(OSError):
            for name in os.listdir(self.path):
                with suppress(OSError):
                    os.unlink(os.path.join(self.path, name))
        for folder in (self.path, os.path.dirname(self.path)):
            with suppress(OSError):
                os.rmdir(folder)

    def remove_if_dead(self) -> None:
        """``remove``, if ``hold_life`` found no reader. A daemon that was set aside lives, although it cannot be
        seen."""
        if os.path.lexists(self.life):
            self.remove()
        else:
            with suppress(OSError):
                os.rmdir(self.path)


class Base:
    """The locked folder around all folders of a user on this host."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.has_other = False
        """Whether the last `find` saw a daemon of the same folder that is set up otherwise."""
        self._descriptor = descriptor

    def find(self, key: str) -> Optional[Tuple[DaemonFolder, int]]:
        """The folder of a living daemon, and the write end of its life; on the way, those of dead ones are removed."""
        try:
            names = os.listdir(self._descriptor)
        except FileNotFoundError:
            # The base was removed under us.
            names = []
        self.has_other = False
        for name in names:
            if not name.startswith(f"{host()}-"):
                continue
            folder = DaemonFolder(os.path.join(self.path, name))
            life = folder.hold_life()
            if life is None:
                folder.remove_if_dead()
            elif name.startswith(f"{host()}-{key}-"):
                return folder, life
            else:
                self.has_other |= name.startswith(f"{host()}-{key[:FOLDER_DIGITS]}")
                release(life)
        return None

    def make(self, key: str) -> Optional[DaemonFolder]:
        """A new folder with a FIFO and no daemon; none where the base was removed under us."""
        name = f"{host()}-{key}-{secrets.token_hex(RANDOM_DIGITS // 2)}"
        folder = DaemonFolder(os.path.join(self.path, name))
        try:
            os.mkdir(name, 0o700, dir_fd=self._descriptor)
        except FileNotFoundError:
            return None
        os.mkfifo(folder.life, 0o600)
        return folder


@contextmanager
def locked_base() -> Iterator[Base]:
    """The base, made if it is missing, and locked. Waits for the holder of the lock, which needs it for moments.

    Raises
    ------
    bandwise.ConnectionError
        If the folder cannot be made or locked, or is not this user's alone.
    """
    path = base_path()
    try:
        descriptor = _lock(path)
        try:
            yield Base(path, descriptor)
        finally:
            release(descriptor)
    except BaseException as error:
        # If it failed.
        with suppress(OSError):
            os.rmdir(path)
        if isinstance(error, OSError) and not isinstance(error, ConnectionError):
            advice = "set TMPDIR to a folder on a local disk that you may write to"
            raise ConnectionError(f"cannot use {path!r} for a private daemon: {error}; {advice}") from error
        raise


def base_path() -> str:
    """The base, whether it is there or not: in TMPDIR, or where sockets can have a path if they cannot there."""
    # Python's `tempfile` tries folders out with a file, which a kill would leave there.
    for folder in (os.environ.get("TMPDIR") or SHORT_FOLDER, SHORT_FOLDER):
        path = os.path.abspath(os.path.join(folder, f"bandwise-{os.geteuid()}"))
        if len(os.fsencode(path)) <= LONGEST_BASE:
            return path
    return path


def _lock(path: str) -> int:
    while True:
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        try:
            descriptor = hold(lambda: os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        except FileNotFoundError:
            # Its last folder has gone just now, and it with it.
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
            f"{path!r} must belong to user {os.geteuid()} alone, but belongs to user {status.st_uid} with "
            f"mode {status.st_mode & 0o777:04o}; remove it, or set TMPDIR to another folder"
        )


def try_lock(descriptor: int) -> bool:
    """Locks the file of a descriptor, unless another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
