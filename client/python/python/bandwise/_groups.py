"""The groups of a loader's options: frozen dataclasses that check their values when they are made.

Flat keywords of a loader are those that nearly every training sets and that `bandwise pull` also has. Each group is one
concern. `device` and `transport` also take the plain value that most programs need. Former keywords are one table
(`_moved.py`), translated with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Literal, Optional, Union

from . import _choices
from ._closed import closed, elsewhere
from ._daemon_options import DaemonOptions
from ._options import fingerprint_bytes, real, whole

MAX_PATIENCE = 31_536_000
"""A year, in seconds."""


class _Checked:
    """Writes what a check made of a value back into a frozen dataclass."""

    def _store(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


@closed(elsewhere("Transport"))
@dataclass(frozen=True)
class Transport(_Checked):
    """The transport of batches from a daemon to this process. It never changes their contents.

    ``transport="shm"`` is short for ``transport=Transport("shm")``.

    Parameters
    ----------
    kind:
        ``auto`` (default): shared memory if the daemon runs on this host and listens on a Unix socket, otherwise gRPC.
        ``shm`` and ``grpc`` require one of the two.
    prefetch:
        Number of batches requested ahead of the training loop, 1 to 65,536. Default 8. Shared memory holds two more
        than that. If you keep more batches, their values are copied out of it.
    patience:
        Seconds to wait while no daemon answers, or while no daemon can read a sample, 0 to 31,536,000 (a year). Default
        60. The logger ``bandwise`` warns when a daemon is lost or cannot read a sample, and reports when it is back. A
        private daemon that dies raises an error at once.
    priority:
        ``normal`` (default), or ``high`` for short work that others wait for, such as a validation.
    """

    kind: Literal["auto", "shm", "grpc"] = "auto"
    prefetch: int = 8
    patience: float = 60.0
    priority: Literal["normal", "high"] = "normal"

    def __post_init__(self) -> None:
        _choices.one_of("transport", self.kind)
        _choices.one_of("priority", self.priority)
        self._store(
            prefetch=whole("prefetch", self.prefetch, 1, 1 << 16),
            patience=real("patience", self.patience, 0, MAX_PATIENCE),
        )


@closed(elsewhere("Device"))
@dataclass(frozen=True)
class Device(_Checked):
    """The device on which batches are handed out, and the type of their arrays.

    ``device="cuda"`` is short for ``device=Device("cuda")``.

    Parameters
    ----------
    target:
        ``None`` or ``"cpu"`` (default): batches stay where they were received and are not copied. ``"cuda"``,
        ``"cuda:1"`` or a ``torch.device``: batches are copied to that GPU on a separate stream, one batch ahead of the
        training step. ``"cuda"`` means torch's current device when the ``for`` begins.
    dtype:
        Normalise the images on the device, into ``f16``, ``bf16`` or ``f32``. This requires the loader's
        ``dtype="u8"``, so that a quarter of the bytes of f32 travel, or half of those of f16. Default: hand out the
        images as they were received.
    arrays:
        The type of the arrays in a batch: ``torch``, ``numpy`` or ``raw`` (objects with ``__dlpack__`` and
        ``__array_interface__``). Default ``auto``: the first of these that is installed.
    """

    target: Any = None
    dtype: Any = None
    arrays: _choices.Arrays = "auto"

    def __post_init__(self) -> None:
        _choices.one_of("arrays", self.arrays)
        if self.dtype is not None:
            self._store(dtype=_choices.dtype("device_dtype", self.dtype, "Device(dtype=...)"))


@closed(elsewhere("BadSamples"))
@dataclass(frozen=True)
class BadSamples(_Checked):
    """The treatment of samples that cannot be decoded or read.

    Parameters
    ----------
    on_bad_sample:
        For a sample that cannot be decoded: ``substitute`` (default) uses the next sample that can be decoded, ``zero``
        gives a row of zeros with label -1, ``fail`` raises ``BadSampleError``.
    on_unreadable:
        For a sample that a daemon cannot read (missing, forbidden, not a file). ``fail`` (default) requests the batch
        again, from every daemon, until ``Transport.patience`` ends, and then raises ``UnreadableSampleError``.
        ``substitute`` uses the next sample that can be read and decoded, and lists it in ``Batch.substitutions``. With
        ``substitute``, batches depend on what a daemon could read at the time, so a resumed run or another daemon may
        give other batches.
    max_bad_fraction:
        The run fails if more than this fraction of its rows hold substitutes or zeros, 0 to 1. Default 0.01. The
        fraction is taken of at least 1000 rows.
    """

    on_bad_sample: Literal["substitute", "zero", "fail"] = "substitute"
    on_unreadable: Literal["fail", "substitute"] = "fail"
    max_bad_fraction: float = 0.01

    def __post_init__(self) -> None:
        _choices.one_of("on_bad_sample", self.on_bad_sample)
        _choices.one_of("on_unreadable", self.on_unreadable)
        self._store(max_bad_fraction=real("max_bad_fraction", self.max_bad_fraction, 0, 1))


@closed(elsewhere("Span"))
@dataclass(frozen=True)
class Span(_Checked):
    """The part of the run that a loader gives, and the batches that each ``for`` gives of it.

    Parameters
    ----------
    from_step:
        The first step, at least 0. Default 0.
    steps:
        The number of steps, at least 0. Default: all steps to the end of the plan.
    loop:
        What each ``for`` over the loader gives. ``epoch``: the rest of the current epoch. After a ``break``, the next
        ``for`` resumes with the next batch. After the last epoch it raises ``RunOverError``. ``run``: the rest of the
        run, for frameworks that treat the run as one long epoch. ``repeat``: the whole span, from ``from_step``, each
        time. Default ``auto``: ``repeat`` if ``plan.same_every_epoch`` is true, as with the recipe ``eval``, otherwise
        ``epoch``.
    expect_fingerprint:
        64 hex digits. The loader refuses to run a job with another fingerprint. Default: any job.
    """

    from_step: int = 0
    steps: Optional[int] = None
    loop: _choices.Loop = "auto"
    expect_fingerprint: Optional[str] = None

    def __post_init__(self) -> None:
        _choices.one_of("loop", self.loop)
        if self.expect_fingerprint:
            fingerprint_bytes(self.expect_fingerprint)
        self._store(
            from_step=whole("from_step", self.from_step, 0),
            steps=None if self.steps is None else whole("steps", self.steps, 0),
        )


@closed(elsewhere("ReplayBuffer"))
@dataclass(frozen=True)
class ReplayBuffer(_Checked):
    """The replay buffers of a job. These options decide which rows a step repeats.

    Parameters
    ----------
    chunk:
        Number of rows that stay together, at least 1. Default 0: the daemon's value, which is 4.
    lanes:
        Number of buffers into which a step is divided, each for its own part of the rows, at least 1. Default 0: the
        daemon's value, which is 1.
    steps:
        Longest buffer in steps, 1 to 65,536. Longer buffers of stages are cut to this length, which needs less memory.
        Default 0: the lengths in the curriculum.
    """

    chunk: int = 0
    lanes: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        self._store(**{name: whole(f"replay.{name}", getattr(self, name), 0) for name in ("chunk", "lanes", "steps")})


Group = Union[Transport, Device, BadSamples, Span, ReplayBuffer, DaemonOptions]

GROUPS: Dict[str, Any] = {
    "device": Device,
    "transport": Transport,
    "bad_samples": BadSamples,
    "span": Span,
    "replay": ReplayBuffer,
    "daemon": DaemonOptions,
}
"""The keyword of the loader that takes each group."""

SHORT = ("device", "transport")
"""Groups that a single value may stand for: that of their first option."""


def group(option: str, value: Any) -> Any:
    """The group that was given for an option of the loader, or that a single value stands for.

    Raises
    ------
    TypeError
        If the value is neither.
    """
    kind = GROUPS[option]
    if isinstance(value, kind):
        return value
    if option in SHORT:
        return kind(value)
    raise TypeError(f"{option} must be a bandwise.{kind.__name__}(...), not {value!r}")
