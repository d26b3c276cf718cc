"""The client made of generated stubs: its bytes are those of the command line, over both kinds of sockets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Dict, Iterator, List

import pytest

from bandwise import _daemon
from conftest import Pull, wait_until

pytest.importorskip("grpc")
pytest.importorskip("grpc_tools")

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "client/python/examples/grpc_client.py"
PROTO = ROOT / "proto/bandwise/v1"


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated stubs."""
    folder = tmp_path_factory.mktemp("stubs")
    make = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(PROTO)]
    make += ["--python_out", str(folder), "--grpc_python_out", str(folder), "loader.proto"]
    subprocess.run(make, check=True)
    return folder


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def tcp(photos: Path) -> Iterator[str]:
    """A daemon like that of `address`, on a port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [_daemon.binary(), "serve", "--exit-with-stdin", "--listen", address, "--dataset", f"data={photos}"]
    daemon = subprocess.Popen([*command, "--threads", "2"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_until(lambda: listens(address), "the daemon listens")
    yield address
    daemon.communicate(timeout=60)


def lines(stubs: Path, address: str, *options: str) -> List[Dict[str, Any]]:
    """What the example prints."""
    command = [sys.executable, str(EXAMPLE), address, *options]
    environment = {**os.environ, "PYTHONPATH": str(stubs)}
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment, timeout=300).stdout
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(
    "options",
    [
        "--curriculum efficienttrain++ --epochs 6 --batch-size 4 --seed 5",
        "--curriculum efficienttrain --epochs 6 --batch-size 2 --rank 1 --world-size 2 --steps 5",
        # 12 samples in steps of 10: every second step is short.
        "--curriculum none --recipe eval --epochs 2 --batch-size 5 --rank 0 --world-size 2",
    ],
)
def test_its_bytes_are_those_of_pull(stubs: Path, address: str, tcp: str, pull: Pull, options: str) -> None:
    expected = [{key: line[key] for key in ("step", "bandwidth", "sha256")} for line in pull(*options.split())]
    assert lines(stubs, address, *options.split()) == expected and len(expected) > 3
    assert lines(stubs, tcp, *options.split()) == expected


@pytest.fixture
def example(stubs: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for folder in (stubs, EXAMPLE.parent):
        monkeypatch.syspath_prepend(str(folder))
    import grpc_client

    module: ModuleType = grpc_client
    return module


def test_what_is_missing_of_a_batch_is_noticed(example: ModuleType) -> None:
    pb = example.pb
    info = pb.TensorInfo(name="images", dtype=pb.DTYPE_U8, shape=[2, 3], byte_length=6)
    header = pb.Part(header=pb.BatchHeader(step=7, tensors=[info]))
    head, tail = pb.Part(data=b"abcd"), pb.Part(offset=4, data=b"ef")
    _, tensors = example.whole(iter([header, head, tail]))
    assert tensors["images"].shape == (2, 3) and tensors["images"].tobytes() == b"abcdef"
    with pytest.raises(ValueError, match="step 7 is incomplete: 4 of 6"):
        example.whole(iter([header, head]))


def test_rows_of_short_steps(example: ModuleType) -> None:
    # Two steps are left of the epoch in which the stage begins, then epochs of three steps.
    stage = SimpleNamespace(
        first_step=10, first_epoch_steps=2, first_epoch_last_step_rows=5, steps_per_epoch=3, last_step_rows=4,
        global_batch=8,
    )  # fmt: skip
    assert [example.rows_of(stage, step) for step in range(10, 19)] == [8, 5, 8, 8, 4, 8, 8, 4, 8]
