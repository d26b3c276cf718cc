"""The loader as the train loader of frameworks: nobody shards it again, and runs resume from checkpoints."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from conftest import Pull

torch: Any = pytest.importorskip("torch")

SCRIPT = Path(__file__).with_name("train_with.py")


def is_installed(*names: str) -> bool:
    return any(importlib.util.find_spec(name) is not None for name in names)


needs_accelerate = pytest.mark.skipif(not is_installed("accelerate"), reason="Accelerate is not installed")
# On Python 3.11 Lightning cannot be imported with torch 1: a module of that, which it needs, cannot.
needs_lightning = pytest.mark.skipif(
    not is_installed("lightning", "pytorch_lightning") or torch.__version__.startswith("1."),
    reason="no Lightning is installed, or it does not go with this torch",
)
frameworks = pytest.mark.parametrize(
    "framework",
    ["bare", pytest.param("accelerate", marks=needs_accelerate), pytest.param("lightning", marks=needs_lightning)],
)

HEAD = 6
"""Steps before a checkpoint, as in the script."""

Found = List[Dict[str, Any]]
"""What each rank saw."""


def torchrun_environment(rank: int, ranks: int, port: int) -> Dict[str, str]:
    """What torchrun sets, as far as anybody reads it."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "1",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def train(framework: str, address: str, folder: Path, ranks: int, *phases: str) -> List[Found]:
    """What the ranks saw in each phase; one rank runs without torchrun."""
    port = free_port()
    command = [sys.executable, str(SCRIPT), framework, address, str(folder), str(4 // ranks), *phases]
    processes = []
    for rank in range(ranks):
        environment = torchrun_environment(rank, ranks, port) if ranks > 1 else {"ACCELERATE_USE_CPU": "1"}
        with (folder / f"log-{rank}").open("w") as log:
            processes.append(subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log))
    for rank, process in enumerate(processes):
        try:
            assert process.wait(300) == 0, (folder / f"log-{rank}").read_text()
        finally:
            process.kill()
    found = [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(ranks)]
    return [[rank[phase] for rank in found] for phase in phases]


def steps(*runs: Found) -> Dict[int, str]:
    """Digest of the samples of each step, over all ranks and runs, as `pull --digest` has it."""
    seen = [(step, row, sample) for found in runs for rank in found for step, row, sample in rank["seen"]]
    assert len({(step, row) for step, row, _ in seen}) == len(seen), "a row came twice"
    samples: Dict[int, bytes] = {}
    for step, _, sample in sorted(seen):
        samples[step] = samples.get(step, b"") + sample.to_bytes(8, "little")
    return {step: hashlib.sha256(ids).hexdigest()[:16] for step, ids in samples.items()}


@pytest.fixture(scope="module")
def expected(pull: Pull) -> Dict[int, str]:
    """The same by the command line."""
    options = "--curriculum efficienttrain++ --epochs 6 --batch-size 4 --dtype f32"
    return {line["step"]: line["samples_digest"] for line in pull(*options.split())}


@frameworks
def test_one_process(framework: str, address: str, tmp_path: Path, expected: Dict[int, str]) -> None:
    whole, head, tail = train(framework, address, tmp_path, 1, "whole", "head", "tail")
    assert steps(whole) == expected
    # Of the whole run, or of its first epoch: 12 photographs in steps of 4.
    assert whole[0]["length"] == (len(expected) if framework == "lightning" else 3)
    assert len(steps(head)) == HEAD < len(expected) and steps(head, tail) == expected
    assert tail[0]["weights"] == whole[0]["weights"], "a resumed run ends with other weights"


@frameworks
def test_two_ranks(framework: str, address: str, tmp_path: Path, expected: Dict[int, str]) -> None:
    (head,) = train(framework, address, tmp_path, 2, "head")
    (tail,) = train(framework, address, tmp_path, 2, "tail")
    assert len(steps(head)) == HEAD and steps(head, tail) == expected
    for found in (head, tail):
        assert found[0]["weights"] == found[1]["weights"], "the ranks had other gradients"
        # Each has its half of every step.
        assert [{row // 2 for _, row, _ in rank["seen"]} for rank in found] == [{0}, {1}]
