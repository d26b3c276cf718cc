"""What the Python client costs a trainer: CPU time, time to the first batch, memory of iterators made and dropped.

    make bench-python

or, in an environment that has the package, numpy, grpcio and grpcio-tools:

    python benches/python_client.py --binary target/release/bandwise --corpus target/corpus [--json] [--write]

Every subject is a process of its own, started anew in each round; a round measures all of them once, in turns. Figures
are medians of the rounds. With --write the tables go into RESULTS.md, between their markers.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence

from python_subject import ITERATOR_ROWS, MARKS, ROWS, SIDE, Figures

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "RESULTS.md"
BEGIN, END = "<!-- bench:python -->", "<!-- /bench:python -->"

PACE = 2000
"""Images per second that are asked for where the pace is given."""
START_SECONDS = 120
"""What a daemon may take to index the corpus and to listen, and any subject to give its figures."""


class Receiver(NamedTuple):
    """A way for batches into a trainer."""

    name: str
    client: str
    """``loader``, or ``grpcio``: the example in client/python/examples."""
    is_tcp: bool
    transport: str


RECEIVERS = (
    Receiver("Loader, shared memory", "loader", False, "shm"),
    Receiver("Loader, gRPC, Unix socket", "loader", False, "grpc"),
    Receiver("Loader, gRPC, TCP loopback", "loader", True, "grpc"),
    Receiver("grpcio example, Unix socket", "grpcio", False, ""),
    Receiver("grpcio example, TCP loopback", "grpcio", True, ""),
)


class Daemon(NamedTuple):
    """A running daemon with the datasets `synthetic` and `corpus`."""

    pid: int
    unix: str
    tcp: str


# ---- rounds -----------------------------------------------------------------------------------------------------


def measure(environment: Dict[str, str], subject: str, **arguments: Any) -> Figures:
    """The figures of a subject, in a new process."""
    command = [sys.executable, str(HERE / "python_subject.py"), subject, json.dumps(arguments)]
    out = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=START_SECONDS
    ).stdout
    figures: Figures = json.loads(out)
    return figures


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_daemon(args: argparse.Namespace, environment: Dict[str, str], folder: Path) -> Iterator[Daemon]:
    path, tcp = folder / "daemon.sock", f"127.0.0.1:{free_port()}"
    command = [args.binary, "serve", "--source", "synthetic", "--dataset", f"corpus={args.corpus}"]
    command += ["--listen", f"unix:{path}", "--listen", tcp, "--exit-with-stdin"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            limit = time.monotonic() + START_SECONDS
            while not listens(path, tcp):
                if process.poll() is not None or time.monotonic() > limit:
                    raise SystemExit("the daemon does not start")
                time.sleep(0.05)
            yield Daemon(process.pid, f"unix:{path}", tcp)
        finally:
            process.terminate()


def listens(path: Path, tcp: str) -> bool:
    host, port = tcp.split(":")
    try:
        socket.create_connection((host, int(port))).close()
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
        return True
    except OSError:
        return False


def received(args: argparse.Namespace, environment: Dict[str, str], daemon: Daemon) -> Dict[str, List[Figures]]:
    """The rounds of every way to receive, at the pace and without one."""
    rounds: Dict[str, List[Figures]] = {}
    for number in range(args.rounds):
        for pace in (PACE, 0):
            for receiver in RECEIVERS:
                address = daemon.tcp if receiver.is_tcp else daemon.unix
                way = {"client": receiver.client, "address": address, "transport": receiver.transport}
                figures = measure(
                    environment, "receive", daemon=daemon.pid, pace=pace, seconds=args.seconds, **way
                )
                name = f"{receiver.name}, {'paced' if pace else 'unpaced'}"
                rounds.setdefault(name, []).append(figures)
                rate, cores = figures["images_per_s"], figures["cores"]
                say(f"round {number + 1}: {name}: {rate:.0f} images/s, {cores:.2%} of a core")
    return rounds


def first_batches(args: argparse.Namespace, environment: Dict[str, str], daemon: Daemon) -> Dict[str, List[Figures]]:
    """The rounds of every way to a first batch. Seeds differ, so that no batch is made already."""
    rounds: Dict[str, List[Figures]] = {}
    corpus, cache = str(args.corpus), environment["XDG_CACHE_HOME"]
    for seed in range(args.rounds):
        shutil.rmtree(cache, ignore_errors=True)
        targets = {
            "private daemon, first time": (corpus, ""),
            "private daemon, indexed folder": (corpus, ""),
            "running daemon, by address": (daemon.unix, "corpus"),
        }
        for name, (target, dataset) in targets.items():
            figures = measure(environment, "first_batch", target=target, dataset=dataset, seed=seed)
            rounds.setdefault(name, []).append(figures)
            say(f"round {seed + 1}: {name}: first batch after {figures['total']:.2f} s")
    return rounds


def measured(args: argparse.Namespace) -> Dict[str, Dict[str, List[Figures]]]:
    """Every round of every subject."""
    # The path of a Unix socket is short.
    with tempfile.TemporaryDirectory(prefix="bw-") as name:
        folder = Path(name)
        stubs(folder)
        paths = [str(folder), str(ROOT / "client/python/examples"), os.environ.get("PYTHONPATH", "")]
        environment = {
            **{key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE")},
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "BANDWISE_BINARY": str(args.binary),
            "BANDWISE_LOG": "warn",
            "TMPDIR": name,
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        with running_daemon(args, environment, folder) as daemon:
            results = {"receive": received(args, environment, daemon)}
            results["first batch"] = first_batches(args, environment, daemon)
        results["iterators"] = {}
        for transport, way in (("shm", "shared memory"), ("grpc", "gRPC, Unix socket")):
            # A daemon that has served nothing else, so that its memory is that of the iterators.
            with running_daemon(args, environment, folder) as daemon:
                figures = measure(environment, "iterators", address=daemon.unix, transport=transport, daemon=daemon.pid)
            results["iterators"][way] = [figures]
            say(f"{way}: {figures}")
        return results


def stubs(folder: Path) -> None:
    """The modules of the contract that the grpcio example imports."""
    contract = ROOT / "proto/bandwise/v1"
    options = ["-I", contract, "--python_out", folder, "--grpc_python_out", folder, contract / "loader.proto"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *map(str, options)], check=True)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# ---- tables -----------------------------------------------------------------------------------------------------


def column(rounds: List[Figures], key: str, scale: float = 1.0) -> List[float]:
    return [figures[key] * scale for figures in rounds]


def middle(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f}"


def spread(values: Sequence[float], digits: int) -> str:
    return f"{min(values):.{digits}f} .. {max(values):.{digits}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def paced_table(results: Dict[str, List[Figures]]) -> str:
    head = [f"{PACE} images/s", "trainer: % of a core", "lowest .. highest", "daemon: % of a core", "images/s"]
    rows = []
    for receiver in RECEIVERS:
        rounds = results[f"{receiver.name}, paced"]
        cores, daemon = column(rounds, "cores", 100), column(rounds, "daemon_cores", 100)
        rate = column(rounds, "images_per_s")
        rows.append([receiver.name, middle(cores, 2), spread(cores, 2), middle(daemon, 1), middle(rate, 0)])
    return table(head, rows)


def unpaced_table(results: Dict[str, List[Figures]]) -> str:
    head = ["as fast as it goes", "images/s", "lowest .. highest", "trainer: CPU µs/image", "daemon: CPU µs/image"]
    rows = []
    for receiver in RECEIVERS:
        rounds = results[f"{receiver.name}, unpaced"]
        rate = column(rounds, "images_per_s")
        costs = [
            middle([figures[key] / figures["images_per_s"] * 1e6 for figures in rounds], 2)
            for key in ("cores", "daemon_cores")
        ]
        rows.append([receiver.name, middle(rate, 0), spread(rate, 0), *costs])
    return table(head, rows)


def first_table(results: Dict[str, List[Figures]]) -> str:
    head = ["to the first batch, s", "median", "lowest .. highest", "import", "Loader(...)", "its first batch"]
    rows = []
    for name, rounds in results.items():
        total = column(rounds, "total")
        parts = [middle(column(rounds, part), 2) for part in ("import", "loader", "batch")]
        rows.append([name, middle(total, 2), spread(total, 2), *parts])
    return table(head, rows)


def iterator_table(results: Dict[str, List[Figures]]) -> str:
    head = ["iterators made and dropped", *(f"RSS after {mark}, MB" for mark in MARKS), "descriptors", "threads"]
    rows = []
    for way, (figures,) in results.items():
        for process in ("trainer", "daemon"):
            cells = [f"{figures[f'{process} rss_mb {mark}']:.1f}" for mark in MARKS]
            for key in ("descriptors", "threads"):
                cells.append(" then ".join(f"{figures[f'{process} {key} {mark}']:.0f}" for mark in MARKS))
            rows.append([f"{way}: {process}", *cells])
    return table(head, rows)


def conditions(args: argparse.Namespace) -> str:
    """What the figures are worthless without. The load is that before the run."""
    sys.path.append(str(HERE / "peers"))
    from report import commit, cpu

    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "grpcio"))
    files = sum(1 for _ in args.corpus.glob("*/*.jpg"))
    return "\n".join((
        f"- {datetime.date.today()}, commit {commit()}, Python {platform.python_version()}, {versions}",
        f"- {cpu()}, {os.cpu_count()} cores; Linux {platform.release()}; load average before: {os.getloadavg()[0]:.2f}",
        f"- {args.rounds} rounds of {args.seconds:g} s a subject, a process each; batches of {ROWS} x 3 x {SIDE} x {SIDE}"
        f" u8 of the synthetic dataset; first batches out of {files} JPEGs, page cache warm; iterators of"
        f" {ITERATOR_ROWS} rows",
    ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True, help="the program bandwise, built in release mode")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of class folders with JPEGs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a way to receive in a round, after its warm-up")
    parser.add_argument("--json", action="store_true", help="print every round of every subject instead of tables")
    parser.add_argument("--write", action="store_true", help="write the tables into RESULTS.md")
    args = parser.parse_args()
    args.binary, args.corpus = args.binary.absolute(), args.corpus.absolute()
    if args.rounds < 1:
        parser.error("--rounds must be at least 1")
    head = conditions(args)
    results = measured(args)
    receive_tables = [paced_table(results["receive"]), unpaced_table(results["receive"])]
    other_tables = [first_table(results["first batch"]), iterator_table(results["iterators"])]
    text = "\n\n".join([head, *receive_tables, *other_tables])
    print(json.dumps(results, indent=1) if args.json else text)
    if args.write:
        before, rest = RESULTS.read_text().split(BEGIN)
        RESULTS.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
