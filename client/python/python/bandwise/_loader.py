"""The loader: what stands in the place of a DataLoader."""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from types import TracebackType
from typing import Any, Dict, Iterable, Iterator, List, Literal, Optional, Sequence, Tuple, Type, Union

from . import _choices, _device, _native, _ranks
from ._batch import Batch, Convert, Names
from ._daemon import DYING_SECONDS, PrivateDaemon
from ._daemon_options import DaemonOptions
from ._errors import Error, FingerprintError, JobError
from ._loop import Position
from ._options import ReplayBuffer, fingerprint_bytes, name_or_file, of_type, real, whole
from ._pass import Pass
from ._plan import Plan
from ._unknown import explained
from ._where import Address, find, read

_LOG = logging.getLogger("bandwise")


_OPEN: "weakref.WeakSet[Loader]" = weakref.WeakSet()


class Loader:
    """Batches of images with labels, in the order and at the resolutions of a curriculum.

    A loader is a position in a run of ``plan.epochs`` epochs. Each ``for`` over it gives the rest of an epoch, and the next
    ``for`` another one: never the same images again. A validation, which draws nothing, is given whole by each ``for``.
    See ``loop``.

    Parameters
    ----------
    address_or_path:
        A folder of class folders, for which a private daemon is started. All loaders of this user on this host that are
        given the same folder share it, like the ranks of torchrun, and it ends with the last of them, however that
        ends; it has the files that it found when it started. Or the address of a daemon, ``unix:/path`` or
        ``host:port``; or several, as a list or with commas: the one of this host first, then the pool. Batches do not
        depend on which daemon makes them.
    dataset:
        Name of the dataset at the daemon; in a folder that holds ``train`` and ``val``, one of these. Default: the only
        one there is.
    curriculum:
        ``efficienttrain++`` (default), ``efficienttrain``, ``efficienttrain++-deit``, ``efficienttrain++-convnext``,
        ``efficienttrain++-replay``, ``efficienttrain++-resnet-replay``, ``efficienttrain++-deit-replay``, ``none`` (224
        pixels throughout), or the path of a TOML file.
    recipe:
        What happens to a sample: ``efficienttrain``, ``efficienttrain++``, ``plain``, ``eval``, ``mae``, or the path of
        a TOML file. Default: the curriculum's.
    epochs:
        Budget, above 0; the curriculum says whether in passes over the data or in epochs' worth of 224-pixel compute.
        Default 1.
    batch_size:
        Rows that one rank gets at once, at least 1. A step has ``batch_size * accumulate * world_size`` rows.
    accumulate:
        Batches that a rank gets for one step (gradient accumulation), at least 1. Default 1.
    rank, world_size:
        This rank, from 0, and how many there are. Default: what torch.distributed says, if it is initialised; else the
        launcher: torchrun (``RANK``, ``WORLD_SIZE``), Slurm's srun, Open MPI, MPICH, Intel MPI, MVAPICH; else 0 of 1.
        If they contradict each other, that is an error. The logger ``bandwise`` says at level INFO who was believed.
        Every rank gets its own rows: do not shard again.
    seed:
        Seed of every draw and of the order, 0 to 2**64 - 1. Default 0.
    dtype:
        Element type of the images: ``f32`` (default; what a float32 model takes as it is), ``f16`` or ``bf16`` (torch
        only; half the bytes, for a model in half precision or under ``autocast``), normalised; or ``u8``, pixels of 0 to
        255, not normalised, a quarter of the bytes: see ``device_dtype``. Also as torch and numpy have them, like
        ``torch.float32``.
    layout:
        ``nchw`` (default) or ``nhwc``.
    fidelity:
        ``exact`` (default; the pixels of Pillow and timm) or ``fast`` (cheaper, with a published error).
    low_frequency:
        How images are reduced to the stage's bandwidth: ``lanczos`` or ``fourier``. Default: the recipe's.
    on_bad_sample:
        For undecodable samples: ``substitute`` (default; the next decodable one), ``zero`` (a row of zeros with label
        -1) or ``fail``.
    on_unreadable:
        For samples that a daemon cannot read (missing, forbidden, no file): ``fail`` (default; the batch is asked for
        again, at every daemon, for up to ``patience``, then ``UnreadableSampleError``) or ``substitute`` (the next one
        that can be read and decoded; each is in ``Batch.substitutions``). It is part of the job. With ``substitute``
        batches depend on what a daemon could read at the time, so a resumed run or another daemon may give others.
    max_bad_fraction:
        The run fails when more than this fraction of its rows (of 1000 while they are fewer) hold substitutes or
        zeros; 0 to 1. Default 0.01.
    transport:
        ``auto`` (default: shared memory on the daemon's host, over its Unix socket, else gRPC), ``shm`` or ``grpc``.
    priority:
        ``normal`` (default), or ``high`` for short work that others wait for, like a validation.
    device:
        Where batches are handed out: ``None`` or ``"cpu"`` (default; where they were received, without a copy), or
        ``"cuda"``, ``"cuda:1"``, a ``torch.device``: copied there on a stream of their own, one batch ahead of the
        training step. ``"cuda"`` is torch's current device at the beginning of the ``for``.
    device_dtype:
        With ``dtype="u8"``: the images are normalised on the device, into ``f16``, ``bf16`` or ``f32``. A quarter
        of the bytes of f32 on the way, half of those of f16. Default: pixels stay pixels.
    arrays:
        What batches hold: ``torch``, ``numpy`` or ``raw`` (objects with ``__dlpack__`` and ``__array_interface__``).
        Default ``auto``: the first of these that is installed.
    prefetch:
        Batches asked for ahead, 1 to 65,536. Default 8. Shared memory has room for two more; of those that you keep
        beyond that, the values are copied out of it.
    from_step:
        The first step. Default 0.
    steps:
        How many steps. Default: to the end of the plan.
    loop:
        What a ``for`` over the loader gives. ``epoch``: from where the loader stands to the end of that epoch; behind a
        ``break`` the next one goes on with the next batch, and when the run is over it raises ``RunOverError``.
        ``run``: the same to the end of the run, for frameworks to which the run is one long epoch. ``repeat``: all of
        it, from ``from_step``, each time. Default ``auto``: ``repeat`` where ``plan.same_every_epoch``, as with the
        recipe ``eval``, else ``epoch``.
    expect_fingerprint:
        64 hex digits: the loader refuses to run any other job.
    patience:
        Seconds to wait for a daemon while there is none, while none of several answers, or while none can read a sample,
        0 to a year. Default 60. The logger ``bandwise`` warns when one is lost or cannot read a sample, and when it is
        back. A private daemon that dies is an error at once.
    threads:
        Worker threads of a private daemon, 1 to 1024. Default: all cores that this process may use, whatever the
        number of ranks, since they share the daemon. Loaders share one only if they give the same number here and may
        use the same cores.
    daemon:
        More options of a private daemon, for a folder only: parts of the dataset, limits, memory, cache, log; see
        ``DaemonOptions``.
    replay:
        How the buffers of stages that replay are made up; see ``ReplayBuffer``.

    Raises
    ------
    bandwise.ConnectionError, bandwise.JobError, bandwise.DatasetError, bandwise.FingerprintError,
    bandwise.BadSampleError, bandwise.UnreadableSampleError:
        All are ``bandwise.Error``; the first two are also Python's ``ConnectionError`` and ``ValueError``, the last one
        ``OSError``.
    TypeError:
        For values that an option can never have, and options that there are not; it says what stands in their place.

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
        on_bad_sample: Literal["substitute", "zero", "fail"] = "substitute",
        on_unreadable: Literal["fail", "substitute"] = "fail",
        max_bad_fraction: float = 0.01,
        transport: Literal["auto", "shm", "grpc"] = "auto",
        priority: Literal["normal", "high"] = "normal",
        device: Any = None,
        device_dtype: Any = None,
        arrays: Literal["auto", "torch", "numpy", "raw"] = "auto",
        prefetch: int = 8,
        from_step: int = 0,
        steps: Optional[int] = None,
        loop: Literal["auto", "epoch", "run", "repeat"] = "auto",
        expect_fingerprint: Optional[str] = None,
        patience: float = 60.0,
        threads: Optional[int] = None,
        daemon: Optional[DaemonOptions] = None,
        replay: ReplayBuffer = ReplayBuffer(),
    ) -> None:
        # First, so that `close` works wherever the rest fails.
        self._owner = os.getpid()
        self._closed = False
        self._daemon: Optional[PrivateDaemon] = None
        self._passes: "weakref.WeakSet[Pass]" = weakref.WeakSet()
        replay, daemon = of_type("replay", replay, ReplayBuffer), daemon and of_type("daemon", daemon, DaemonOptions)
        dtype = _choices.dtype("dtype", dtype)
        device_dtype = None if device_dtype is None else _choices.dtype("device_dtype", device_dtype)
        _device.check(device, device_dtype, dtype, arrays)
        self._target = (device, device_dtype, layout)
        self._arrays = _choices.one_of("arrays", arrays) if _device.is_plain(device, device_dtype) else "torch"
        self._convert: Optional[Convert] = None
        self._rank, self._world_size, _ = _ranks.place(rank, world_size)
        self._accumulate = whole("accumulate", accumulate, 1)
        first, number = whole("from_step", from_step, 0), None if steps is None else whole("steps", steps, 0)
        expected = fingerprint_bytes(expect_fingerprint) if expect_fingerprint else b""
        self._job: Dict[str, Any] = {
            "curriculum": name_or_file("curriculum", curriculum),
            "epochs": real("epochs", epochs),
            "global_batch": whole(
                "batch_size x accumulate x world_size",
                whole("batch_size", batch_size, 1) * self._accumulate * self._world_size,
                1,
                2**64 - 1,
            ),
            "recipe": name_or_file("recipe", recipe),
            "seed": whole("seed", seed, 0, 2**64 - 1),
            "dtype": dtype,
            "layout": _choices.one_of("layout", layout),
            "fidelity": _choices.one_of("fidelity", fidelity),
            "low_frequency": _choices.optional("low_frequency", low_frequency),
            "on_bad_sample": _choices.one_of("on_bad_sample", on_bad_sample),
            "on_unreadable": _choices.one_of("on_unreadable", on_unreadable),
            "replay_chunk": whole("replay.chunk", replay.chunk, 0),
            "replay_lanes": whole("replay.lanes", replay.lanes, 0),
            "decode_limits": (daemon or DaemonOptions()).decode_limits(),
            "replay_buffer": whole("replay.steps", replay.steps, 0),
        }
        self._run: Dict[str, Any] = {
            "rank": self._rank,
            "world_size": self._world_size,
            "accumulate": self._accumulate,
            "prefetch": whole("prefetch", prefetch, 1, 1 << 16),
            "transport": _choices.one_of("transport", transport),
            "priority": _choices.one_of("priority", priority),
            "patience": real("patience", patience, 0, 31_536_000),
            "max_bad_fraction": real("max_bad_fraction", max_bad_fraction, 0, 1),
            "expected": (expected, []),
        }
        try:
            self._addresses = self._reach(address_or_path, threads, daemon)
            self._resolve(dataset, expected)
            share = (self._rank, self._world_size, self._accumulate)
            self._position = Position(self._plan, share, first, number, loop)
            if device_dtype is not None:
                _device.mean_and_std(self._plan)
        except BaseException as error:
            try:
                if isinstance(error, Error):
                    self._check_daemon(error)
            finally:
                self.close()
            raise
        _OPEN.add(self)

    # ---- the daemon -----------------------------------------------------------------------------------------

    def _reach(self, address_or_path: Address, threads: Optional[int], options: Optional[DaemonOptions]) -> List[str]:
        """The addresses, of a private daemon if a folder is given."""
        number = None if threads is None else whole("threads", threads, 1, 1024)
        folder, addresses = read(address_or_path)
        if folder is not None:
            self._daemon = PrivateDaemon(folder, number, options or DaemonOptions())
            return [self._daemon.address]
        if options is not None:
            raise JobError(
                "daemon=DaemonOptions(...) is for a folder and has no effect on a daemon that runs already; give a "
                f"folder, or set {', '.join(options.given()) or 'its keys'} in the configuration of the daemon"
            )
        return addresses

    def _check_daemon(self, error: Optional[Error] = None) -> None:
        """Raises if a private daemon has died; that says more than an ``error`` that came of it."""
        if self._daemon is not None:
            self._daemon.check(DYING_SECONDS if isinstance(error, ConnectionError) else 0.0)

    def _resolve(self, dataset: Optional[str], expected: bytes) -> None:
        """Finds the dataset, its classes and the plan."""
        patience: float = self._run["patience"]
        found = find(self._addresses, dataset, self._daemon.dataset if self._daemon else None, patience)
        self._job["dataset"], self._classes, addresses, left = found.dataset, found.classes, found.addresses, found.left()
        self._plan = Plan._of(_native.plan(addresses, self._job, left), self._job["epochs"])
        digest = bytes.fromhex(dict(self._plan.fields)["dataset.digest"])
        self._names = Names(self._addresses, found.dataset, digest, patience)
        for warning in (*found.warnings, *self._plan.warnings):
            _LOG.warning("%s", warning)
        if expected:
            self._check_fingerprint(expected.hex(), [])

    def _check_fingerprint(self, expected: str, fields: List[Tuple[str, str]]) -> None:
        if expected == self._plan.fingerprint:
            return
        here = dict(self._plan.fields)
        then = dict(fields)
        names = [name for name in {**then, **here} if fields and then.get(name) != here.get(name)]
        differing = [f"{name}: {then.get(name, '(absent)')} -> {here.get(name, '(absent)')}" for name in names]
        error = FingerprintError(
            f"this job has the fingerprint {self._plan.fingerprint}, and {expected} was expected"
            + "".join(f"\n  {line}" for line in differing)
            + "\nmake the options of the loader those of the run that is continued, or begin a new run"
        )
        error.detail = {"reason": "fingerprint_differs", "differing_fields": differing}
        raise error

    def _check_process(self) -> None:
        if os.getpid() != self._owner:
            raise Error(
                "this loader was made before a fork and belongs to the parent process; make a new one in the child"
            )

    def _check_usable(self) -> None:
        self._check_process()
        if self._closed:
            raise Error("the loader is closed; make a new one")

    # ---- what it says ---------------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """Stages and steps of the whole run, over all ranks; prints as a table."""
        self._position.is_plan_known = True
        return self._plan

    @property
    def classes(self) -> List[str]:
        """Names of the classes, in label order."""
        return list(self._classes)

    @property
    def class_to_idx(self) -> Dict[str, int]:
        """Label of each class name, as torchvision's ImageFolder has it."""
        return {name: label for label, name in enumerate(self._classes)}

    def sample_names(self, sample_ids: Iterable[int]) -> List[str]:
        """Names of samples by their ids (0 to ``plan.dataset_samples`` - 1): paths below the dataset's folder, as
        ImageFolder has them. One question to the daemon for 8192 of them, of some milliseconds.

        Raises
        ------
        bandwise.JobError
            If there is no such sample.
        bandwise.ConnectionError
            If no daemon is there any more.
        """
        ids = [int(sample) for sample in sample_ids]
        if any(sample < 0 for sample in ids):
            raise JobError(f"sample ids begin at 0, and one is {min(ids)}")
        return self._names.of(ids)

    def __len__(self) -> int:
        """Batches that the next ``for`` gives this rank; within one, those of all of it. Of the whole run: see ``plan``."""
        return len(self._position)

    def __repr__(self) -> str:
        return (
            f"Loader({', '.join(self._addresses)}: {self._plan.curriculum}, steps {self._position.first} to "
            f"{self._position.end}, rank {self._rank} of {self._world_size}, at step {self._position.step})"
        )

    # ---- iterating ------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        self._check_usable()
        return self._position.begin(self)

    def epoch_iter(self) -> Iterator[Batch]:
        """The batches from where the loader stands to the end of that epoch, whatever ``loop`` says: what a ``for`` gives
        with ``loop="epoch"``. What comes next is prefetched over the borders of epochs."""
        self._check_usable()
        return self._position.begin_epoch(self)

    def set_epoch(self, epoch: int) -> None:
        """The next ``for`` begins with this epoch, from 0, if the loader stands in another one. In loops written for a
        DistributedSampler it stands there anyhow, and nothing happens. A ``for`` that goes through the whole run, as
        ``loop`` may say, ignores it."""
        self._position.set_epoch(epoch)

    def reset(self) -> None:
        """Goes back to ``from_step``, on purpose: the next ``for`` gives the same images in the same order again."""
        self._check_usable()
        self._position.move(self._position.first)

    def state_dict(self) -> Dict[str, Any]:
        """Where the run stands, behind the last batch that was handed out; for ``torch.save`` or JSON. A step of which
        some batches were handed out counts as not begun. Any rank's will do for all, and for any number of ranks."""
        fields = [list(field) for field in self._plan.fields]
        return {"fingerprint": self._plan.fingerprint, "step": self._position.step, "fields": fields}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken, with the next ``for``, which ends with the epoch that was begun. Ranks, ``batch_size`` and ``accumulate`` may
        be others, as long as a step has as many rows.

        Raises
        ------
        bandwise.FingerprintError
            If this loader's job is another one; it names the fields that differ.
        """
        try:
            step = int(state_dict["step"])
            fields = [(str(name), str(value)) for name, value in state_dict["fields"]]
            fingerprint = str(state_dict["fingerprint"])
        except (KeyError, TypeError, ValueError) as error:
            raise JobError("this is no state of a loader: it has no fingerprint, step and fields") from error
        self._check_fingerprint(fingerprint, fields)
        if not 0 <= step <= self._plan.steps:
            raise JobError(f"step {step} is beyond the plan, which has {self._plan.steps} steps")
        self._position.move(step, resumed=True)

    # ---- the end --------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends everything: iterators, their work on the daemons, a private daemon. Batches that were handed out stay.
        Called by ``with``, and when the loader is collected."""
        if self._closed:
            return
        self._closed = True
        if os.getpid() != self._owner:
            return
        if hasattr(self, "_position"):
            self._position.warn_if_unfinished()
        for iterator in list(self._passes):
            iterator.close()
        if self._daemon is not None:
            self._daemon.close()

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
        if hasattr(self, "_passes") and os is not None:
            self.close()

    @staticmethod
    def _say_at_exit() -> None:
        for loader in list(_OPEN):
            if not loader._closed and loader._owner == os.getpid():
                loader._position.warn_if_unfinished()

    def __reduce__(self) -> Any:
        # What `spawn`, DataLoader's workers and deepcopy would need: threads and sockets belong to this process.
        raise TypeError(
            "a Loader is neither pickled nor copied: make it in the process that uses it; what a run needs to go on is "
            "its state_dict()"
        )


# At the end of the interpreter it is too late to say anything.
atexit.register(Loader._say_at_exit)
