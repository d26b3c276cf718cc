"""Steps, epochs, ranks, resuming, errors."""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import socket
import threading
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

import bandwise
from bandwise import BadSamples, Device, ReplayBuffer, Span, Transport
from test_batches import digests, needs_torch

Rows = Dict[Tuple[int, int], Tuple[int, bytes]]


def rows(batches: Any) -> Rows:
    """What each row was, by step and row."""
    found: Rows = {}
    for batch in batches:
        for number, (sample, image) in enumerate(zip(batch.sample_ids, batch.images)):
            key = (batch.step, batch.first_row + number)
            assert key not in found, "a row came twice"
            found[key] = (int(sample), image.tobytes())
    return found


def loader(address: str, **options: Any) -> bandwise.Loader:
    common: Dict[str, Any] = {"device": Device(arrays="numpy"), "span": Span(loop="run")}
    return bandwise.Loader(address, **{"epochs": 6, "batch_size": 4, **common, **options})


def test_a_state_goes_on_in_the_middle(address: str) -> None:
    whole = digests(loader(address))
    first = loader(address)
    head = []
    for batch in first:
        head.append(batch.step)
        if len(head) == 7:
            break
    # What was prefetched does not count, and a state survives JSON and checkpoints.
    state = json.loads(json.dumps(first.state_dict()))
    assert state["step"] == 7
    second = loader(address)
    second.load_state_dict(state)
    assert digests(second) == whole[7:]
    assert second.state_dict()["step"] == second.plan.steps
    with pytest.raises(bandwise.RunOverError):
        iter(second)
    second.reset()
    assert digests(second) == whole


@needs_torch
def test_a_state_goes_through_a_checkpoint(address: str, tmp_path: Path) -> None:
    import torch

    whole = digests(loader(address))
    torch.save({"loader": loader(address, span=Span(from_step=5)).state_dict()}, tmp_path / "checkpoint.pt")
    run = loader(address)
    run.load_state_dict(torch.load(tmp_path / "checkpoint.pt")["loader"])
    assert digests(run) == whole[5:]


def test_half_the_ranks_go_on_with_the_same_rows(address: str) -> None:
    ranks = [loader(address, batch_size=2, rank=rank, world_size=4) for rank in range(4)]
    whole = rows(loader(address, batch_size=8))
    head: Rows = {}
    for rank in ranks:
        for batch in rank:
            head.update(rows([batch]))
            if batch.step == 3:
                break
    states = [rank.state_dict() for rank in ranks]
    assert states == [states[0]] * 4
    fewer = [loader(address, batch_size=2, accumulate=2, rank=rank, world_size=2) for rank in range(2)]
    tail: Rows = {}
    for rank in fewer:
        rank.load_state_dict(states[0])
        tail.update(rows(rank))
    assert {**head, **tail} == whole and len(head) + len(tail) == len(whole)


def test_a_half_accumulated_step_counts_as_not_begun(address: str) -> None:
    run = loader(address, batch_size=2, accumulate=2)
    batches = iter(run)
    steps = []
    for _ in range(3):
        batch = next(batches)
        steps.append((batch.step, run.state_dict()["step"]))
    assert steps == [(0, 0), (0, 1), (1, 1)]
    assert len(run) == 2 * run.plan.steps


def test_torchrun_says_who_we_are(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    by_environment = rows(loader(address, batch_size=2, span=Span(steps=2, loop="run")))
    assert by_environment == rows(loader(address, batch_size=2, span=Span(steps=2, loop="run"), rank=1, world_size=2))
    assert {row for _, row in by_environment} == {2, 3}


def test_epochs_cover_the_run_once(address: str) -> None:
    run = loader(address)
    epochs = []
    for epoch in range(run.plan.epochs):
        run.set_epoch(epoch)
        epochs.append([batch.step for batch in run.epoch_iter()])
        assert [run.plan.epoch_of(step) for step in epochs[-1]] == [epoch] * len(epochs[-1])
    assert sum(epochs, []) == list(range(run.plan.steps))
    with pytest.raises(bandwise.RunOverError):
        run.epoch_iter()
    # Another epoch than the next one is looked up.
    run.set_epoch(2)
    assert [batch.step for batch in run.epoch_iter()] == epochs[2]
    assert [batch.step for batch in run.epoch_iter()] == epochs[3]


def test_lengths_count_short_steps(photos: Path) -> None:
    # 12 samples in steps of 8: the second step of each pass has 4 rows, which are spread over the ranks, and those of each
    # over its batches. Or in steps of 10, of which the second has 2 rows, and three of five ranks have nothing.
    options: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "epochs": 3, "device": Device(arrays="raw")}
    for rank, world_size, accumulate, batch_size, expected in [
        (0, 2, 1, 4, [4, 2]),
        (1, 2, 1, 4, [4, 2]),
        (0, 2, 2, 2, [2, 2, 1, 1]),
        (1, 2, 2, 2, [2, 2, 1, 1]),
        (0, 2, 4, 1, [1, 1, 1, 1, 1, 1]),
        (1, 5, 1, 2, [2, 1]),
        (2, 5, 1, 2, [2]),
        (4, 5, 1, 2, [2]),
    ]:
        ranks: Dict[str, Any] = {"rank": rank, "world_size": world_size, "accumulate": accumulate}
        with bandwise.Loader(photos, batch_size=batch_size, **ranks, **options) as run:
            assert [len(batch.labels) for batch in run] == 3 * expected, (rank, world_size, accumulate)
            assert len(run) == 3 * len(expected)
    with bandwise.Loader(photos, batch_size=8, span=Span(from_step=3, steps=2), **options) as run:
        assert len(run) == 2 and [len(batch.labels) for batch in run] == [4, 8]


def test_the_plan_prints_and_knows_the_classes(address: str, photos: Path) -> None:
    run = loader(address)
    lines = str(run.plan).splitlines()
    assert len(lines) == 2 + len(run.plan.stages) and run.plan.fingerprint[:16] in lines[0]
    assert run.plan._repr_html_().count("<tr>") == 1 + len(run.plan.stages)
    names = sorted(folder.name for folder in photos.iterdir())
    assert run.classes == names and run.class_to_idx == {name: label for label, name in enumerate(names)}


def test_several_addresses_as_list_or_text(address: str) -> None:
    nobody = "unix:/nonexistent/bandwise.sock"
    expected = digests(loader(address, span=Span(steps=4, loop="run")))
    for addresses in [[address, nobody], f"{nobody},{address}"]:
        assert digests(loader(addresses, span=Span(steps=4, loop="run"))) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"dtype": "f64"}, "'u8', 'f16', 'bf16', 'f32'"),
        ({"curriculum": "none-such"}, "none-such"),
        ({"curriculum": "/nonexistent.toml"}, "/nonexistent.toml"),
        ({"epochs": -1}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"rank": 2, "world_size": 2}, "rank 2"),
        ({"seed": -1}, "seed must be from 0 to 18446744073709551615, not -1"),
        ({"seed": 2**64}, "must be from 0 to 18446744073709551615"),
        ({"batch_size": 2**70}, "batch_size"),
        ({"dataset": "none-such"}, "none-such"),
        ({"span": Span(from_step=10**6)}, "from_step must be at most"),
    ],
)
def test_wrong_options_are_named(address: str, options: Dict[str, Any], message: str) -> None:
    with pytest.raises(bandwise.JobError, match=message) as raised:
        loader(address, **options)
    assert isinstance(raised.value, ValueError) and isinstance(raised.value, bandwise.Error)


@pytest.mark.parametrize("options", [{"seed": "0"}, {"batch_size": 2.5}, {"epochs": "many"}, {"rank": "0"}])
def test_wrong_types_are_named(address: str, options: Dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be a .*number, not"):
        loader(address, **options)


def test_another_job_is_refused_by_its_fields(address: str) -> None:
    state = loader(address, seed=1).state_dict()
    run = loader(address, seed=2)
    with pytest.raises(bandwise.FingerprintError, match="seed") as raised:
        run.load_state_dict(state)
    assert raised.value.differing_fields == ["seed: 1 -> 2"]
    with pytest.raises(bandwise.FingerprintError):
        loader(address, span=Span(expect_fingerprint="00" * 32))
    with pytest.raises(bandwise.JobError, match="64 hex digits"):
        Span(expect_fingerprint="xyz")
    with pytest.raises(bandwise.JobError, match="state_dict must be that of a loader"):
        run.load_state_dict({"step": 1})
    assert loader(address, seed=2, span=Span(expect_fingerprint=run.plan.fingerprint)).plan == run.plan


def test_nobody_there_says_what_to_do() -> None:
    with pytest.raises(bandwise.ConnectionError, match="bandwise serve") as raised:
        loader("unix:/nonexistent/bandwise.sock")
    assert isinstance(raised.value, ConnectionError)
    with pytest.raises(bandwise.JobError, match="neither a folder .*nor an address"):
        loader("/nonexistent/folder")


def test_bad_samples_follow_the_policy(damaged: Path) -> None:
    options: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "epochs": 1, "batch_size": 3}
    with bandwise.Loader(damaged, bad_samples=BadSamples(on_bad_sample="fail"), **options) as run:
        with pytest.raises(bandwise.BadSampleError, match="z.jpg") as raised:
            list(run)
        assert raised.value.sample == 2 and raised.value.sample_name.endswith("z.jpg")
    zero = BadSamples(on_bad_sample="zero")
    with bandwise.Loader(damaged, bad_samples=zero, device=Device(arrays="numpy"), **options) as run:
        (batch,) = run
        assert list(batch.labels) == [0, 0, -1] and not batch.images[2].any()
        (substitution,) = batch.substitutions
        assert (substitution.row, substitution.requested) == (2, 2) and substitution.name.endswith("z.jpg")


def test_a_closed_loader_says_so(address: str) -> None:
    run = loader(address)
    batches = iter(run)
    next(batches)
    run.close()
    run.close()
    with pytest.raises(StopIteration):
        next(batches)
    with pytest.raises(bandwise.Error, match="closed"):
        iter(run)


def test_threads_share_an_iterator(address: str) -> None:
    run = loader(address, epochs=60)
    batches = iter(run)
    steps: List[List[int]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda mine: mine.extend(b.step for b in batches), args=[s]) for s in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(sum(steps, [])) == list(range(run.plan.steps)) and all(mine == sorted(mine) for mine in steps)
    assert run.state_dict()["step"] == run.plan.steps


def test_a_fork_is_refused_and_the_parent_goes_on(address: str) -> None:
    run = loader(address)
    batches = iter(run)
    first = next(batches)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            next(batches)
        except bandwise.Error as error:
            code = 0 if "fork" in str(error) else 2
        finally:
            run.close()
            del first, batches
            gc.collect()
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    expected = digests(loader(address))[1:]
    assert [batch.step for batch in batches] == [line["step"] for line in expected]
    assert first.images.any()


def test_it_is_not_pickled_for_another_process(address: str) -> None:
    with pytest.raises(TypeError, match="in the process that uses it"):
        pickle.dumps(loader(address))


def interrupt_soon() -> None:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_an_interrupt_ends_the_wait_for_a_batch(photos: Path) -> None:
    with loader(str(photos), epochs=600, transport=Transport(prefetch=1)) as run:
        assert run._backend.daemon is not None
        batches = iter(run)
        next(batches)
        # It hangs, and the loader would wait for it.
        os.kill(run._backend.daemon.pid, signal.SIGSTOP)
        interrupt_soon()
        try:
            with pytest.raises(KeyboardInterrupt):
                list(batches)
        finally:
            os.kill(run._backend.daemon.pid, signal.SIGCONT)


def test_an_interrupt_ends_the_wait_for_a_plan(tmp_path: Path) -> None:
    # It takes connections and never answers.
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        interrupt_soon()
        with pytest.raises(KeyboardInterrupt):
            loader(f"unix:{tmp_path}/silent")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_and_threads_are_flat_over_iterators(address: str) -> None:
    run = loader(address, epochs=60, dtype="u8", span=Span(loop="repeat"))

    def drop_many(number: int) -> int:
        for _ in range(number):
            next(iter(run))
        gc.collect()
        return resident_bytes()

    before = drop_many(100)
    threads: List[str] = os.listdir("/proc/self/task")
    after = drop_many(300)
    # One leaked batch each would be 300 times 108 KiB, one leaked mapping of all slots more.
    assert after - before < 12 << 20, f"{before >> 20} MiB grew to {after >> 20} MiB"
    assert len(os.listdir("/proc/self/task")) <= len(threads)
