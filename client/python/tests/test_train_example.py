"""The example that trains: resolutions, resuming, ranks."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

torch = pytest.importorskip("torch")
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))

import bandwise
import train
import vit

CURRICULUM = """
name = "short"
warmup_epochs = 1
[[stage]]
epochs = 3
bandwidth = 32
magnitude = 0
[[stage]]
epochs = 2
bandwidth = 64
magnitude = 5
"""

Records = List[Dict[str, Any]]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """More threads would only wait for each other on models this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def options(tmp_path: Path) -> List[str]:
    """What all runs have in common, besides where their data comes from."""
    curriculum = tmp_path / "curriculum.toml"
    curriculum.write_text(CURRICULUM)
    chosen = {"curriculum": curriculum, "epochs": 5, "model": "vit_nano", "device": "cpu", "drop-path": 0.2, "lr": 1}
    return [f"--{name}={value}" for name, value in chosen.items()] + ["--log-every=1", "--eval-every=2"]


@pytest.fixture
def served(address: str) -> List[str]:
    return ["--data", address, "--train-dataset=data", "--val-dataset=data"]


def records(out: Path) -> Records:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def values(out: Path, name: str) -> List[Any]:
    return [record[name] for record in records(out) if name in record]


def same(one: Any, other: Any) -> bool:
    """Whether two checkpoints are equal bit for bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(torch.equal(one, other)) if isinstance(one, torch.Tensor) else bool(one == other)


def test_a_folder_is_trained_on_through_a_change_of_resolution(
    options: List[str], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name in ("train", "val"):
        (data / name).symlink_to(photos)
    command = [*options, "--data", str(data), "--batch-size=4", "--out", str(out)]
    train.main(command)
    assert values(out, "bandwidth") == [32] * 9 + [64] * 6
    assert values(out, "magnitude") == [0] * 9 + [5] * 6
    assert all(0 < loss < 10 for loss in values(out, "loss"))
    rates = values(out, "lr")
    assert rates[0] == 0 and max(rates) == pytest.approx(4 / 1024) and 0 < rates[-1] < max(rates) / 4
    # After epochs 2 and 4, and at the end.
    validations = [record for record in records(out) if "top1" in record]
    assert [record["step"] for record in validations] == [5, 11, 14]
    assert all(record[f"{which}top5"] == 100 for record in validations for which in ("", "ema_"))
    assert "step 15/15  epoch 4  B 64" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        train.main(command)
    assert "--resume" in capsys.readouterr().err


def test_a_resumed_run_equals_the_uninterrupted_one(options: List[str], served: List[str], tmp_path: Path) -> None:
    command = [*options, *served, "--batch-size=2", "--accumulate=2"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train.main([*command, f"--out={whole}"])
    # It stops in the middle of an epoch, in the first stage.
    train.main([*command, f"--out={parts}", "--max-steps=5"])
    assert values(parts, "loss") == values(whole, "loss")[:5]
    assert not same(*(torch.load(out / "last.pt") for out in (whole, parts)))
    train.main([*command, f"--out={parts}", "--resume"])
    assert values(parts, "loss") == values(whole, "loss")
    assert same(*(torch.load(out / "last.pt") for out in (whole, parts)))
    # Another one: the loader does not take a state that is not its job's.
    with pytest.raises(bandwise.FingerprintError, match="seed"):
        train.main([*command, f"--out={parts}", "--resume", "--seed=1"])


def start_ranks(command: List[str], size: int) -> List["subprocess.Popen[bytes]"]:
    """The processes that torchrun would start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
    environment = {**os.environ, **{name: str(value) for name, value in common.items()}}
    program = [sys.executable, str(EXAMPLES / "train.py"), *command]
    return [
        subprocess.Popen(program, env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(size)
    ]


def test_two_ranks_learn_what_one_does_in_two_batches(options: List[str], served: List[str], tmp_path: Path) -> None:
    command = [*options, *served, "--batch-size=4"]
    one, two = tmp_path / "one", tmp_path / "two"
    # Of the 12 validation samples the second step of 8 rows has none for the second rank.
    ranks = start_ranks([*command, f"--out={two}"], 2)
    try:
        train.main([*command, f"--out={one}", "--accumulate=2"])
        assert [rank.wait(120) for rank in ranks] == [0, 0]
    finally:
        for process in ranks:
            process.kill()
    assert len(values(one, "loss")) == 5
    assert values(two, "loss") == pytest.approx(values(one, "loss"), rel=1e-4)
    for name in ("top1", "top5", "ema_top1", "ema_top5"):
        assert values(two, name) == pytest.approx(values(one, name)), name
    states = [torch.load(out / "last.pt")["model"] for out in (one, two)]
    for mine, other in zip(*(state.values() for state in states)):
        assert torch.allclose(mine, other, atol=1e-4)


@pytest.mark.parametrize("mixup, cutmix", [(0.8, 0), (0, 1.0), (0.8, 1.0)])
def test_targets_say_which_share_of_an_image_is_whose(mixup: float, cutmix: float) -> None:
    rows, side = 5, 40
    own = torch.arange(rows, dtype=torch.float32)
    mixed = 0
    for seed in range(20):
        images = own[:, None, None, None].expand(rows, 3, side, side).clone()
        arguments = Namespace(mixup=mixup, cutmix=cutmix)
        images, targets = train.mix(images, torch.arange(rows), rows, random.Random(seed), arguments)
        assert torch.allclose(targets.sum(dim=1), torch.ones(rows))
        # The label of a row is its value, so the mean of an image is that of its labels.
        assert torch.allclose(images.mean(dim=(1, 2, 3)), targets @ own, atol=1e-4)
        mixed += bool((targets[0] > 0).sum() == 2)
    assert mixed > 10


def test_all_positions_learn_at_every_resolution() -> None:
    model = vit.VisionTransformer(vit.SIZES["vit_nano"], 3, 0.5)
    for side in (32, 96, 224):
        assert model(torch.zeros(2, 3, side, side)).shape == (2, 3)
        model.zero_grad()
        model.positions_of(side // vit.PATCH).abs().sum().backward()
        assert (model.positions.grad != 0).all()
