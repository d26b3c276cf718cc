"""The rank that a loader takes from launchers and torch.distributed."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

import bandwise
from bandwise import Device
from bandwise import _ranks
from test_batches import needs_torch

OPTIONS: Dict[str, Any] = {"curriculum": "none", "recipe": "plain", "batch_size": 2, "device": Device(arrays="numpy")}

NAMES = ("RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "SLURM_PROCID", "SLURM_NTASKS",
         "SLURM_STEP_NUM_TASKS", *(name for _, *names in _ranks.MPI for name in names))


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for one in text.split():
        name, _, value = one.partition("=")
        monkeypatch.setenv(name, value)


TORCHRUN = "RANK=1 WORLD_SIZE=4 "
ELASTIC = "TORCHELASTIC_RUN_ID=none " + TORCHRUN
OPEN_MPI = "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=4 "
SRUN = "SLURM_JOB_ID=7 SLURM_PROCID=1 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4 "


@pytest.mark.parametrize(
    "environment, expected, source",
    [
        ("", (0, 1), "default"),
        (TORCHRUN, (1, 4), "torchrun (RANK=1, WORLD_SIZE=4)"),
        (SRUN, (1, 4), "Slurm (SLURM_PROCID=1, SLURM_STEP_NUM_TASKS=4)"),
        (OPEN_MPI, (1, 4), "Open MPI"),
        ("PMI_RANK=1 PMI_SIZE=4", (1, 4), "PMI"),
        ("MV2_COMM_WORLD_RANK=1 MV2_COMM_WORLD_SIZE=4", (1, 4), "MVAPICH"),
        # Agreement.
        (TORCHRUN + SRUN + OPEN_MPI, (1, 4), "torchrun"),
        (SRUN + "PMI_RANK=1 PMI_SIZE=4", (1, 4), "PMI"),
        # Fewer tasks than were reserved.
        ("SLURM_JOB_ID=7 SLURM_PROCID=1 SLURM_NTASKS=16 SLURM_STEP_NUM_TASKS=2", (1, 2), "Slurm"),
        # A batch script, the shell of an allocation, a shell by srun: one process.
        ("SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_NTASKS=4", (0, 1), "default"),
        ("SLURM_JOB_ID=7 SLURM_NTASKS=4", (0, 1), "default"),
        ("SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=1", (0, 1), "default"),
        # Slurm may leave out the number of a step's tasks.
        ("SLURM_PROCID=0 SLURM_NTASKS=2", (0, 2), "SLURM_NTASKS=2"),
        ("SLURM_JOB_ID=7 SLURM_PROCID=1 SLURM_NTASKS=2", (1, 2), "SLURM_NTASKS=2"),
        # One process a host starts the ranks there.
        (ELASTIC + "SLURM_JOB_ID=7 SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2", (1, 4), "torchrun"),
        (ELASTIC + "SLURM_JOB_ID=7 SLURM_PROCID=3 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=4", (1, 4), "torchrun"),
        (OPEN_MPI + "SLURM_JOB_ID=7 SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2", (1, 4), "Open MPI"),
        (TORCHRUN + "SLURM_JOB_ID=7 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1", (1, 4), "torchrun"),
    ],
)
def test_launchers_say_who_we_are(
    monkeypatch: pytest.MonkeyPatch, environment: str, expected: Tuple[int, int], source: str
) -> None:
    set_all(monkeypatch, environment)
    found = _ranks.resolve(None, None)
    assert found[:2] == expected and source in found.source
    # Arguments win over all of them.
    assert _ranks.resolve(2, 3)[:2] == (2, 3)


@pytest.mark.parametrize(
    "environment, words",
    [
        (TORCHRUN + "OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=4", ["torchrun", "RANK=1", "Open MPI", "2 of 4"]),
        (TORCHRUN + "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2", ["torchrun", "1 of 4", "Open MPI", "1 of 2"]),
        (TORCHRUN + "SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=4", ["torchrun", "SLURM_PROCID=2"]),
        (TORCHRUN + "SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2", ["WORLD_SIZE=4", "SLURM_STEP_NUM_TASKS=2"]),
        (OPEN_MPI + "SLURM_PROCID=2 SLURM_STEP_NUM_TASKS=8", ["Open MPI", "Slurm"]),
        ("PMI_RANK=1 PMI_SIZE=4 " + "SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=4", ["PMI", "Slurm"]),
        ("RANK=1", ["RANK is set", "WORLD_SIZE is not"]),
        ("WORLD_SIZE=2", ["WORLD_SIZE is set", "RANK is not"]),
        ("RANK=one WORLD_SIZE=2", ["RANK must be an integer, not 'one'"]),
        ("RANK=2 WORLD_SIZE=2", ["rank 2", "0 to 1", "torchrun"]),
        ("SLURM_PROCID=9 SLURM_STEP_NUM_TASKS=2", ["rank 9", "Slurm"]),
    ],
)
def test_contradictions_name_both(monkeypatch: pytest.MonkeyPatch, environment: str, words: List[str]) -> None:
    set_all(monkeypatch, environment)
    with pytest.raises(bandwise.JobError) as raised:
        _ranks.resolve(None, None)
    assert all(word in str(raised.value) for word in words), raised.value


def test_half_of_a_place_is_none() -> None:
    assert _ranks.resolve(None, 1)[:2] == (0, 1)
    for half, missing in [((1, None), "world_size"), ((None, 2), "rank")]:
        with pytest.raises(bandwise.JobError, match=f"without {missing}"):
            _ranks.resolve(*half)


def test_a_loader_takes_it_and_says_so(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = []
    with caplog.at_level(logging.INFO, "bandwise"):
        for rank in range(2):
            set_all(monkeypatch, f"SLURM_PROCID={rank} SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2")
            run = bandwise.Loader(address, **OPTIONS)
            rows += [(batch.step, batch.first_row, sample) for batch in run for sample in batch.sample_ids]
    assert sorted({sample for *_, sample in rows}) == list(range(12)) and len(rows) == 12
    assert "rank 1 of 2, by Slurm (SLURM_PROCID=1, SLURM_STEP_NUM_TASKS=2)" in caplog.text


def test_torch_is_not_imported_for_it(address: str) -> None:
    script = (
        "import sys, bandwise; bandwise.Loader(sys.argv[1], batch_size=4, device=bandwise.Device(arrays='raw')); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, address], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "False"


SPAWN = textwrap.dedent("""
    import json, logging, os, sys
    import torch, torch.distributed as dist, torch.multiprocessing as mp
    import bandwise

    def main(rank, address, folder, port, environment, given):
        os.environ.update(environment)
        heard = []
        handler = logging.Handler()
        handler.emit = lambda record: heard.append(record.getMessage())
        logging.getLogger("bandwise").addHandler(handler)
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
        options = {"rank": given, "world_size": 2} if given is not None else {}
        answer = {}
        try:
            run = bandwise.Loader(address, curriculum="none", recipe="plain", batch_size=2, **options)
            answer["samples"] = [int(sample) for batch in run for sample in batch.sample_ids]
        except bandwise.JobError as error:
            answer["error"] = str(error)
        with open(f"{folder}/{rank}.json", "w") as file:
            json.dump({**answer, "heard": [line for line in heard if "warm-up" not in line]}, file)
        dist.barrier()

    if __name__ == "__main__":
        address, folder, port, environment, given = json.loads(sys.argv[1])
        mp.spawn(main, args=(address, folder, port, environment, given), nprocs=2)
""")


def spawn(address: str, folder: Path, environment: Dict[str, str], given: Any = None) -> List[Dict[str, Any]]:
    """The answers of two ranks of torch.multiprocessing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "spawn.py").write_text(SPAWN)
    told = json.dumps([address, str(folder), port, environment, given])
    subprocess.run([sys.executable, folder / "spawn.py", told], check=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@needs_torch
@pytest.mark.parametrize(
    "environment", [{}, {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}], ids=["bare", "one task of srun"]
)
def test_torch_distributed_says_who_we_are(address: str, tmp_path: Path, environment: Dict[str, str]) -> None:
    first, second = spawn(address, tmp_path, environment)
    assert sorted(first["samples"] + second["samples"]) == list(range(12))
    assert len(first["samples"]) == len(second["samples"]) == 6 and not first["heard"]


@needs_torch
def test_torch_distributed_and_a_launcher_contradict_each_other(address: str, tmp_path: Path) -> None:
    for answer, rank in zip(spawn(address, tmp_path, {"RANK": "0", "WORLD_SIZE": "4"}), range(2)):
        assert f"torch.distributed says that this process is rank {rank} of 2" in answer["error"]
        assert "torchrun (RANK=0, WORLD_SIZE=4)" in answer["error"]


@needs_torch
def test_options_that_contradict_torch_distributed_are_pointed_out(address: str, tmp_path: Path) -> None:
    first, second = spawn(address, tmp_path, {}, given=0)
    assert first["samples"] == second["samples"]
    # The daemon warns them too, if it sees both at once.
    heard = [[line for line in rank["heard"] if "gets the same rows" not in line] for rank in (first, second)]
    assert not heard[0]
    (line,) = heard[1]
    assert "rank 1 of 2 of torch.distributed" in line and "rank 0 of 2" in line
