"""The daemons behind a loader, with the job and the plan that they agreed on: what the loader and its passes share."""

from __future__ import annotations

import logging
import os
import weakref
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from . import _device, _native
from ._batch import Convert, Names, converter
from ._daemon import DYING_SECONDS, PrivateDaemon
from ._daemon_options import DaemonOptions
from ._errors import ConnectionError, Error, FingerprintError, JobError
from ._plan import Plan
from ._where import Address, find, read

if TYPE_CHECKING:
    from typing import Protocol

    class Closable(Protocol):
        """A pass that is open."""

        def close(self) -> None: ...


_LOG = logging.getLogger("bandwise")


class Target(NamedTuple):
    """The device on which batches are handed out, and their form."""

    device: Any
    dtype: Optional[str]
    layout: str
    arrays: str


class Backend:
    """Daemons, dataset, job and plan. `close` ends all of it, and may be called at any time."""

    def __init__(self, job: Dict[str, Any], run: Dict[str, Any], target: Target) -> None:
        self.owner = os.getpid()
        """The process to which threads and sockets belong."""
        self.closed = False
        self.job = job
        self.run = run
        self.target = target
        self.daemon: Optional[PrivateDaemon] = None
        self.passes: "weakref.WeakSet[Closable]" = weakref.WeakSet()
        self._convert: Optional[Convert] = None

    # ---- opening --------------------------------------------------------------------------------------------

    def open(self, address_or_path: Address, dataset: Optional[str], options: Optional[DaemonOptions], expected: str) -> None:
        """Starts a private daemon for a folder, and resolves dataset, classes and plan."""
        self.addresses = self._reach(address_or_path, options)
        patience: float = self.run["patience"]
        found = find(self.addresses, dataset, self.daemon.dataset if self.daemon else None, patience)
        self.job["dataset"], self.classes = found.dataset, found.classes
        self.plan = Plan._of(_native.plan(found.addresses, self.job, found.left()), self.job["epochs"])
        digest = bytes.fromhex(dict(self.plan.fields)["dataset.digest"])
        self.names = Names(self.addresses, found.dataset, digest, patience)
        for warning in (*found.warnings, *self.plan.warnings):
            _LOG.warning("%s", warning)
        if expected:
            self.check_fingerprint(expected, [])
        if self.target.dtype is not None:
            _device.mean_and_std(self.plan)

    def _reach(self, address_or_path: Address, options: Optional[DaemonOptions]) -> List[str]:
        """The addresses, of a private daemon if a folder is given."""
        folder, addresses = read(address_or_path)
        if folder is not None:
            self.daemon = PrivateDaemon(folder, options or DaemonOptions())
            return [self.daemon.address]
        if options is not None:
            raise JobError(
                "daemon=DaemonOptions(...) configures the private daemon of a folder and has no effect on a daemon that "
                f"already runs; give a folder, or set {', '.join(options.given()) or 'its keys'} in that daemon's configuration"
            )
        return addresses

    # ---- checks ---------------------------------------------------------------------------------------------

    def check_daemon(self, error: Optional[Error] = None) -> None:
        """Raises if a private daemon has died; that explains more than an ``error`` that it caused."""
        if self.daemon is not None:
            self.daemon.check(DYING_SECONDS if isinstance(error, ConnectionError) else 0.0)

    def check_fingerprint(self, expected: str, fields: List[Tuple[str, str]]) -> None:
        """Raises if the job has another fingerprint; ``fields`` are those of the expected job, if they are known."""
        if expected == self.plan.fingerprint:
            return
        differing = _native.differing(fields, self.plan.fields) if fields else []
        error = FingerprintError(
            f"this job has the fingerprint {self.plan.fingerprint}, but {expected} was expected"
            + "".join(f"\n  {line}" for line in differing)
            + "\ngive the loader the same options as the run that you resume, or start a new run"
        )
        error.detail = {"reason": _native.FINGERPRINT_DIFFERS, "differing_fields": differing}
        raise error

    def check_process(self) -> None:
        """Raises in a forked child."""
        if os.getpid() != self.owner:
            raise Error("this loader was made before a fork and belongs to the parent process; make a new one in the child")

    def check_usable(self) -> None:
        """Raises in a forked child, and after `close`."""
        self.check_process()
        if self.closed:
            raise Error("the loader is closed; make a new one")

    # ---- what passes need -----------------------------------------------------------------------------------

    def converter(self) -> Convert:
        """Makes arrays of what was received. The library that this takes is imported with the first pass."""
        if self._convert is None:
            self._convert = converter(self.target.arrays)
        return self._convert

    def close(self) -> None:
        """Ends all passes and gives a private daemon back. In a forked child it only marks the loader as closed."""
        self.closed = True
        if os.getpid() != self.owner:
            return
        for one in list(self.passes):
            one.close()
        if self.daemon is not None:
            self.daemon.close()
