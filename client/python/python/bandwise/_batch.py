"""Batches, as a loader yields them.

Names of samples are requested only when a program wants them. A batch keeps the addresses to ask and not its loader, so a
batch that is kept keeps no daemon.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from . import _native
from ._errors import ConnectionError
from ._native import Array
from ._native import Batch as NativeBatch

Convert = Callable[[Array], Any]


class Substitution(NamedTuple):
    """A row that does not hold the sample of the order, which is undecodable or, with
    ``BadSamples(on_unreadable="substitute")``, could not be read."""

    row: int
    """Row of the step."""
    requested: int
    """Id of the sample of the order."""
    delivered: int
    """Id of the delivered sample; equal to ``requested`` for a row of zeros."""
    reason: str
    """The reason in a word: ``truncated``, ``corrupt`` ..., or ``unreadable_missing`` and the like."""
    name: str
    """Name of the requested sample; empty after the first 64 of a batch."""


def converter(arrays: str) -> Convert:
    """The converter of arrays for ``auto``, ``torch``, ``numpy`` or ``raw``. Imports the library that it needs."""
    if arrays == "auto":
        arrays = next((name for name in ("torch", "numpy") if importlib.util.find_spec(name)), "raw")
    if arrays == "torch":
        from torch.utils.dlpack import from_dlpack

        return lambda array: from_dlpack(array)
    if arrays == "numpy":
        import numpy

        # numpy has no bfloat16.
        return lambda array: array if array.dtype == "bfloat16" else numpy.asarray(array)
    if arrays == "raw":
        return lambda array: array
    raise AssertionError(f"arrays was checked, and is {arrays!r}")


class Names:
    """The source of the names of samples: not the loader, so that a batch that is kept keeps no daemon."""

    __slots__ = ("_addresses", "_dataset", "_digest", "_patience")

    def __init__(self, addresses: Sequence[str], dataset: str, digest: bytes, patience: float) -> None:
        self._addresses = addresses
        self._dataset = dataset
        self._digest = digest
        self._patience = patience

    def of(self, sample_ids: Sequence[int]) -> List[str]:
        """One name for each id."""
        if not sample_ids:
            return []
        try:
            names = _native.samples(self._addresses, self._dataset, self._digest, sample_ids, self._patience)
        except ConnectionError as error:
            raise ConnectionError(
                f"no daemon is left to name samples (tried {', '.join(self._addresses)}): names are requested when they "
                "are first used, so read them while the loader is open and its daemon runs"
            ) from error
        return [os.fsdecode(name) for name in names]


class Use:
    """Whether the program has used a batch, which this object does not keep."""

    __slots__ = ("is_used",)

    def __init__(self) -> None:
        self.is_used = False


class Batch:
    """One batch of one rank. It unpacks as ``images, labels = batch``.

    The images are not copied: they stay in the memory in which they were received, which is shared with the daemon if it
    runs on this host. You may write to that memory. It is reused when the batch and all its views are deleted, so keep
    ``images.clone()`` if you keep many batches. With a ``device``, images and labels are separate tensors on that
    device, and everything else is on the host.
    """

    __slots__ = ("_arrays", "_convert", "_inner", "_names", "_sample_names", "_shape", "_tensors", "_use")

    def __init__(self, images: Array, native: NativeBatch, convert: Convert, names: Names) -> None:
        self._inner = native
        self._use = Use()
        self._convert = convert
        self._names = names
        self._sample_names: Optional[List[str]] = None
        self._shape = f"{images.dtype}{list(images.shape)}"
        given = {"images": images, "labels": native.labels, "labels_b": native.labels_b, "lam": native.lam}
        self._arrays: Dict[str, Array] = {name: array for name, array in given.items() if array is not None}
        self._tensors: Dict[str, Any] = {}

    @property
    def _native(self) -> NativeBatch:
        """The native batch, which counts as used from now on."""
        self._use.is_used = True
        return self._inner

    def _tensor(self, name: str) -> Any:
        """The array as it is handed out; None if there is no such array."""
        if name not in self._tensors and name in self._arrays:
            self._tensors[name] = self._convert(self._arrays[name])
        return self._tensors.get(name)

    def _replace(self, tensors: Dict[str, Any]) -> None:
        """Hands out ``tensors`` instead, and keeps no memory but theirs."""
        self._tensors = tensors
        self._arrays = {}

    @property
    def images(self) -> Any:
        """The images: rows x 3 x B x B, or rows x B x B x 3 with ``layout="nhwc"``, in the loader's ``dtype``; B is
        ``bandwidth``. ``u8`` holds pixels of 0 to 255, the floats are normalised. With ``Device(dtype=...)``: in
        that type, normalised."""
        self._use.is_used = True
        return self._tensor("images")

    @property
    def labels(self) -> Any:
        """The class of each row, int64; -1 for a row of zeros (``BadSamples(on_bad_sample="zero")``)."""
        self._use.is_used = True
        return self._tensor("labels")

    @property
    def labels_b(self) -> Any:
        """The class of each row's partner, int64, if the recipe mixes rows, otherwise None."""
        self._use.is_used = True
        return self._tensor("labels_b")

    @property
    def lam(self) -> Any:
        """The share of each row's own label, float32 from 0 to 1, if the recipe mixes rows, otherwise None."""
        self._use.is_used = True
        return self._tensor("lam")

    @property
    def sample_ids(self) -> Any:
        """The id of the sample in each row, int64: its position in the index of the dataset."""
        return self._convert(self._native.sample_ids)

    @property
    def sample_names(self) -> List[str]:
        """The name of the sample in each row: its path below the folder of the dataset, as in ImageFolder.

        The first use asks the daemon, which takes about a millisecond on this host. A batch whose names are not used costs
        nothing. A name that is not UTF-8 is decoded as by ``os.fsdecode``.

        Raises
        ------
        bandwise.ConnectionError
            If no daemon is left, for example after the loader with a private daemon was closed.
        """
        if self._sample_names is None:
            self._sample_names = self._names.of(memoryview(self._native.sample_ids.tobytes()).cast("Q").tolist())
        return self._sample_names

    @property
    def substitutions(self) -> List[Substitution]:
        """The rows that hold a substitute or zeros instead of the sample of the order."""
        return [Substitution(*entry) for entry in self._native.substitutions]

    @property
    def step(self) -> int:
        """The optimiser step, from 0. With ``accumulate=A``, a step consists of A batches."""
        return self._native.step

    @property
    def first_row(self) -> int:
        """Position of the first row within the step."""
        return self._native.first_row

    @property
    def epoch(self) -> int:
        """The epoch, from 0: the number of passes over the data before this one. It never decreases."""
        return self._native.epoch

    @property
    def stage(self) -> int:
        """Index of the curriculum's stage."""
        return self._native.stage

    @property
    def bandwidth(self) -> int:
        """Side of the images in pixels."""
        return self._native.bandwidth

    @property
    def magnitude(self) -> float:
        """Strength of RandAugment, 0 to 10."""
        return self._native.magnitude

    @property
    def progress(self) -> float:
        """Share of the compute budget spent before this step, from 0 to below 1."""
        return self._native.progress

    @property
    def schedule_position(self) -> float:
        """Position on the learning-rate clock of the papers, from 0 to 1. It may decrease at the start of a stage."""
        return self._native.schedule_position

    @property
    def lr_factor(self) -> float:
        """The learning rate of the papers at this step, as a factor of its peak, from 0 to 1."""
        return self._native.lr_factor

    @property
    def is_shared(self) -> bool:
        """Whether the images are in memory shared with the daemon."""
        return self._native.is_shared

    def __iter__(self) -> Iterator[Any]:
        return iter((self.images, self.labels))

    def __repr__(self) -> str:
        native = self._inner
        return (
            f"Batch(step={native.step}, epoch={native.epoch}, stage={native.stage}, "
            f"images={self._shape})"
        )
