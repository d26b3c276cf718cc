"""Options of a private daemon: the keys of the daemon's configuration that make sense for one."""

from __future__ import annotations

import json
import operator
import os
from dataclasses import dataclass, fields
from typing import Any, Dict, List, Literal, Optional, Tuple, Union

from ._closed import closed
from ._errors import JobError

PathText = Union[str, bytes, "os.PathLike[str]"]

KEYS = {
    "leave_out": "dataset.leave_out",
    "keep": "dataset.keep",
    "allow_empty_classes": "dataset.allow_empty_classes",
    "splits": "dataset.splits",
    "content": "dataset.content",
    "verify_index": "dataset.verify_index",
    "rescan": "dataset.rescan",
    "max_megapixels": "decode_limits.max_megapixels",
    "max_encoded_mib": "decode_limits.max_encoded_mib",
    "prefetch_mib": "prefetch_mib",
    "shared_memory_mib": "shared_memory_mib",
    "replay_memory_mib": "replay_memory_mib",
    "replay_shortage": "replay_shortage",
    "max_batch_mib": "max_batch_mib",
    "max_streams": "max_streams",
    "max_pending_batches": "max_pending_batches",
    "pin_threads": "pin_threads",
    "cache_dir": "cache_dir",
    "log": "log",
}
"""Each option's key in the configuration of the daemon."""

RANGES = {
    "max_megapixels": (1, 10_000),
    "max_encoded_mib": (1, 65_536),
    "prefetch_mib": (1, 1 << 24),
    "shared_memory_mib": (0, 1 << 24),
    "replay_memory_mib": (0, 1 << 24),
    "max_batch_mib": (1, 2048),
    "max_streams": (1, 65_536),
    "max_pending_batches": (1, 65_536),
}
"""Whole numbers, with the least and the most of each."""

SWITCHES = ("allow_empty_classes", "content", "verify_index", "rescan", "pin_threads")
FILES = ("leave_out", "keep")


OF_LOADER = ("threads", "prefetch", "transport", "priority", "patience", "on_bad_sample", "max_bad_fraction", "dataset")
"""Options that are sought here and belong to the loader."""

OF_SERVE = (
    "listen", "admin", "allow_insecure_tcp", "drain_seconds", "handshake_seconds", "max_connections",
    "max_connections_per_peer", "simd", "source",
)  # fmt: skip
"""Keys of the configuration that make no sense for a private daemon."""

INSTEAD = {
    **{name: f"it is the Loader's own: Loader(FOLDER, {name}=...)" for name in OF_LOADER},
    **{name: "a private daemon has none; for that, start one with `bandwise serve --config FILE`" for name in OF_SERVE},
}


@closed(INSTEAD)
@dataclass(frozen=True)
class DaemonOptions:
    """The settings of the private daemon of ``Loader(FOLDER, daemon=DaemonOptions(...))``: what ``bandwise.toml`` says to
    a daemon of one's own. Loaders share a daemon only if all of it is equal. ``None`` is the default.

    Raises
    ------
    bandwise.JobError
        If something is out of range or not there; it names all mistakes.
    """

    leave_out: Optional[PathText] = None
    """File that lists samples to leave out, one ``class/file.jpg`` a line; applied after ``keep``. Default: none."""
    keep: Optional[PathText] = None
    """File that lists the samples to keep, in the same form. Default: all."""
    allow_empty_classes: bool = False
    """Accept class folders that hold no image. They usually mean a copy that broke off, and labels depend on them."""
    splits: Optional[Literal["auto", "never"]] = None
    """``auto`` (default): the folder may hold splits (``train``, ``val``, ...); ``never``: it is one dataset, whatever its
    class folders are called."""
    content: bool = False
    """Let the fingerprint cover the content of every sample, not names, classes and sizes alone. The first start reads all
    files once, later ones those that changed."""
    verify_index: bool = True
    """Look at size and times of every file at each start, so that a file that was replaced in place is seen. ``False``: at
    the folders alone, for network file systems on which it takes minutes."""
    rescan: bool = False
    """List everything again instead of using the index that was kept."""
    max_megapixels: Optional[int] = None
    """Largest image in megapixels, 1 to 10,000; a larger one counts as undecodable. Part of the job. Default 100."""
    max_encoded_mib: Optional[int] = None
    """Largest file of a sample in MiB, 1 to 65,536. Part of the job. Default 256."""
    prefetch_mib: Optional[int] = None
    """Memory for batches that are being made or wait, in MiB, 1 to 16,777,216. Default: 1024 for each rank of the host."""
    shared_memory_mib: Optional[int] = None
    """Memory shared with loaders, in MiB, 0 to 16,777,216; 0: none. Default: 4096 for each rank of the host."""
    replay_memory_mib: Union[None, int, Literal["auto"]] = None
    """Memory for rows that later steps replay, in MiB, 0 to 16,777,216; default ``auto``: half of what the process may
    still take."""
    replay_shortage: Optional[Literal["refuse", "recompute"]] = None
    """For a job whose replay buffer does not fit: ``refuse`` (default), or ``recompute`` what does not fit."""
    max_batch_mib: Optional[int] = None
    """Largest batch in MiB, 1 to 2048. Default 2048."""
    max_streams: Optional[int] = None
    """Passes that may be open at a time, over all loaders, 1 to 65,536. Default 256."""
    max_pending_batches: Optional[int] = None
    """Batches that one pass may have asked for and not received, 1 to 65,536. Default 1024."""
    pin_threads: bool = False
    """Keep each worker thread on one core."""
    cache_dir: Optional[PathText] = None
    """Folder that keeps the index between starts. Default: ``$XDG_CACHE_HOME/bandwise`` or ``~/.cache/bandwise``."""
    log: Optional[str] = None
    """Level of the daemon's log: ``error``, ``warn``, ``info``, ``debug``, ``trace``, also by part. ``BANDWISE_LOG`` in the
    environment stands over it. Default ``warn``."""

    def __post_init__(self) -> None:
        mistakes: List[str] = []
        for name, (least, most) in RANGES.items():
            self._check_number(name, least, most, mistakes)
        for name in SWITCHES:
            if not isinstance(getattr(self, name), bool):
                mistakes.append(f"{name} must be True or False, not {getattr(self, name)!r}")
        for name in (*FILES, "cache_dir"):
            self._check_path(name, mistakes)
        if self.replay_shortage not in (None, "refuse", "recompute"):
            mistakes.append(f"replay_shortage must be 'refuse' or 'recompute', not {self.replay_shortage!r}")
        if self.splits not in (None, "auto", "never"):
            mistakes.append(f"splits must be 'auto' or 'never', not {self.splits!r}")
        if not (self.log is None or isinstance(self.log, str) and self.log):
            mistakes.append(f"log must be a level like 'info', not {self.log!r}")
        if mistakes:
            raise JobError("DaemonOptions: " + "; ".join(mistakes))

    def _check_number(self, name: str, least: int, most: int, mistakes: List[str]) -> None:
        value = getattr(self, name)
        if value is None or (name == "replay_memory_mib" and value == "auto"):
            return
        auto = "'auto' or " if name == "replay_memory_mib" else ""
        try:
            number = None if isinstance(value, bool) else operator.index(value)
        except TypeError:
            number = None
        if number is None or not least <= number <= most:
            mistakes.append(f"{name} must be {auto}a whole number from {least} to {most}, not {value!r}")
        else:
            object.__setattr__(self, name, number)

    def _check_path(self, name: str, mistakes: List[str]) -> None:
        value = getattr(self, name)
        if value is None:
            return
        try:
            # The daemon does not run in this folder, and knows no home.
            path = os.path.abspath(os.path.expanduser(os.fsdecode(value)))
            path.encode()
        except TypeError:
            mistakes.append(f"{name} must be a path, not {value!r}")
            return
        except UnicodeEncodeError:
            mistakes.append(f"{name} must be a path in UTF-8, not {value!r}")
            return
        object.__setattr__(self, name, path)
        if name in FILES and not os.path.isfile(path):
            mistakes.append(f"{name}: there is no file {path!r}")

    def given(self) -> List[str]:
        """Names of the options that differ from their defaults."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]

    def identity(self) -> Tuple[object, ...]:
        """The key by which options are compared: their values, and the content of lists as far as size and time tell."""
        lists = [os.stat(path) for path in (self.leave_out, self.keep) if path is not None]
        values = [(name, getattr(self, name)) for name in self.given()]
        return (*values, *((list_.st_size, list_.st_mtime_ns, list_.st_ino) for list_ in lists))

    def decode_limits(self) -> Tuple[int, int]:
        """The same limits for the job: pixels and bytes; 0 for a default."""
        return (self.max_megapixels or 0) * 1_000_000, (self.max_encoded_mib or 0) << 20


def toml(options: DaemonOptions, folder: str, name: str, defaults: Dict[str, Any]) -> str:
    """The configuration file of a daemon for a folder; ``defaults`` holds those that are the package's own."""
    values = {**defaults, **{option: getattr(options, option) for option in options.given()}}
    tables: Dict[str, List[str]] = {"": [], "decode_limits": [], "dataset": [f"name = {_toml(name)}"]}
    tables["dataset"].append(f"path = {_toml(folder)}")
    for option, value in values.items():
        table, _, key = KEYS[option].rpartition(".")
        tables[table].append(f"{key} = {_toml(value)}")
    return "\n".join([*tables[""], "[decode_limits]", *tables["decode_limits"], "[[dataset]]", *tables["dataset"], ""])


def _toml(value: Union[str, int, bool]) -> str:
    # JSON's texts, numbers and truth values are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
