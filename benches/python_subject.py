"""What `python_client.py` measures, each in a process of its own: python_subject.py SUBJECT ARGUMENTS, as JSON.

It prints one line of JSON. Packages are imported where they are used, since their imports are part of what is measured.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

ROWS = 256
"""Rows of a batch: 38.5 MB as 8-bit pixels."""
SIDE = 224
PIXEL = 60
"""What every byte of the synthetic dataset's images is."""
WARM_UP = 12
"""Batches that are dropped first: more than any subject asks for ahead, so that buffers are full."""
EPOCHS = 1000
"""Budget of the jobs: enough steps for any round."""
MARKS = (100, 1000)
"""Iterators after which the memory is read."""
ITERATOR_ROWS = 16
"""Rows of their batches: each has eight in the making when it is dropped, and one that were kept would take 2.4 MB."""
SETTLE_SECONDS = 0.5
"""What connections that were dropped get to go, on both sides, before descriptors are counted."""

Figures = Dict[str, float]


def synthetic(transport: str) -> Dict[str, Any]:
    """Options of a loader of plain images that need no decoding."""
    job = {"dataset": "synthetic", "curriculum": "none", "recipe": "plain", "epochs": EPOCHS, "dtype": "u8"}
    # Not torch, so that figures do not depend on whether it is installed; it takes the same memory in the same way.
    import bandwise

    return {**job, "transport": transport, "device": bandwise.Device(arrays="numpy"), "span": bandwise.Span(loop="run")}


def loader_batches(address: str, transport: str) -> Iterator[Any]:
    import bandwise

    with bandwise.Loader(address, batch_size=ROWS, **synthetic(transport)) as loader:
        for batch in loader:
            assert batch.is_shared == (transport == "shm"), "the batch came another way"
            images, _ = batch
            yield images


def grpcio_batches(address: str) -> Iterator[Any]:
    import grpc_client
    import loader_pb2 as pb

    datasets = [pb.DatasetShare(name="synthetic")]
    names = {"curriculum_name": "none", "recipe_name": "plain"}
    job = pb.Job(datasets=datasets, epochs=EPOCHS, global_batch=ROWS, dtype=pb.DTYPE_U8, **names)
    for _, tensors in grpc_client.batches(address, job):
        yield tensors["images"]


def take(batches: Iterator[Any], pause: float, seconds: float, least: int) -> int:
    """Takes a batch every ``pause`` seconds for so long, at least ``least``; gives how many. It looks at no pixel."""
    begun, taken = time.perf_counter(), 0
    while taken < least or time.perf_counter() - begun < seconds:
        wait = begun + (taken + 1) * pause - time.perf_counter()
        if pause and wait > 0:
            time.sleep(wait)
        # As in a loop over a loader, the last one goes when this one is there.
        held = next(batches)
        taken += 1
    del held
    return taken


def daemon_cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def receive(client: str, address: str, transport: str, daemon: int, pace: float, seconds: float) -> Figures:
    """Images per second, and the CPU time of this process (all threads) and of the daemon for a second of the clock."""
    batches = loader_batches(address, transport) if client == "loader" else grpcio_batches(address)
    first = next(batches)
    assert first.shape == (ROWS, 3, SIDE, SIDE) and (first == PIXEL).all(), "the batch is not what was asked for"
    del first
    pause = ROWS / pace if pace else 0.0
    # At the same pace, so that what is asked for ahead is as far as it will be.
    take(batches, pause, 0, WARM_UP)
    begun, own_before, daemon_before = time.perf_counter(), time.process_time(), daemon_cpu_seconds(daemon)
    images = take(batches, pause, seconds, 1) * ROWS
    elapsed = time.perf_counter() - begun
    cpu, daemon_cpu = time.process_time() - own_before, daemon_cpu_seconds(daemon) - daemon_before
    return {"images_per_s": images / elapsed, "cores": cpu / elapsed, "daemon_cores": daemon_cpu / elapsed}


def first_batch(target: str, dataset: str, seed: int) -> Figures:
    """Seconds from the import of the package to the first batch of its default job. What it would import is there."""
    for library in ("torch", "numpy"):
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    begun = time.perf_counter()
    import bandwise

    imported = time.perf_counter()
    loader = bandwise.Loader(target, dataset=dataset or None, epochs=EPOCHS, batch_size=ROWS, seed=seed)
    made = time.perf_counter()
    images, _ = next(iter(loader))
    done = time.perf_counter()
    assert len(images) == ROWS
    loader.close()
    return {"total": done - begun, "import": imported - begun, "loader": made - imported, "batch": done - made}


def memory(pid: int) -> Figures:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    megabytes = int(status["VmRSS"].split()[0]) * 1024 / 1e6
    return {"rss_mb": megabytes, "descriptors": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(status["Threads"])}


def iterators(address: str, transport: str, daemon: int) -> Figures:
    """Memory, descriptors and threads of this process and of the daemon after so many iterators of one batch each."""
    import bandwise

    figures = {}
    options = {**synthetic(transport), "span": bandwise.Span(loop="repeat")}
    with bandwise.Loader(address, batch_size=ITERATOR_ROWS, **options) as loader:
        for number in range(1, MARKS[-1] + 1):
            next(iter(loader))
            if number in MARKS:
                time.sleep(SETTLE_SECONDS)
                for name, pid in (("trainer", os.getpid()), ("daemon", daemon)):
                    figures.update({f"{name} {key} {number}": value for key, value in memory(pid).items()})
    return figures


SUBJECTS: Dict[str, Callable[..., Figures]] = {"receive": receive, "first_batch": first_batch, "iterators": iterators}


if __name__ == "__main__":
    print(json.dumps(SUBJECTS[sys.argv[1]](**json.loads(sys.argv[2]))))
