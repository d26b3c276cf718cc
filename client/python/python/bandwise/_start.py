"""The configuration and the command line of private daemons, and the wait for their end.

Only the parent of a daemon learns which signal ended it. So a thread of the parent waits, and writes one line to the
daemon's log, which every loader has open. The same thread leaves no zombie if the starter continues alone.

Daemons are shared by processes that may use the same cores. Affinity is inherited: ranks that are bound to cores of their
own would otherwise all decode on the cores of the first rank.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import List, Tuple

from ._daemon_options import DaemonOptions, toml
from ._errors import DatasetError
from ._daemon_folder import FOLDER_DIGITS, KEY_DIGITS, DaemonFolder, digest
from ._words import VERDICT

DATASET = "data"
"""Name of the dataset that a private daemon serves."""

PREFETCH_MIB = 1024
SHARED_MEMORY_MIB = 4096
"""Memory budgets of a daemon for each rank of the host. Only written memory counts."""

RANKS = 8
"""Ranks to expect if no launcher sets `LOCAL_WORLD_SIZE`."""


def kind(dataset: str, program: str, options: DaemonOptions) -> str:
    """The key by which private daemons are shared: the folder, then all the rest."""
    folder, executable = os.stat(dataset), os.stat(program)
    # A path may stand for different folders in containers that share a folder for temporary files. A daemon has the
    # cores of the process that starts it: processes that are bound to others would not gain by it.
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    of_folder = (dataset, folder.st_dev, folder.st_ino)
    of_program = (program, executable.st_mtime_ns, executable.st_size)
    rest = digest(of_program, cores, options.identity(), digits=KEY_DIGITS)
    return digest(of_folder, digits=FOLDER_DIGITS) + rest


def _ranks() -> int:
    """Ranks that this host may have."""
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "")
    return max(1, int(ranks)) if ranks.isdigit() else RANKS


def configuration(dataset: str, options: DaemonOptions) -> str:
    """A folder to serve, and the settings of its daemon.

    Raises
    ------
    bandwise.DatasetError
        If it could not read the path.
    """
    try:
        dataset.encode()
    except UnicodeEncodeError:
        raise DatasetError(f"the path of a folder must be UTF-8, not {dataset!r}; rename the folder, or make a link to it") from None
    ranks = _ranks()
    defaults = {"log": "warn", "prefetch_mib": PREFETCH_MIB * ranks, "shared_memory_mib": SHARED_MEMORY_MIB * ranks}
    return toml(options, dataset, DATASET, defaults)


def arguments(folder: DaemonFolder) -> List[str]:
    """The arguments of the program."""
    words = ["serve", "--exit-with-stdin", "--remove-at-end", folder.path, "--listen", f"unix:{folder.socket}"]
    return [*words, "--config", folder.config]


def start(command: List[str], stdin: int, log: int) -> Tuple[int, threading.Thread]:
    """Starts a daemon; gives its process, and the thread that waits for its end."""
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=log,
        cwd="/",
        # An interrupt at the terminal is for the trainer, which may want another batch before it ends. And others
        # continue where the process that starts it ends, or its group is killed.
        start_new_session=True,
    )
    reaper = threading.Thread(target=_reap, args=(process, os.dup(log)), name="bandwise-reaper", daemon=True)
    reaper.start()
    return process.pid, reaper


def _reap(process: "subprocess.Popen[bytes]", log: int) -> None:
    """Waits for a daemon's end, and writes the reason, which only its parent learns, to its log."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1])
        process.returncode = code
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if code == -signal.SIGKILL:
            how += " (by hand, or by the system for want of memory: see `dmesg`)"
        os.write(log, f"\n{VERDICT}{how}\n".encode())
    except ChildProcessError:
        # Other code in this process waits for all children.
        pass
    finally:
        os.close(log)
