"""The origin of batches: a folder or addresses, and which dataset there."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple, Union

from . import _native
from ._errors import JobError
from ._options import is_address
from ._start import DATASET

Address = Union[str, bytes, Sequence[str], "os.PathLike[str]"]


def read(address_or_path: Any) -> Tuple[Optional[str], List[str]]:
    """A folder, or else addresses.

    Raises
    ------
    bandwise.JobError
        If it is neither; it says why.
    TypeError
        If it cannot be either.
    """
    if isinstance(address_or_path, (str, bytes, os.PathLike)):
        return _read_one(os.fsdecode(address_or_path), isinstance(address_or_path, str))
    if not isinstance(address_or_path, (list, tuple)) or not all(isinstance(one, str) for one in address_or_path):
        raise TypeError(
            "the first argument must be a folder, an address (unix:/path or host:port) or a list of addresses, not "
            f"{type(address_or_path).__name__}"
        )
    if not address_or_path:
        raise JobError("the list of addresses must not be empty; give the addresses of daemons, or a folder")
    for one in address_or_path:
        if not is_address(one):
            raise JobError(f"each address in the list must be unix:/path or host:port, not {one!r}; a folder is given alone")
    return None, [one.strip() for text in address_or_path for one in text.split(",")]


def _read_one(text: str, may_be_address: bool) -> Tuple[Optional[str], List[str]]:
    for path in (text, os.path.expanduser(text)):
        if os.path.isdir(path):
            return path, []
    if may_be_address and is_address(text):
        return None, [one.strip() for one in text.split(",")]
    path = os.path.expanduser(text)
    try:
        os.stat(path)
        problem = "it is a file, and images are read from a folder of class folders; unpack archives first"
    except ValueError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.strerror}"
    raise JobError(
        f"{text!r} is neither a folder ({problem}) nor an address like unix:/run/bandwise.sock or host:7070"
    )


@dataclass(frozen=True)
class Found:
    """A dataset that was found."""

    dataset: str
    """Its name at the daemon."""
    classes: List[str]
    """Names of its classes, in label order."""
    warnings: List[str]
    """Warnings for the user of the dataset."""
    addresses: List[str]
    """The addresses, that of a daemon which answers first."""
    end: float
    """The time when patience ends, on the monotonic clock."""

    def left(self) -> float:
        """Seconds of patience that are left."""
        return max(self.end - time.monotonic(), 0)


def find(addresses: List[str], asked: Optional[str], folder: Optional[str], patience: float) -> Found:
    """Asks the daemons for a dataset; ``folder`` is that of a private daemon.

    Raises
    ------
    bandwise.JobError
        If it is not there, or must be given; it lists what is there.
    bandwise.ConnectionError
        If no daemon answers within ``patience`` seconds.
    """
    end = time.monotonic() + patience
    known = _native.describe(addresses, "", patience)
    nearest = known["place"]
    # One that hangs must not be waited for again.
    ordered = [addresses[nearest], *addresses[:nearest], *addresses[nearest + 1 :]]
    left_out = {said for all_of_one in known["warnings"].values() for said in all_of_one if said.startswith("not served")}
    name = dataset_name(asked, sorted(known["datasets"]), folder, sorted(left_out))
    described = _native.describe(ordered, name, max(end - time.monotonic(), 0))
    return Found(name, described["classes"], described["warnings"].get(name, []), ordered, end)


def dataset_name(
    asked: Optional[str], names: List[str], folder: Optional[str], left_out: Sequence[str] = ()
) -> str:
    """The dataset of a loader, with the name that the daemon has for it. ``folder`` is that of a private daemon, and
    ``left_out`` is what it says about parts of the folder that it does not serve.

    Raises
    ------
    bandwise.JobError
        If it is not there, or must be given; it lists what is there.
    """
    if asked is not None and not isinstance(asked, str):
        raise JobError(f"dataset must be a name, not {asked!r}")
    if folder is None:
        # The daemon knows best what it has, and several need not have the same.
        if asked is not None:
            return asked
        if len(names) == 1:
            return names[0]
        raise JobError(f"dataset must be given, because there is not exactly one; there are: {', '.join(names) or 'none'}")
    if asked is None:
        if len(names) == 1:
            return names[0]
        raise JobError(f"dataset must be given, because {folder!r} contains several: {_parts(names)}")
    if f"{DATASET}/{asked}" in names:
        return f"{DATASET}/{asked}"
    if names == [DATASET]:
        raise JobError(
            f"there is no dataset {asked!r} in {folder!r}, whose folders are the classes of one dataset; leave `dataset` "
            "out, or give the parent of a folder of that name"
        )
    why = "".join(f"\n  {line}" for line in left_out)
    raise JobError(f"there is no dataset {asked!r} in {folder!r}; there are: {_parts(names)}{why}")


def _parts(names: List[str]) -> str:
    return ", ".join(name.partition("/")[2] for name in names)
