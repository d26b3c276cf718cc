"""Batches on a device: copied there one batch ahead, and normalised there if they came as pixels.

Copies run on a stream of their own, beside the training step that uses the previous batch. They read the memory in which
the batch was received. Slots of shared memory are registered with the driver when they are first seen, by their address,
so that the copy engine reads them itself; their mapping is kept until the registration is undone. Other memory goes
through torch's pinned memory.

Looking ahead takes a batch that is there already. Only where nothing is ahead yet it waits, for 2 ms at most, until the
receiving thread has handed one over. Only batches that the user got count as handed out.
"""

from __future__ import annotations

import importlib
import logging
from collections import OrderedDict, deque
from typing import Any, Deque, List, NamedTuple, Optional, Tuple, Union

from ._batch import Batch
from ._errors import JobError
from ._native import Slot
from ._plan import Plan

FLOATS = {"f16": "float16", "bf16": "bfloat16", "f32": "float32"}
"""Types into which a device normalises, and torch's names of them."""

MAX_UNDER_WAY = 2
"""Copies of which the sources are kept without waiting: the batch ahead, and the one handed out."""

REGISTER_PORTABLE = 1
"""cudaHostRegisterPortable: pinned for every GPU of the process."""

_log = logging.getLogger("bandwise")


class Normalize:
    """Turns pixels of 0 to 255 into normalised floats, ``(pixel / 255 - mean) / std``, in one pass over them."""

    def __init__(self, plan: Plan, dtype: str, layout: str, device: Any) -> None:
        import torch

        shape = (1, 3, 1, 1) if layout == "nchw" else (1, 1, 1, 3)
        mean, std = (torch.tensor(values, device=device).view(shape) for values in mean_and_std(plan))
        self._dtype = getattr(torch, FLOATS[dtype])
        self._scale = 1 / (255 * std)
        self._offset = -mean / std

    def __call__(self, pixels: Any) -> Any:
        import torch

        if pixels.is_cuda:
            # Reading bytes, computing in f32 and rounding to the requested type are one kernel.
            out = torch.empty(pixels.shape, dtype=self._dtype, device=pixels.device)
            return torch.addcmul(self._offset, pixels, self._scale, out=out)
        return torch.addcmul(self._offset, pixels, self._scale).to(self._dtype)


def mean_and_std(plan: Plan) -> Tuple[List[float], List[float]]:
    """Of the three colours, in a recipe's scale of 0 to 1."""
    fields = dict(plan.fields)
    for name, value in plan.fields:
        if name.endswith(".operation") and value == "normalize":
            operation = name[: -len("operation")]
            mean, std = fields[f"{operation}mean"], fields[f"{operation}std"]
            return [float(part) for part in mean.split()], [float(part) for part in std.split()]
    raise JobError(f"the recipe {plan.recipe!r} does not normalise, so Device(dtype=...) must be left out")


class Moving(NamedTuple):
    """A batch on its way."""

    batch: Batch
    copied: Any
    """The event of its arrival."""


class Host:
    """Normalises on the CPU: for tests of a training program where there is no GPU. Nothing is copied ahead."""

    looks_ahead = False

    def __init__(self, normalize: Normalize) -> None:
        self._normalize = normalize

    def start(self, batch: Batch) -> Moving:
        """Moves a batch."""
        tensors = {name: batch._tensor(name) for name in batch._arrays}
        batch._replace({**tensors, "images": self._normalize(tensors["images"])})
        return Moving(batch, None)

    def finish(self, moving: Moving) -> Batch:
        """The batch."""
        return moving.batch

    def close(self) -> None:
        """Lets go of everything."""


class Cuda:
    """Copies batches to a GPU on a stream of its own."""

    looks_ahead = True

    def __init__(self, device: Any, normalize: Optional[Normalize], max_pinned: int) -> None:
        # Of this half of torch, some versions have no types.
        torch: Any = importlib.import_module("torch")
        self._torch = torch
        self._device = device
        self._normalize = normalize
        self._stream = torch.cuda.Stream(device)
        # The factors of `normalize` are made on the user's.
        self._stream.wait_stream(torch.cuda.current_stream(device))
        self._pinned = Pinned(torch.cuda.cudart(), max_pinned)
        # The memory that copies read from; released when they have finished.
        self._under_way: Deque[Tuple[Any, List[Any]]] = deque()

    def start(self, batch: Batch) -> Moving:
        """Begins to copy a batch."""
        torch = self._torch
        sources = {name: self._readable(batch, name) for name in batch._arrays}
        with torch.cuda.stream(self._stream):
            tensors = {name: source.to(self._device, non_blocking=True) for name, source in sources.items()}
            if self._normalize is not None:
                tensors["images"] = self._normalize(tensors["images"])
            copied = self._stream.record_event()
        batch._replace(tensors)
        self._under_way.append((copied, list(sources.values())))
        return Moving(batch, copied)

    def _readable(self, batch: Batch, name: str) -> Any:
        """An array where the copy engine can read it."""
        source, slot = batch._tensor(name), batch._arrays[name].slot
        if slot is None:
            return source.pin_memory()
        if not self._pinned.pin(slot):
            self._forget_error()
        return source

    def _forget_error(self) -> None:
        """The driver's refusal would otherwise be reported by the next kernel."""
        try:
            self._torch.zeros(1, device=self._device)
        except RuntimeError:
            pass

    def finish(self, moving: Moving) -> Batch:
        """The batch, for which the user's stream waits until it is copied; the caller does not wait."""
        user = self._torch.cuda.current_stream(self._device)
        user.wait_event(moving.copied)
        for tensor in moving.batch._tensors.values():
            # The memory was taken on the other stream: not to be used again there before the user's has done with it.
            tensor.record_stream(user)
        self._give_back()
        return moving.batch

    def _give_back(self) -> None:
        """Releases batches that were copied; those further back than the look ahead, after waiting for their copies."""
        while self._under_way:
            copied, _ = self._under_way[0]
            if len(self._under_way) > MAX_UNDER_WAY:
                copied.synchronize()
            elif not copied.query():
                return
            self._under_way.popleft()

    def close(self) -> None:
        """Waits for copies, releases the memory that they read, and undoes the registrations."""
        self._stream.synchronize()
        self._under_way.clear()
        self._pinned.close()


class Pinned:
    """Slots that are registered with the driver: each once, at most ``limit``, those used last."""

    def __init__(self, cudart: Any, limit: int) -> None:
        self._cudart = cudart
        self._limit = limit
        self._refused = False
        # By address. The value keeps the mapping, so that nothing else comes to lie there while it is registered.
        self._slots: "OrderedDict[int, Slot]" = OrderedDict()

    def pin(self, slot: Slot) -> bool:
        """Registers a slot. Says whether the driver has not just refused: then copies are slower and otherwise the
        same, and it is not asked again."""
        if slot.address in self._slots:
            self._slots.move_to_end(slot.address)
            return True
        if self._refused:
            return True
        code = int(self._cudart.cudaHostRegister(slot.address, slot.nbytes, REGISTER_PORTABLE))
        if code != 0:
            self._refused = True
            _log.warning("the driver does not register shared memory (error %d): copies to the GPU are slower", code)
            return False
        self._slots[slot.address] = slot
        # Surplus ones belong to the pool of a daemon that has ended: more are kept than are in use at a time.
        self._keep(self._limit)
        return True

    def _keep(self, count: int) -> None:
        while len(self._slots) > count:
            address = next(iter(self._slots))
            self._cudart.cudaHostUnregister(address)
            # Not before: this may undo the mapping.
            del self._slots[address]

    def close(self) -> None:
        """Undoes all registrations."""
        self._keep(0)


Mover = Union[Host, Cuda]


def check(device: Any, device_dtype: Optional[str], dtype: str, arrays: str) -> None:
    """Refuses what cannot be done, without torch where that is not needed."""
    if device_dtype is not None and dtype != "u8":
        raise JobError(f"Device(dtype=...) normalises pixels on the device and needs dtype='u8', not {dtype!r}")
    if is_plain(device, device_dtype):
        return
    if arrays not in ("auto", "torch"):
        raise JobError(f"Device(arrays=...) must be 'torch' with a target or a dtype, not {arrays!r}")
    try:
        import torch
    except ImportError as error:
        raise JobError("batches on a device need torch; install it, or leave `device` out") from error
    try:
        kind = torch.device("cpu" if device is None else device).type
    except (RuntimeError, TypeError) as error:
        raise JobError(f"device {device!r} is not a torch device: {error}") from error
    if kind not in ("cpu", "cuda"):
        raise JobError(f"device must be None, 'cpu' or 'cuda', not {device!r}; copy batches there with images.to(device)")
    if kind == "cuda" and not torch.cuda.is_available():
        raise JobError(f"device is {device!r}, but torch finds no GPU here; is this torch built with CUDA?")


def is_plain(device: Any, device_dtype: Optional[str]) -> bool:
    """Whether batches are handed out as they came."""
    return device_dtype is None and (device is None or str(device) == "cpu")


def mover(device: Any, device_dtype: Optional[str], layout: str, plan: Plan, prefetch: int) -> Optional[Mover]:
    """The mover of the batches of one pass over a run; None if they are handed out as they came."""
    if is_plain(device, device_dtype):
        return None
    import torch

    target = torch.device("cpu" if device is None else device)
    if target.type == "cuda" and target.index is None:
        target = torch.device("cuda", torch.cuda.current_device())
    normalize = None if device_dtype is None else Normalize(plan, device_dtype, layout, target)
    if target.type == "cuda":
        # Twice the slots of a stream: those of the daemon before, after a reconnection, may be there still.
        return Cuda(target, normalize, 2 * (prefetch + 2))
    assert normalize is not None, "a CPU without anything to normalise is plain"
    return Host(normalize)
