"""Ranks of a host: processes with a loader each, led by their standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, Dict, List

from bandwise import Device, Span

OPTIONS: Dict[str, Any] = {"epochs": 6, "batch_size": 1, "device": Device(arrays="raw"), "span": Span(loop="run")}
"""Those of the loaders of tests, which then have the same daemon and job as a rank."""

RANK = textwrap.dedent("""
    import hashlib, json, os, sys, bandwise
    def say(**words):
        # In one write, as ranks may share a pipe: print makes two where output has no buffer.
        sys.stdout.write(json.dumps(words) + "\\n")
        sys.stdout.flush()
    try:
        raw, whole = bandwise.Device(arrays="raw"), bandwise.Span(loop="run")
        run = bandwise.Loader(sys.argv[1], epochs=6, batch_size=1, device=raw, span=whole)
        say(daemon=run._backend.daemon.pid, process=os.getpid())
        batches = iter(run)
        for line in sys.stdin:
            batch = next(batches, None)
            if batch is None:
                say(end=True)
                continue
            size = batch.images.nbytes // max(len(batch.sample_ids), 1)
            images = batch.images.tobytes()
            rows = [hashlib.sha256(images[start:start + size]).hexdigest() for start in range(0, len(images), size)]
            say(step=batch.step, first_row=batch.first_row, rows=rows)
    except bandwise.Error as error:
        say(error=type(error).__name__, message=str(error))
""")

class Rank:
    """A process with a loader, which gives a batch when it is asked for one."""

    def __init__(self, folder: Path, rank: int = 0, world_size: int = 1) -> None:
        variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world_size, "LOCAL_WORLD_SIZE": world_size}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RANK, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        )

    def answer(self) -> Dict[str, Any]:
        assert self.process.stdout is not None
        answer: Dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def next(self) -> Dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write("next\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        """It ends in good order."""
        self.process.communicate()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


Start = Callable[..., List[Rank]]


def one_daemon(ranks: List[Rank]) -> int:
    """The process of the daemon that all ranks have."""
    (pid,) = {rank.answer()["daemon"] for rank in ranks}
    return int(pid)
