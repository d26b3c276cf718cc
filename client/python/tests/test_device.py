"""Batches that are moved: to a GPU where there is one, and what of it can be seen without one."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import Any, Dict, List, Optional, Tuple

import pytest

import bandwise
from bandwise import BadSamples, Device, Span, Transport
from bandwise import _device, _pass
from bandwise._native import Slot

torch: Any = pytest.importorskip("torch")

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

OPTIONS: Dict[str, Any] = {"epochs": 6, "batch_size": 4, "seed": 3, "span": Span(loop="run")}


def loader(address: str, **options: Any) -> bandwise.Loader:
    return bandwise.Loader(address, **{**OPTIONS, **options})


def normalised(pixels: Any, layout: str = "nchw") -> Any:
    shape = (1, 3, 1, 1) if layout == "nchw" else (1, 1, 1, 3)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (pixels.double() / 255 - mean.double().view(shape)) / std.double().view(shape)


# Half a unit in the last place of each type, at values up to 2.7, and some more for f32's own arithmetic.
TOLERANCE = {"f16": 1.0e-3, "bf16": 7.9e-3, "f32": 1e-6}


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("device_dtype", ["f16", "bf16", "f32"])
def test_pixels_are_normalised(address: str, layout: Any, device_dtype: Any) -> None:
    moved = loader(address, dtype="u8", layout=layout, device=Device(dtype=device_dtype))
    plain = list(loader(address, dtype="u8", layout=layout, transport=Transport(prefetch=2)))
    assert len(plain) == len(moved)
    for batch, pixels in zip(moved, plain):
        assert batch.images.dtype == getattr(torch, _device.FLOATS[device_dtype])
        assert batch.images.shape == pixels.images.shape and torch.equal(batch.labels, pixels.labels)
        error = (batch.images.double() - normalised(pixels.images, layout)).abs().max()
        assert error <= TOLERANCE[device_dtype], error


def test_an_array_without_rows_is_normalised(address: str) -> None:
    normalize = _device.Normalize(loader(address, dtype="u8").plan, "f16", "nchw", torch.device("cpu"))
    assert normalize(torch.empty(0, 3, 96, 96, dtype=torch.uint8)).shape == (0, 3, 96, 96)


class Ahead(_device.Host):
    """Looks ahead as for a GPU, and remembers in which order things happened."""

    looks_ahead = True

    def __init__(self, log: List[Tuple[str, int]], normalize: _device.Normalize) -> None:
        super().__init__(normalize)
        self.log = log

    def start(self, batch: bandwise.Batch) -> _device.Moving:
        self.log.append(("start", batch.step))
        return super().start(batch)

    def finish(self, moving: _device.Moving) -> bandwise.Batch:
        self.log.append(("finish", moving.batch.step))
        return super().finish(moving)

    def close(self) -> None:
        self.log.append(("close", -1))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> List[Tuple[str, int]]:
    """What an `Ahead` does that stands in the place of every mover."""
    entries: List[Tuple[str, int]] = []

    def mover(device: Any, device_dtype: Any, layout: str, plan: bandwise.Plan, prefetch: int) -> Ahead:
        return Ahead(entries, _device.Normalize(plan, device_dtype, layout, torch.device("cpu")))

    monkeypatch.setattr(_device, "mover", mover)
    return entries


def lines(batches: Any) -> List[Tuple[int, float]]:
    return [(batch.step, float(batch.images.double().sum())) for batch in batches]


def test_looking_ahead_changes_nothing(address: str, log: List[Tuple[str, int]]) -> None:
    run = loader(address, dtype="u8", device=Device(dtype="f32"), accumulate=2, batch_size=2)
    got = []
    length = len(run)
    for batch in run:
        got += lines([batch])
        # What is ahead does not count as handed out.
        behind = 1 if batch.first_row else 0
        assert run.state_dict()["step"] == batch.step + behind
    assert len(got) == length == 2 * run.plan.steps and run.state_dict()["step"] == run.plan.steps
    assert log[-1] == ("close", -1), "a run that is over still has its registrations"
    assert [step for what, step in log if what == "finish"] == [step for step, _ in got]
    assert [step for what, step in log if what == "start"] == [step for step, _ in got]
    run.reset()
    epochs = [lines(run.epoch_iter()) for _ in range(run.plan.epochs)]
    assert sum(epochs, []) == got
    assert [{run.plan.epoch_of(step) for step, _ in epoch} for epoch in epochs] == [
        {number} for number in range(run.plan.epochs)
    ]


def test_the_next_copy_begins_before_a_batch_is_handed_out(
    address: str, log: List[Tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine the receiving thread may need longer than a training step should wait.
    monkeypatch.setattr(_pass, "HAND_OVER_SECONDS", 60)
    run = loader(address, dtype="u8", device=Device(dtype="f32"))
    batches = iter(run)
    for _ in range(20):
        next(batches)
    ahead = [log.index(("start", step + 1)) < log.index(("finish", step)) for step in range(19)]
    # Nothing is waited for while a batch is ahead, and here no training step gives the next one time to come.
    assert ahead[0] and all(one or next_one for one, next_one in zip(ahead, ahead[1:])), ahead
    run.close()
    assert log[-1] == ("close", -1)


def test_a_batch_is_handed_out_though_the_next_one_is_late(
    address: str, log: List[Tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pass, "HAND_OVER_SECONDS", 0)
    run = loader(address, dtype="u8", device=Device(dtype="f32"))
    assert [step for step, _ in lines(run)] == list(range(run.plan.steps))


def test_a_forked_child_leaves_the_device_alone(address: str, log: List[Tuple[str, int]]) -> None:
    batches = iter(loader(address, dtype="u8", device=Device(dtype="f32")))
    next(batches)
    child = os.fork()
    if child == 0:
        batches.close()  # type: ignore[attr-defined]
        os._exit(("close", -1) in log)
    assert os.waitpid(child, 0)[1] == 0
    assert next(batches).step == 1


def test_a_failure_ahead_is_told_behind_the_batch_at_hand(damaged: Any, log: List[Tuple[str, int]]) -> None:
    options: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "batch_size": 1}
    options["bad_samples"] = BadSamples(on_bad_sample="fail")
    with bandwise.Loader(damaged, dtype="u8", device=Device(dtype="f32"), transport=Transport(prefetch=4), **options) as run:
        batches = iter(run)
        assert [next(batches).step, next(batches).step] == [0, 1]
        with pytest.raises(bandwise.BadSampleError, match="z.jpg"):
            next(batches)
        with pytest.raises(StopIteration):
            next(batches)


class Driver:
    """Registers memory as CUDA's runtime does, and refuses what that would refuse."""

    def __init__(self, room: int = 1000) -> None:
        self.registered: Dict[int, int] = {}
        self.calls = 0
        self.room = room

    def cudaHostRegister(self, address: int, nbytes: int, flags: int) -> int:
        self.calls += 1
        assert flags == 1 and address % 4096 == nbytes % 4096 == 0 and address not in self.registered
        if len(self.registered) == self.room:
            return 2
        self.registered[address] = nbytes
        return 0

    def cudaHostUnregister(self, address: int) -> int:
        del self.registered[address]
        return 0


def slots(address: str, number: int, **options: Any) -> List[Optional[Slot]]:
    found = []
    for batch in loader(address, transport="shm", device=Device(arrays="raw"), epochs=60, **options):
        found.append(batch.images.slot)
        if len(found) == number:
            break
    return found


def test_slots_are_registered_once_each(address: str) -> None:
    driver = Driver()
    pinned = _device.Pinned(driver, 20)
    found = slots(address, 60)
    for slot in found:
        assert slot is not None and pinned.pin(slot) and driver.registered[slot.address] == slot.nbytes
    addresses = {slot.address for slot in found if slot is not None}
    assert driver.calls == len(addresses) <= 10
    pinned.close()
    assert driver.registered == {}


def test_registrations_are_bounded(address: str) -> None:
    driver = Driver()
    pinned = _device.Pinned(driver, 3)
    found = slots(address, 60)
    assert len({slot.address for slot in found if slot is not None}) > 3
    for slot in found:
        assert slot is not None and pinned.pin(slot)
        assert len(driver.registered) <= 3 and slot.address in driver.registered


def test_a_driver_that_refuses_is_asked_once(address: str, caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver(room=2)
    pinned = _device.Pinned(driver, 20)
    found = [slot for slot in slots(address, 60) if slot is not None]
    with caplog.at_level(logging.WARNING, "bandwise"):
        assert [pinned.pin(slot) for slot in found].count(False) == 1
    assert driver.calls == 3 and len(caplog.records) == 1


def test_received_memory_is_no_slot(address: str) -> None:
    batch = next(iter(loader(address, transport="grpc", device=Device(arrays="raw"))))
    assert batch.images.slot is None and batch.labels.slot is None


@pytest.mark.parametrize(
    "options, message",
    [
        ({"device": "cuda:nonsense"}, "cuda:nonsense"),
        ({"device": "meta"}, "meta"),
        ({"device": object()}, "is not a torch device"),
        ({"device": Device(dtype="f16")}, "needs dtype='u8', not 'f32'"),
        ({"device": Device(dtype="f16", arrays="numpy"), "dtype": "u8"}, "'numpy'"),
    ],
)
def test_what_cannot_be_done_is_refused(address: str, options: Dict[str, Any], message: str) -> None:
    with pytest.raises(bandwise.JobError, match=message):
        loader(address, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named(address: str) -> None:
    with pytest.raises(bandwise.JobError, match="no GPU"):
        loader(address, device="cuda")


def test_a_missing_torch_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(bandwise.JobError, match="install it"):
        loader(address, device="cuda")


def test_a_recipe_that_does_not_normalise_is_refused(address: str, tmp_path: Any) -> None:
    recipe = tmp_path / "pixels.toml"
    recipe.write_text("name = 'pixels'\n[[operation]]\nname = 'random_resized_crop'\n")
    with pytest.raises(bandwise.JobError, match="does not normalise"):
        loader(address, recipe=recipe, curriculum="none", dtype="u8", device=Device(dtype="f16"))


@needs_gpu
@pytest.mark.parametrize("transport", ["shm", "grpc"])
@pytest.mark.parametrize("dtype", ["u8", "f16", "bf16", "f32"])
def test_a_gpu_gets_the_same_batches(address: str, transport: Any, dtype: Any) -> None:
    expected = [(images.clone(), labels.clone()) for images, labels in loader(address, dtype=dtype)]
    run = loader(address, dtype=dtype, transport=transport, device="cuda")
    kept = [(batch.images, batch.labels, batch.step) for batch in run]
    for (images, labels, step), (host_images, host_labels) in zip(kept, expected):
        assert images.is_cuda and labels.is_cuda
        assert torch.equal(images.cpu(), host_images) and torch.equal(labels.cpu(), host_labels), step
    assert len(kept) == len(expected)


@needs_gpu
@pytest.mark.parametrize("device_dtype", ["f16", "bf16", "f32"])
def test_a_gpu_normalises_as_the_host_does(address: str, device_dtype: Any) -> None:
    for on_gpu, on_host in zip(loader(address, dtype="u8", device=Device("cuda", device_dtype)), loader(address, dtype="u8", device=Device(dtype=device_dtype))):
        error = (on_gpu.images.cpu().double() - on_host.images.double()).abs().max()
        assert error <= TOLERANCE[device_dtype]


@needs_gpu
def test_a_gpu_keeps_no_slot(address: str) -> None:
    run = loader(address, device="cuda", transport="shm", epochs=60)
    kept = []
    for batch in run:
        assert batch.is_shared
        kept.append(batch)
        if len(kept) == 40:
            break
    del batch
    run.close()
    gc.collect()
    assert len({batch.images.data_ptr() for batch in kept}) == 40
