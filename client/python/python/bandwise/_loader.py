"""The loader: a replacement for a DataLoader.

Its flat keywords are those that nearly every training sets (data, curriculum, budget, batch, rank, seed, and the form of
the images), under the names that the command line has for them as well. Everything else is in the groups of `_groups.py`,
each for one concern, so that the list of keywords stays readable as options are added.
"""

from __future__ import annotations

import atexit
import os
import weakref
from types import TracebackType
from typing import Any, Dict, Iterable, Iterator, List, Literal, Optional, Type, Union

from . import _choices, _device, _ranks
from ._backend import Backend, Target
from ._batch import Batch
from ._daemon_options import DaemonOptions
from ._errors import Error, JobError
from ._groups import BadSamples, Device, ReplayBuffer, Span, Transport, group
from ._loop import Position
from ._options import fingerprint_bytes, name_or_file, real, whole
from ._plan import Plan
from ._unknown import explained
from ._where import Address

_OPEN: "weakref.WeakSet[Loader]" = weakref.WeakSet()


class Loader:
    """Batches of images and labels, in the order and at the resolutions of a curriculum.

    A loader is a position in a run of ``plan.epochs`` epochs. Each ``for`` over it gives the rest of the current epoch,
    and the next ``for`` gives the next epoch. A training never gets the same batches twice by accident. A validation
    (``recipe="eval"``) draws nothing at random, and each ``for`` over it gives all of it. ``Span`` changes this.

    Parameters
    ----------
    address_or_path:
        A folder of class folders, or the address of a daemon.

        For a folder, the loader starts a private daemon. All loaders of this user on this host that are given the same
        folder share that daemon, for example the ranks of torchrun. It stops with the last of them, however that process
        ends. It serves the files that it found when it started.

        An address is ``unix:/path`` or ``host:port``. Several addresses are given as a list, or separated by commas: first
        the daemon on this host, then the pool. The batches do not depend on which daemon makes them.
    batch_size:
        Number of rows in a batch of one rank, at least 1. A step has ``batch_size * accumulate * world_size`` rows.
    dataset:
        Name of the dataset at the daemon, or of a split if the folder contains ``train`` and ``val``. May be left out if
        there is only one.
    curriculum:
        The name of a curriculum, or the path of a TOML file. The names are ``efficienttrain++`` (default),
        ``efficienttrain``, ``efficienttrain++-deit``, ``efficienttrain++-convnext``, the variants with replay
        ``efficienttrain++-replay``, ``efficienttrain++-resnet-replay`` and ``efficienttrain++-deit-replay``, and ``none``,
        which shows 224 pixels throughout.
    recipe:
        The operations on each sample: the name of a recipe, or the path of a TOML file. The names are
        ``efficienttrain``, ``efficienttrain++``, ``plain`` (crop, flip, normalise), ``eval`` (for a validation) and
        ``mae``. Default: the recipe of the curriculum.
    epochs:
        The budget of the run, above 0. The curriculum decides whether this counts passes over the data, or the compute of
        passes at 224 pixels. Default 1.
    accumulate:
        Number of batches that each rank gets for one step (gradient accumulation), at least 1. Default 1.
    rank, world_size:
        The rank of this process, from 0, and the number of ranks. Default: the values of torch.distributed if it is
        initialised, otherwise those of the launcher: torchrun (``RANK``, ``WORLD_SIZE``), Slurm's srun, Open MPI, MPICH,
        Intel MPI or MVAPICH, otherwise 0 of 1. Contradictory values are an error. The logger ``bandwise`` reports the
        source at level INFO. Each rank gets different rows, so do not shard the data again.
    seed:
        The seed of the order and of every random draw, 0 to 2**64 - 1. Default 0.
    dtype:
        Element type of the images. ``f32`` (default), ``f16`` and ``bf16`` (torch only) are normalised; ``f16`` and
        ``bf16`` take half the bytes, for a model in half precision or under ``autocast``. ``u8`` gives pixels of 0 to 255,
        not normalised, in a quarter of the bytes; ``Device(dtype=...)`` normalises them on the GPU. Types of torch and
        numpy are accepted as well, for example ``torch.float32``.
    layout:
        Order of the dimensions: ``nchw`` (default) or ``nhwc``.
    fidelity:
        ``exact`` (default) gives the pixels of Pillow and timm. ``fast`` is cheaper, with a published error.
    low_frequency:
        The method that reduces images to the bandwidth of the stage: ``lanczos`` or ``fourier``. Default: the recipe's
        method.
    device:
        The device on which batches are handed out: ``None`` or ``"cpu"`` (default), ``"cuda"``, ``"cuda:1"``, a
        ``torch.device``, or a ``Device`` with more options: normalisation on the GPU, and numpy or raw arrays.
    transport:
        The transport of batches: ``auto`` (default), ``shm``, ``grpc``, or a ``Transport`` with more options: prefetch,
        priority, and the time to wait for a lost daemon.
    bad_samples:
        The treatment of samples that cannot be decoded or read. See ``BadSamples``.
    span:
        The steps of the run to give, the part of them that each ``for`` gives, and the expected fingerprint. See
        ``Span``.
    replay:
        The buffers of a curriculum with replay. See ``ReplayBuffer``.
    daemon:
        The configuration of the private daemon, for a folder only: threads, memory, limits, parts of the dataset, cache,
        log. See ``DaemonOptions``.

    Raises
    ------
    bandwise.ConnectionError, bandwise.JobError, bandwise.DatasetError, bandwise.FingerprintError,
    bandwise.BadSampleError, bandwise.UnreadableSampleError:
        All of them are ``bandwise.Error``. The first two are also Python's ``ConnectionError`` and ``ValueError``, and the
        last one is also an ``OSError``.
    TypeError:
        If an option does not exist, or has a value of a wrong type. The message names the option to use instead.

    Examples
    --------
    >>> loader = bandwise.Loader("/data/imagenet/train", epochs=200, batch_size=256)
    >>> for epoch in range(loader.plan.epochs):
    ...     for images, labels in loader:
    ...         loss = criterion(model(images), labels)
    """

    @explained
    def __init__(
        self,
        address_or_path: Address,
        *,
        batch_size: int,
        dataset: Optional[str] = None,
        curriculum: Union[str, "os.PathLike[str]"] = "efficienttrain++",
        recipe: Union[None, str, "os.PathLike[str]"] = None,
        epochs: float = 1.0,
        accumulate: int = 1,
        rank: Optional[int] = None,
        world_size: Optional[int] = None,
        seed: int = 0,
        dtype: Any = "f32",
        layout: Literal["nchw", "nhwc"] = "nchw",
        fidelity: Literal["exact", "fast"] = "exact",
        low_frequency: Optional[Literal["lanczos", "fourier"]] = None,
        device: Any = None,
        transport: Union[Literal["auto", "shm", "grpc"], Transport] = "auto",
        bad_samples: BadSamples = BadSamples(),
        span: Span = Span(),
        replay: ReplayBuffer = ReplayBuffer(),
        daemon: Optional[DaemonOptions] = None,
    ) -> None:
        target: Device = group("device", device)
        way: Transport = group("transport", transport)
        bad_samples, span, replay = group("bad_samples", bad_samples), group("span", span), group("replay", replay)
        daemon = None if daemon is None else group("daemon", daemon)
        dtype = _choices.dtype("dtype", dtype)
        layout = _choices.one_of("layout", layout)  # type: ignore[assignment]
        _device.check(target.target, target.dtype, dtype, target.arrays)
        rank, world_size, _ = _ranks.resolve(rank, world_size)
        self._share = (rank, world_size, whole("accumulate", accumulate, 1))
        expected = span.expect_fingerprint or ""
        job: Dict[str, Any] = {
            "curriculum": name_or_file("curriculum", curriculum),
            "epochs": real("epochs", epochs),
            "global_batch": whole(
                "batch_size x accumulate x world_size",
                whole("batch_size", batch_size, 1) * self._share[2] * world_size,
                1,
                2**64 - 1,
            ),
            "recipe": name_or_file("recipe", recipe),
            "seed": whole("seed", seed, 0, 2**64 - 1),
            "dtype": dtype,
            "layout": layout,
            "fidelity": _choices.one_of("fidelity", fidelity),
            "low_frequency": _choices.optional("low_frequency", low_frequency),
            "on_bad_sample": bad_samples.on_bad_sample,
            "on_unreadable": bad_samples.on_unreadable,
            "replay_chunk": replay.chunk,
            "replay_lanes": replay.lanes,
            "replay_buffer": replay.steps,
            "decode_limits": (daemon or DaemonOptions()).decode_limits(),
        }
        run: Dict[str, Any] = {
            "rank": rank,
            "world_size": world_size,
            "accumulate": self._share[2],
            "prefetch": way.prefetch,
            "transport": way.kind,
            "priority": way.priority,
            "patience": way.patience,
            "max_bad_fraction": bad_samples.max_bad_fraction,
        }
        arrays = target.arrays if _device.is_plain(target.target, target.dtype) else "torch"
        self._backend = Backend(job, run, Target(target.target, target.dtype, layout, arrays))
        try:
            self._backend.open(address_or_path, dataset, daemon, expected)
            self._position = Position(self._backend, self._share, span)
        except BaseException as error:
            try:
                if isinstance(error, Error):
                    self._backend.check_daemon(error)
            finally:
                self.close()
            raise
        _OPEN.add(self)

    # ---- properties ----------------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """Stages and steps of the whole run, over all ranks; prints as a table."""
        self._position.is_plan_known = True
        return self._backend.plan

    @property
    def classes(self) -> List[str]:
        """Names of the classes, in label order."""
        return list(self._backend.classes)

    @property
    def class_to_idx(self) -> Dict[str, int]:
        """Label of each class name, as torchvision's ImageFolder has it."""
        return {name: label for label, name in enumerate(self._backend.classes)}

    def sample_names(self, sample_ids: Iterable[int]) -> List[str]:
        """The names of samples: their paths below the folder of the dataset, as in ImageFolder. Sample ids are 0 to
        ``plan.dataset_samples`` - 1. This asks the daemon once for each 8192 ids, which takes a few milliseconds.

        Raises
        ------
        bandwise.JobError
            If an id does not exist.
        bandwise.ConnectionError
            If no daemon is left.
        """
        ids = [int(sample) for sample in sample_ids]
        if any(sample < 0 for sample in ids):
            raise JobError(f"sample ids must be at least 0, not {min(ids)}")
        return self._backend.names.of(ids)

    def __len__(self) -> int:
        """The number of batches that the next ``for`` gives this rank. Inside a ``for``: the number of all its batches. For
        the length of the whole run, see ``plan``."""
        return len(self._position)

    def __repr__(self) -> str:
        return (
            f"Loader({', '.join(self._backend.addresses)}: {self._backend.plan.curriculum}, steps {self._position.first} to "
            f"{self._position.end}, rank {self._share[0]} of {self._share[1]}, at step {self._position.step})"
        )

    # ---- iterating ------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        self._backend.check_usable()
        return self._position.begin(self)

    def epoch_iter(self) -> Iterator[Batch]:
        """The batches of the rest of the current epoch, whatever ``Span.loop`` is: what a ``for`` gives with
        ``loop="epoch"``. Prefetching continues into the next epoch."""
        self._backend.check_usable()
        return self._position.begin_epoch(self)

    def set_epoch(self, epoch: int) -> None:
        """Moves the loader to the start of an epoch, counted from 0, unless it is already in that epoch. So loops written
        for a DistributedSampler work, and nothing moves. With ``loop="run"`` and ``loop="repeat"`` this has no effect on
        a ``for``."""
        self._position.set_epoch(epoch)

    def reset(self) -> None:
        """Moves the loader back to ``Span.from_step``: the next ``for`` gives the same images in the same order again."""
        self._backend.check_usable()
        self._position.move(self._position.first)

    def state_dict(self) -> Dict[str, Any]:
        """The position after the last batch that was handed out, for ``torch.save`` or JSON. If only some batches of a
        step were handed out, the position is the start of that step. The state of one rank serves all ranks, and any
        number of ranks."""
        fields = [list(field) for field in self._backend.plan.fields]
        return {"fingerprint": self._backend.plan.fingerprint, "step": self._position.step, "fields": fields}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Resumes at the position of ``state_dict``: the next ``for`` gives the rest of the interrupted epoch. The number of
        ranks, ``batch_size`` and ``accumulate`` may differ, as long as a step has the same number of rows.

        Raises
        ------
        bandwise.FingerprintError
            If the state belongs to another job. The message names the fields that differ.
        """
        try:
            step = int(state_dict["step"])
            fields = [(str(name), str(value)) for name, value in state_dict["fields"]]
            fingerprint = str(state_dict["fingerprint"])
        except (KeyError, TypeError, ValueError) as error:
            raise JobError("state_dict must be that of a loader, with fingerprint, step and fields") from error
        self._backend.check_fingerprint(fingerprint, fields)
        if not 0 <= step <= self._backend.plan.steps:
            raise JobError(f"the step of a state must be from 0 to {self._backend.plan.steps}, the end of the plan, not {step}")
        self._position.move(step, resumed=True)

    # ---- the end --------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends all iterators and their work on the daemons, and leaves the private daemon. Batches that were handed out
        remain valid. The end of a ``with`` calls this, and so does garbage collection."""
        backend = self._backend
        if backend.closed:
            return
        if hasattr(self, "_position") and os.getpid() == backend.owner:
            self._position.warn_if_unfinished()
        backend.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A module may have been emptied before, at the end of the interpreter: then the system closes everything.
        if hasattr(self, "_backend") and os is not None:
            self.close()

    @staticmethod
    def _say_at_exit() -> None:
        for loader in list(_OPEN):
            if not loader._backend.closed and loader._backend.owner == os.getpid():
                loader._position.warn_if_unfinished()

    def __reduce__(self) -> Any:
        # `spawn`, DataLoader's workers and deepcopy would need it, but threads and sockets belong to this process.
        raise TypeError(
            "a Loader can be neither pickled nor copied: make it in the process that uses it; to resume a run elsewhere, use "
            "its state_dict()"
        )


# At the end of the interpreter it is too late to say anything.
atexit.register(Loader._say_at_exit)
