"""Options of a private daemon: the keys of the daemon's configuration, except those that the package sets itself.

They are part of the key by which daemons are shared (`_start.kind`), with the size and time of the lists of samples: a
loader with other options gets another daemon, and the log reports it. A test compares them with the keys of
`deploy/bandwise.toml`.
"""

from __future__ import annotations

import json
import operator
import os
from dataclasses import dataclass, fields
from typing import Any, Dict, List, Literal, Optional, Tuple, Union, get_args

from ._closed import closed, elsewhere
from ._errors import JobError

PathText = Union[str, bytes, "os.PathLike[str]"]

KEYS = {
    "threads": "threads",
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
    "fetch_mib": "fetch_mib",
    "max_fetches": "max_fetches",
    "fetch_seconds": "fetch_seconds",
    "shared_memory_mib": "shared_memory_mib",
    "replay_memory_mib": "replay_memory_mib",
    "replay_shortage": "replay_shortage",
    "max_batch_mib": "max_batch_mib",
    "max_streams": "max_streams",
    "max_pending_batches": "max_pending_batches",
    "max_connections": "max_connections",
    "max_connections_per_peer": "max_connections_per_peer",
    "handshake_seconds": "handshake_seconds",
    "drain_seconds": "drain_seconds",
    "pin_threads": "pin_threads",
    "admin": "admin",
    "allow_insecure_tcp": "allow_insecure_tcp",
    "cache_dir": "cache_dir",
    "seek_points": "seek_points",
    "seek_spacing": "seek_spacing",
    "seek_mib": "seek_mib",
    "log": "log",
}
"""Each option's key in the configuration of the daemon."""

RANGES = {
    "threads": (1, 1024),
    "max_megapixels": (1, 10_000),
    "max_encoded_mib": (1, 65_536),
    "prefetch_mib": (1, 1 << 24),
    "fetch_mib": (1, 1 << 24),
    "max_fetches": (1, 1024),
    "fetch_seconds": (1, 3600),
    "shared_memory_mib": (0, 1 << 24),
    "replay_memory_mib": (0, 1 << 24),
    "max_batch_mib": (1, 2048),
    "max_streams": (1, 65_536),
    "max_pending_batches": (1, 65_536),
    "max_connections": (1, 1 << 20),
    "max_connections_per_peer": (1, 1 << 20),
    "handshake_seconds": (1, 3600),
    "drain_seconds": (0, 86_400),
    "seek_spacing": (1, 4096),
    "seek_mib": (1, 1 << 20),
}
"""Whole numbers, with the least and the most of each."""

Splits = Literal["auto", "never"]
ReplayShortage = Literal["refuse", "recompute"]

CHOICES = {"splits": get_args(Splits), "replay_shortage": get_args(ReplayShortage)}
"""Words that the daemon has for an option."""

SWITCHES = ("allow_empty_classes", "content", "verify_index", "rescan", "pin_threads", "allow_insecure_tcp", "seek_points")
FILES = ("leave_out", "keep")


OF_PACKAGE = ("listen", "source", "name", "path")
"""Keys of the configuration that the package sets itself."""

INSTEAD = {
    **elsewhere("DaemonOptions"),
    **{name: "the package sets it; to choose it, start a daemon with `bandwise serve --config FILE`" for name in OF_PACKAGE},
}


@closed(INSTEAD)
@dataclass(frozen=True)
class DaemonOptions:
    """The configuration of the private daemon of a folder: ``Loader(FOLDER, daemon=DaemonOptions(...))``.

    These are the keys of the configuration file of ``bandwise serve``. Loaders share a daemon only if all of these options
    are equal. ``None`` always means the default.

    Parameters
    ----------
    threads:
        Worker threads, 1 to 1024. Default: one for each core that this process may use, regardless of the number of ranks,
        since all ranks share the daemon.
    leave_out:
        A file that lists samples to leave out, one ``class/file.jpg`` a line. Applied after ``keep``.
    keep:
        A file that lists the samples to keep, in the same form. Default: all samples.
    allow_empty_classes:
        Accept class folders that contain no image. They usually mean that a copy was interrupted, and labels
        depend on them.
    splits:
        ``auto`` (default): the folder may contain ``train``, ``val`` and ``test``. ``never``: the folder is one dataset,
        whatever its class folders are called.
    content:
        Include the content of every sample in the fingerprint, not only names, classes and sizes. The first start reads all
        files, later starts read those that changed.
    verify_index:
        Check size and times of every file at each start, so that a file replaced in place is noticed. ``False``: check
        the folders only, for network file systems on which the full check takes minutes.
    rescan:
        List all files again instead of using the stored index.
    max_megapixels:
        Largest image in megapixels, 1 to 10,000. A larger image counts as undecodable. Part of the job. Default 100.
    max_encoded_mib:
        Largest file of a sample in MiB, 1 to 65,536. Part of the job. Default 256.
    prefetch_mib:
        Memory for batches in progress or waiting to be sent, in MiB, 1 to 16,777,216. Default: 1024 for each rank of the
        host.
    fetch_mib:
        Memory for files that are not in the page cache, while they are fetched from storage and wait for a worker, in MiB,
        1 to 16,777,216. Default 256.
    max_fetches:
        Largest number of files fetched from storage at a time, 1 to 1024. Default 32.
    fetch_seconds:
        Seconds after which a file that storage has not delivered counts as unreadable, 1 to 3600. Default 30.
    shared_memory_mib:
        Memory shared with loaders, in MiB, 0 to 16,777,216. 0 means none. Default: 4096 for each rank of the host.
    replay_memory_mib:
        Memory for rows that later steps replay, in MiB, 0 to 16,777,216, or ``auto`` (default): half of the memory that the
        process may still use.
    replay_shortage:
        What to do with a job whose replay buffer does not fit: ``refuse`` (default), or ``recompute`` what does not fit.
    max_batch_mib:
        Largest batch in MiB, 1 to 2048. Default 2048.
    max_streams:
        Largest number of streams open at a time, over all loaders, 1 to 65,536. Default 256.
    max_pending_batches:
        Largest number of batches that one stream has requested and not received, 1 to 65,536. Default 1024.
    max_connections:
        Largest number of connections open at a time, 1 to 1,048,576. Default 4096.
    max_connections_per_peer:
        Largest number of connections of one process, 1 to 1,048,576. Default 256.
    handshake_seconds:
        Seconds in which a new connection must send its first request, 1 to 3600. Default 10.
    drain_seconds:
        Seconds that open streams have to finish after SIGTERM, 0 to 86,400. Default 30.
    pin_threads:
        Keep each worker thread on one core.
    admin:
        ``HOST:PORT`` of an HTTP server with metrics (``/metrics``) and status. Default: none. Two daemons cannot use the
        same port.
    allow_insecure_tcp:
        Allow an ``admin`` address that other hosts can reach, although it is neither encrypted nor authenticated.
    cache_dir:
        Folder that keeps the index between starts. Default: ``$XDG_CACHE_HOME/bandwise`` or ``~/.cache/bandwise``.
    seek_points:
        Keep places in the coded data of JPEGs at which decoding may begin, in ``cache_dir``: later epochs read what a crop
        needs and no more. They take less than 1 % of the bytes of the images and never change a pixel.
    seek_spacing:
        MCUs (16 or 8 pixels) from one such place to the next, 1 to 4096. Default 8.
    seek_mib:
        Largest file of such places of a dataset in MiB, 1 to 1,048,576. Default 16,384.
    log:
        Level of the daemon's log: ``off``, ``error``, ``warn``, ``info``, ``debug`` or ``trace``, also by part. The
        environment variable ``BANDWISE_LOG`` overrides it. Default ``warn``.

    Raises
    ------
    bandwise.JobError
        If a value is out of range or a file is missing. The message lists all mistakes.
    """

    threads: Optional[int] = None
    leave_out: Optional[PathText] = None
    keep: Optional[PathText] = None
    allow_empty_classes: bool = False
    splits: Optional[Splits] = None
    content: bool = False
    verify_index: bool = True
    rescan: bool = False
    max_megapixels: Optional[int] = None
    max_encoded_mib: Optional[int] = None
    prefetch_mib: Optional[int] = None
    fetch_mib: Optional[int] = None
    max_fetches: Optional[int] = None
    fetch_seconds: Optional[int] = None
    shared_memory_mib: Optional[int] = None
    replay_memory_mib: Union[None, int, Literal["auto"]] = None
    replay_shortage: Optional[ReplayShortage] = None
    max_batch_mib: Optional[int] = None
    max_streams: Optional[int] = None
    max_pending_batches: Optional[int] = None
    max_connections: Optional[int] = None
    max_connections_per_peer: Optional[int] = None
    handshake_seconds: Optional[int] = None
    drain_seconds: Optional[int] = None
    pin_threads: bool = False
    admin: Optional[str] = None
    allow_insecure_tcp: bool = False
    cache_dir: Optional[PathText] = None
    seek_points: bool = True
    seek_spacing: Optional[int] = None
    seek_mib: Optional[int] = None
    log: Optional[str] = None

    def __post_init__(self) -> None:
        mistakes: List[str] = []
        for name, (least, most) in RANGES.items():
            self._check_number(name, least, most, mistakes)
        for name in SWITCHES:
            if not isinstance(getattr(self, name), bool):
                mistakes.append(f"{name} must be True or False, not {getattr(self, name)!r}")
        for name in (*FILES, "cache_dir"):
            self._check_path(name, mistakes)
        for name, words in CHOICES.items():
            if getattr(self, name) not in (None, *words):
                mistakes.append(f"{name} must be {' or '.join(map(repr, words))}, not {getattr(self, name)!r}")
        for name, example in (("log", "a level like 'info'"), ("admin", "HOST:PORT")):
            text = getattr(self, name)
            if not (text is None or isinstance(text, str) and text):
                mistakes.append(f"{name} must be {example}, not {text!r}")
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
    # JSON's texts, numbers and truth values are TOML's, except for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
