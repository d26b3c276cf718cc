"""What private daemons are started with, and the wait for their end, which is their parent's."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import List, Optional, Tuple

from ._place import Place, digest

DATASET = "data"
"""Name of the dataset that a private daemon serves."""

PREFETCH_MIB = 1024
SHARED_MEMORY_MIB = 4096
"""What a daemon may use for each rank of the host. Only what is written takes memory."""

RANKS = 8
"""Ranks to expect where no launcher says how many there are in `LOCAL_WORLD_SIZE`."""

VERDICT = "the daemon "
"""Begins the last line of a log, which says how the daemon ended."""


def kind(dataset: str, program: str, threads: Optional[int]) -> str:
    """What makes private daemons the same."""
    folder, executable = os.stat(dataset), os.stat(program)
    # A path may stand for different folders in containers that share a folder for temporary files. A daemon has the
    # cores of the process that starts it: processes that are bound to others would not gain by it.
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    of_folder = (dataset, folder.st_dev, folder.st_ino)
    return digest(of_folder, (program, executable.st_mtime_ns, executable.st_size), threads, cores)


def _ranks() -> int:
    """Ranks that this host may have."""
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "")
    return max(1, int(ranks)) if ranks.isdigit() else RANKS


def arguments(place: Place, dataset: str, threads: Optional[int]) -> List[str]:
    """What the program is told."""
    words = ["serve", "--exit-with-stdin", "--remove-at-end", place.folder, "--listen", f"unix:{place.socket}"]
    words += ["--dataset", f"{DATASET}={dataset}", "--threads", str(threads or 0)]
    words += ["--prefetch-mib", str(PREFETCH_MIB * _ranks())]
    return [*words, "--shared-memory-mib", str(SHARED_MEMORY_MIB * _ranks())]


def start(command: List[str], stdin: int, log: int) -> Tuple[int, threading.Thread]:
    """Starts a daemon; gives its process, and the thread that waits for its end."""
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=log,
        env={"BANDWISE_LOG": "warn", **os.environ},
        cwd="/",
        # An interrupt at the terminal is for the trainer, which may want another batch before it ends. And others go on
        # where the process that starts it ends, or its group is killed.
        start_new_session=True,
    )
    reaper = threading.Thread(target=_reap, args=(process, os.dup(log)), name="bandwise-reaper", daemon=True)
    reaper.start()
    return process.pid, reaper


def _reap(process: "subprocess.Popen[bytes]", log: int) -> None:
    """Waits for a daemon's end, and tells all who have its log what only its parent gets to know."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1])
        process.returncode = code
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if code == -signal.SIGKILL:
            how += " (by hand, or by the system for want of memory: see `dmesg`)"
        os.write(log, f"\n{VERDICT}{how}\n".encode())
    except ChildProcessError:
        # Somebody else in this process waits for all children.
        pass
    finally:
        os.close(log)
