"""The loops that people write, and what a `for` over a loader gives in them."""

from __future__ import annotations

import gc
import itertools
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

import bandwise
from bandwise import Device, Span
from test_batches import digests, needs_torch

TRAINING: Dict[str, Any] = {"curriculum": "none", "recipe": "efficienttrain++", "batch_size": 4, "dtype": "u8"}
"""Twelve photographs are three steps an epoch."""

VALIDATION: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "batch_size": 5, "dtype": "u8"}


def training(address: str, **options: Any) -> bandwise.Loader:
    return bandwise.Loader(address, **{**TRAINING, "epochs": 3, "device": Device(arrays="numpy"), **options})


def validation(address: str, **options: Any) -> bandwise.Loader:
    return bandwise.Loader(address, **{**VALIDATION, "device": Device(arrays="numpy"), **options})


def samples(batches: Any) -> List[int]:
    return [int(sample) for batch in batches for sample in batch.sample_ids]


def steps(batches: Any) -> List[int]:
    return [batch.step for batch in batches]


def warnings(caplog: pytest.LogCaptureFixture) -> List[str]:
    """Warnings of loops; runs as short as these have others."""
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [line for line in said if "warm-up of the learning rate" not in line and " no steps, as the budget" not in line]


def test_each_for_of_a_training_is_another_epoch(address: str, caplog: pytest.LogCaptureFixture) -> None:
    run = training(address)
    epochs = []
    for _ in range(3):
        assert len(run) == 3
        seen = []
        for number, (images, labels) in enumerate(run):
            assert len(run) == 3, "within a `for` its own length"
            seen.append((run.state_dict()["step"], images.tobytes(), labels.tobytes()))
        assert number == 2
        epochs.append(seen)
    assert [[step for step, *_ in epoch] for epoch in epochs] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    rows = [{image[start : start + 224 * 224 * 3] for _, image, _ in epoch for start in range(0, len(image), 224 * 224 * 3)}
            for epoch in epochs]
    assert [len(images) for images in rows] == [12] * 3 and not rows[0] & rows[1] and not rows[1] & rows[2]
    again = training(address, span=Span(loop="run"))
    assert [images.tobytes() for images, _ in again] == [images for epoch in epochs for _, images, _ in epoch]
    assert warnings(caplog) == []


def test_each_epoch_has_every_sample(address: str) -> None:
    run = training(address)
    orders = [samples(run) for _ in range(run.plan.epochs)]
    assert [sorted(order) for order in orders] == [list(range(12))] * 3 and len(set(map(tuple, orders))) == 3


def test_a_run_that_is_over_says_how_to_get_more(address: str) -> None:
    run = training(address, epochs=1)
    assert len(list(run)) == 3 and len(run) == 0
    for what in (iter, bandwise.Loader.epoch_iter):
        with pytest.raises(bandwise.RunOverError, match="its only epoch.*raise `epochs`.*reset") as raised:
            what(run)
        assert isinstance(raised.value, bandwise.Error)
    run.reset()
    assert len(run) == 3 and steps(run) == [0, 1, 2]
    parts = training(address, span=Span(from_step=2, steps=3))
    assert [steps(parts), steps(parts)] == [[2], [3, 4]]
    with pytest.raises(bandwise.RunOverError, match="steps 2 to 5 of 9"):
        iter(parts)
    with pytest.raises(bandwise.RunOverError):
        iter(training(address, span=Span(from_step=9)))


def test_behind_a_break_nothing_is_repeated_and_nothing_skipped(address: str, caplog: pytest.LogCaptureFixture) -> None:
    whole = digests(training(address, span=Span(loop="run")))
    run = training(address)
    lengths, got = [], []
    for stop in (2, 9, 9, 1, 9):
        lengths.append(len(run))
        for number, batch in enumerate(run, 1):
            got += digests([batch])  # type: ignore[arg-type]
            if number == stop:
                break
    assert got == whole and lengths == [3, 1, 3, 3, 2]
    (line,) = warnings(caplog)
    assert "continues at step 2 in epoch 0" in line and "reset" in line


def test_a_break_within_a_step_goes_on_within_it(address: str) -> None:
    run = training(address, batch_size=2, accumulate=2)
    places: List[Any] = []
    for stop, length in ((1, 6), (4, 5), (1, 1), (99, 6), (99, 6)):
        places.append([])
        assert len(run) == length
        for number, batch in enumerate(run, 1):
            places[-1].append((batch.step, batch.first_row))
            if number == stop:
                break
    every = [(step, row) for step in range(9) for row in (0, 2)]
    assert sum(places, []) == every and [len(part) for part in places] == [1, 4, 1, 6, 6]


def test_an_epoch_that_was_interrupted_is_ended_first(address: str) -> None:
    whole = digests(training(address, span=Span(loop="run")))
    first = training(address)
    list(first)
    for batch in first:
        break
    state = first.state_dict()
    assert state["step"] == 4
    run = training(address)
    run.load_state_dict(state)
    epochs = range(run.plan.epoch_of(state["step"]), run.plan.epochs)
    assert epochs == range(1, 3) and len(run) == 2
    assert [digests(run) for _ in epochs] == [whole[4:6], whole[6:]]


def test_a_state_moves_a_for_that_is_under_way(address: str) -> None:
    run = training(address)
    batches = iter(run)
    next(batches)
    run.load_state_dict(training(address, span=Span(from_step=6)).state_dict())
    with pytest.raises(bandwise.Error, match="moved by load_state_dict"):
        next(batches)
    assert steps(run) == [6, 7, 8]


@pytest.mark.parametrize("stop", [1, 2, 99])
def test_a_validation_is_whole_each_time(address: str, stop: int, caplog: pytest.LogCaptureFixture) -> None:
    run = validation(address)
    assert run.plan.same_every_epoch and not training(address).plan.same_every_epoch
    for _, batch in zip(range(stop), run):
        assert len(run) == 3
    for _ in range(3):
        assert len(run) == 3 and samples(run) == list(range(12)) and len(run) == 3
    # Two at a time are two passes.
    assert [(one.step, other.step) for one, other in zip(run, run)] == [(0, 0), (1, 1), (2, 2)]
    assert warnings(caplog) == []


def test_an_odd_validation_is_pointed_out(address: str, caplog: pytest.LogCaptureFixture) -> None:
    validation(address, epochs=90)
    (line,) = warnings(caplog)
    assert "90 times" in line and "epochs=1" in line
    caplog.clear()
    validation(address, curriculum="efficienttrain", epochs=300)
    assert 'curriculum="none"' in warnings(caplog)[-1]


def test_recipes_that_draw_are_no_validation(address: str, tmp_path: Path) -> None:
    center, flip = "[[operation]]\nname = 'center_crop'\n", "[[operation]]\nname = 'flip'\n"
    normalize = "[[operation]]\nname = 'normalize'\n"
    for number, (operations, same) in enumerate([(center, True), (center + flip, False)]):
        file = tmp_path / f"{number}.toml"
        file.write_text(f"name = 'own'\n{operations}{normalize}")
        assert validation(address, recipe=file).plan.same_every_epoch == same
    assert validation(address, recipe="plain").plan.same_every_epoch is False


def test_loops_on_purpose(address: str) -> None:
    repeat = training(address, span=Span(loop="repeat"), epochs=2)
    assert [steps(repeat), steps(repeat)] == [list(range(6))] * 2 and len(repeat) == 6
    run = training(address, span=Span(loop="run"))
    for batch in run:
        if batch.step == 4:
            break
    assert len(run) == 4 and steps(run) == [5, 6, 7, 8]
    once = validation(address, span=Span(loop="epoch"), epochs=2)
    assert [samples(once), samples(once)] == [list(range(12))] * 2
    with pytest.raises(bandwise.RunOverError):
        iter(once)
    with pytest.raises(bandwise.JobError, match="'auto', 'epoch', 'run', 'repeat', not 'always'"):
        Span(loop="always")  # type: ignore[arg-type]


def test_loops_for_a_distributed_sampler(address: str, caplog: pytest.LogCaptureFixture) -> None:
    run = training(address)
    for epoch in range(3):
        run.set_epoch(epoch)
        assert {batch.epoch for batch in run} == {epoch}
    assert warnings(caplog) == []
    # Rest of an epoch that nobody wants.
    run.reset()
    for epoch in range(3):
        run.set_epoch(epoch)
        for batch in run:
            assert batch.epoch == epoch
            break
    run.set_epoch(0)
    assert steps(run) == [0, 1, 2]
    assert "back, from step 7 of epoch 2 to step 0" in warnings(caplog)[-1]
    with pytest.raises(bandwise.JobError, match="0 to 2"):
        run.set_epoch(3)


def test_there_is_one_for_at_a_time(address: str) -> None:
    run = training(address)
    with pytest.raises(bandwise.Error, match="one `for` at a time"):
        for _ in zip(run, run):
            pass
    run.reset()
    for batch in run:
        assert steps(run) == [1, 2]
        break
    assert steps(run) == [3, 4, 5]


def test_cycle_would_repeat_an_epoch(address: str) -> None:
    run = training(address)
    seen = []
    with pytest.raises(bandwise.Error, match="itertools.cycle keeps"):
        for batch in itertools.cycle(run):
            seen.append(batch.step)
            assert len(seen) < 4
    assert seen == [0, 1, 2]


def test_a_batch_that_nobody_used_is_pointed_out(address: str, caplog: pytest.LogCaptureFixture) -> None:
    run = training(address)
    assert [batch.step for batch, _ in zip(run, range(1))] == [0]
    assert steps(run) == [2]
    (line,) = warnings(caplog)
    assert "islice" in line
    run.reset()
    caplog.clear()
    assert steps(itertools.islice(run, 2)) == [0, 1] and steps(run) == [2]
    assert not any("islice" in line for line in warnings(caplog))


COMPUTE = "name = 'compute'\n" + "".join(
    f"[[stage]]\nshare = 0.5\nbandwidth = {side}\nmagnitude = 1\n" for side in (96, 224)
)


def test_passes_that_end_before_the_run_are_pointed_out(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "compute.toml"
    file.write_text(COMPUTE)
    options: Dict[str, Any] = {"curriculum": file, "epochs": 4}
    with training(address, **options) as run:
        passes = run.plan.epochs
        assert passes > 4
        for _ in range(4):
            list(run)
    (line,) = warnings(caplog)
    assert "range(loader.plan.epochs)" in line and f"of {run.plan.steps}" in line and f"{passes} passes" in line
    caplog.clear()
    for number in (1, 3, passes):
        run = training(address, **options)
        assert run.plan.epochs == passes
        for _ in range(number):
            list(run)
        del run
        gc.collect()
    assert warnings(caplog) == []


def test_more_passes_than_epochs_are_pointed_out_to_loops_that_never_ask(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "compute.toml"
    file.write_text(COMPUTE)
    with training(address, curriculum=file, epochs=4) as run:
        next(iter(run))
        (line,) = warnings(caplog)
        assert "range(loader.plan.epochs)" in line and f"{run.plan.epochs} passes" in line
        for _ in range(4):
            list(run)
    assert [one for one in warnings(caplog) if "plan.epochs" in one] == [line], "said once"
    caplog.clear()
    for options in ({}, {"rank": 1, "world_size": 2}, {"span": Span(loop="run")}):
        next(iter(training(address, **{**({"curriculum": file} if options else {}), "epochs": 4, **options})))
    assert [one for one in warnings(caplog) if "plan.epochs" in one] == []


def test_they_are_pointed_out_to_a_script(address: str, tmp_path: Path) -> None:
    file = tmp_path / "compute.toml"
    file.write_text(COMPUTE)
    script = (
        "import sys, bandwise\n"
        "loader = bandwise.Loader(sys.argv[1], curriculum=sys.argv[2], recipe='plain', epochs=4, batch_size=4, dtype='u8')\n"
        "for epoch in range(4):\n    for batch in loader:\n        pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script, address, str(file)], stderr=subprocess.PIPE, text=True, check=True)
    assert done.stderr.count("range(loader.plan.epochs)") == 1 and "Traceback" not in done.stderr


def test_a_loader_is_collected_with_its_last_user(address: str) -> None:
    gc.disable()
    try:
        closed: List[bool] = []
        run = training(address)
        passes = run._backend.passes
        list(itertools.islice(run, 1))
        assert len(passes) == 1
        del run
        closed = [getattr(one, "is_over") for one in passes]
        assert all(closed) and len(passes) == 0, "it is part of a cycle"
    finally:
        gc.enable()


@needs_torch
@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_the_habitual_validation_on_several_ranks(address: str, world_size: int) -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 5))

    def validate(run: bandwise.Loader) -> List[float]:
        correct = total = loss = 0.0
        with torch.no_grad():
            for images, labels in run:
                mean = torch.nn.functional.cross_entropy(model(images), labels)
                assert torch.isfinite(mean), "a batch without rows has no mean"
                loss += mean.item() * len(labels)
                correct += (model(images).argmax(1) == labels).sum().item()
                total += len(labels)
        return [correct, total, loss]

    alone = validate(validation(address, batch_size=12, dtype="f32", device=Device(arrays="torch")))
    # Steps of about 8, 8, 9 and 8 rows; and one of 5, which leaves 2 rows for all of the ranks.
    for batch_size in {max(8 // world_size, 1), 5}:
        options: Dict[str, Any] = {"batch_size": batch_size, "dtype": "f32", "world_size": world_size}
        options["device"] = Device(arrays="torch")
        for _ in range(2):
            ranks = [validation(address, rank=rank, **options) for rank in range(world_size)]
            parts = [validate(run) for run in ranks]
            correct, total, loss = map(sum, zip(*parts))
            assert (correct, total) == (alone[0], 12) and abs(loss - alone[2]) < 1e-3
            rows = [row for _, row, _ in parts]
            assert max(rows) - min(rows) <= 2, "the rows are spread evenly"
