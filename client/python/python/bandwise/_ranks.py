"""The rank of this process and the number of ranks, from torch.distributed or the launcher.

| source | rank | world size |
| --- | --- | --- |
| torch.distributed, if it is initialised | `get_rank()` | `get_world_size()` |
| torchrun, and launchers with the same variables | `RANK` | `WORLD_SIZE` |
| Open MPI | `OMPI_COMM_WORLD_RANK` | `OMPI_COMM_WORLD_SIZE` |
| MPICH, Intel MPI, others with PMI | `PMI_RANK` | `PMI_SIZE` |
| MVAPICH | `MV2_COMM_WORLD_RANK` | `MV2_COMM_WORLD_SIZE` |
| Slurm's srun | `SLURM_PROCID` | `SLURM_STEP_NUM_TASKS` |

They are in the order from the trainer outwards. A launcher may start one process a host, which starts the ranks: srun
under mpirun or torch.multiprocessing, anything under torchrun. Its variables then describe those processes and are
ignored. All other contradictions are errors; `rank` and `world_size` override them.

`SLURM_NTASKS` is the number of reserved tasks, not of running ones: it is set in a batch script and in the shell of an
allocation, where there is one process, which must not wait for others. srun sets `SLURM_STEP_NUM_TASKS` for what it
runs, which is 1 for a shell (`--pty`). `SLURM_NTASKS` counts where that is missing only if there is another task than 0,
or no such job.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import List, Mapping, NamedTuple, Optional, Tuple

from ._errors import JobError
from ._options import whole

_LOG = logging.getLogger("bandwise")

TORCHRUN = ("torchrun", "RANK", "WORLD_SIZE")
"""Name, and the variables of the environment that hold rank and world size."""

MPI = (
    ("Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI", "PMI_RANK", "PMI_SIZE"),
    ("MVAPICH", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
)


class Rank(NamedTuple):
    """A rank and its source."""

    rank: int
    world_size: int
    source: str


def resolve(rank: Optional[int], world_size: Optional[int]) -> Rank:
    """The rank of this process; what is given wins.

    Raises
    ------
    bandwise.JobError
        If sources contradict each other, or one of them says what no rank can be.
    """
    asked = None if rank is None else whole("rank", rank, 0)
    asked_of = None if world_size is None else whole("world_size", world_size, 1)
    if asked is None and asked_of == 1:
        asked = 0
    if asked is None and asked_of is None:
        found = _found(os.environ)
    elif asked is None or asked_of is None:
        missing, given = ("world_size", f"rank={asked}") if asked_of is None else ("rank", f"world_size={asked_of}")
        raise JobError(f"{given} is given without {missing}; give both, or neither to use those of the launcher")
    else:
        found = _checked(Rank(asked, asked_of, "the options"))
        _warn_of_another(found, _distributed())
    _LOG.info("rank %d of %d, by %s", *found)
    return found


def _found(environment: Mapping[str, str]) -> Rank:
    distributed, torchrun = _distributed(), _variables(TORCHRUN, environment)
    # torchrun's agent is the parent of its ranks: whatever launched that knows of agents only.
    is_elastic = torchrun is not None and "TORCHELASTIC_RUN_ID" in environment
    launchers = [] if is_elastic else [_variables(names, environment) for names in MPI]
    mpi = [one for one in launchers if _is_rank(one, distributed)]
    slurm = None if is_elastic else _variables(_slurm(environment), environment)
    slurms = [slurm] if all(_is_rank(slurm, nearer) for nearer in (distributed, *mpi)) else []
    ranks = [one for one in (distributed, torchrun, *mpi, *slurms) if one is not None]
    if not ranks:
        return Rank(0, 1, "default: no launcher sets them")
    for other in ranks[1:]:
        if other[:2] != ranks[0][:2]:
            raise JobError(
                f"{ranks[0].source} says that this process is rank {ranks[0].rank} of {ranks[0].world_size}, and "
                f"{other.source} that it is rank {other.rank} of {other.world_size}; give rank and world_size, or unset "
                "the variables that are wrong"
            )
    return ranks[0]


def _is_rank(one: Optional[Rank], nearer: Optional[Rank]) -> bool:
    """Whether a launcher has started ranks: more than one process, and no fewer than there are ranks."""
    return one is not None and one.world_size > 1 and (nearer is None or one.world_size >= nearer.world_size)


def _slurm(environment: Mapping[str, str]) -> Tuple[str, str, str]:
    is_step = environment.get("SLURM_PROCID", "0") != "0" or "SLURM_JOB_ID" not in environment
    reserved = "SLURM_STEP_NUM_TASKS" not in environment and is_step
    return ("Slurm", "SLURM_PROCID", "SLURM_NTASKS" if reserved else "SLURM_STEP_NUM_TASKS")


def _distributed() -> Optional[Rank]:
    """The rank and world of torch.distributed, if the program has imported and initialised it; it is never imported
    here."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return Rank(distributed.get_rank(), distributed.get_world_size(), "torch.distributed")


def _variables(names: Tuple[str, str, str], environment: Mapping[str, str]) -> Optional[Rank]:
    who, rank_name, world_name = names
    texts = [(name, environment.get(name)) for name in (rank_name, world_name)]
    present = [name for name, text in texts if text is not None]
    if len(present) < 2:
        if present and names == TORCHRUN:
            # One of them alone is a mistake, and a guess would give ranks the same rows.
            raise JobError(f"{present[0]} is set in the environment and {_other(present, texts)} is not: set both or neither")
        return None
    rank, world_size = (_number(name, text or "") for name, text in texts)
    source = f"{who} ({rank_name}={rank}, {world_name}={world_size})"
    return _checked(Rank(rank, world_size, source))


def _other(present: List[str], texts: List[Tuple[str, Optional[str]]]) -> str:
    return next(name for name, _ in texts if name not in present)


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise JobError(f"the environment variable {name} must be an integer, not {text!r}; correct it or unset it") from None


def _checked(one: Rank) -> Rank:
    if not 0 <= one.rank < one.world_size:
        raise JobError(
            f"rank {one.rank} is not one of the {one.world_size} ranks 0 to {one.world_size - 1}, by {one.source}"
        )
    return one


def _warn_of_another(asked: Rank, distributed: Optional[Rank]) -> None:
    if distributed is not None and asked[:2] != distributed[:2]:
        _LOG.warning(
            "this process is rank %d of %d of torch.distributed, but the loader was given rank %d of %d: ranks with the "
            "same rows train on them twice",
            *distributed[:2], *asked[:2],
        )
