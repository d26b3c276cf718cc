"""Options of a private daemon reach it, and are as complete as its configuration."""

from __future__ import annotations

import logging
import re
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any, Dict, Set

import pytest

import bandwise
from bandwise import DaemonOptions, Device, _daemon
from bandwise._daemon_options import KEYS, RANGES

CONFIGURATION = Path(__file__).resolve().parents[3] / "deploy/bandwise.toml"

OPTIONS: Dict[str, Any] = {"batch_size": 2, "curriculum": "none", "recipe": "eval", "device": Device(arrays="raw")}

OF_PACKAGE = {
    "listen": "its socket is the package's own",
    "source": "it serves a folder",
    "dataset.name": "the package's own",
    "dataset.path": "the folder",
}
"""Keys of the configuration that the package sets, with the reason."""


def keys_of_configuration() -> Set[str]:
    found, table = set(), ""
    for line in CONFIGURATION.read_text().splitlines():
        header = re.match(r"#?\[+(\w+)\]+$", line)
        key = re.match(r"#?(\w+) = ", line)
        if header:
            table = header.group(1) + "."
        elif key:
            found.add(table + key.group(1))
    return found


def test_every_key_is_an_option_or_set_by_the_package() -> None:
    assert keys_of_configuration() == set(KEYS.values()) | set(OF_PACKAGE)
    assert set(KEYS) == set(DaemonOptions.__dataclass_fields__)


def test_ranges_are_those_of_the_daemon(tmp_path: Path) -> None:
    tables: Dict[str, str] = {"": "", "decode_limits.": "[decode_limits]\n"}
    for option, (_, most) in RANGES.items():
        table, _, key = KEYS[option].rpartition(".")
        tables[f"{table}." if table else ""] += f"{key} = {most + 1}\n"
    file = tmp_path / "bandwise.toml"
    file.write_text("".join(tables.values()) + f'[[dataset]]\nname = "x"\npath = "{tmp_path}"\n')
    told = subprocess.run([_daemon.binary(), "serve", "--config", file], stderr=subprocess.PIPE, text=True).stderr
    found = re.findall(r"  - ([\w.]+) = \d+: must be from (\d+) to (\d+)", told)
    assert {key: (int(least), int(most)) for key, least, most in found} == {
        KEYS[option]: limits for option, limits in RANGES.items()
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.usefixtures("home")
def test_every_option_reaches_the_daemon(photos: Path, tmp_path: Path) -> None:
    names = [str(path.relative_to(photos)) for path in sorted(photos.glob("*/*.jpg"))]
    (tmp_path / "keep").write_text("\n".join(names[:9]))
    (tmp_path / "leave").write_text("\n".join(names[:2]))
    options = DaemonOptions(
        keep=tmp_path / "keep",
        leave_out=str(tmp_path / "leave"),
        allow_empty_classes=True,
        splits="never",
        content=True,
        verify_index=False,
        rescan=True,
        max_megapixels=7,
        max_encoded_mib=3,
        prefetch_mib=64,
        fetch_mib=128,
        max_fetches=5,
        fetch_seconds=20,
        shared_memory_mib=0,
        replay_memory_mib="auto",
        replay_shortage="recompute",
        max_batch_mib=100,
        max_streams=3,
        max_pending_batches=17,
        max_connections=40,
        max_connections_per_peer=20,
        handshake_seconds=30,
        drain_seconds=1,
        threads=1,
        admin=f"127.0.0.1:{free_port()}",
        allow_insecure_tcp=True,
        pin_threads=True,
        cache_dir=tmp_path / "cache",
        seek_points=False,
        seek_spacing=4,
        seek_mib=100,
        log="info",
    )
    with bandwise.Loader(photos, daemon=options, **OPTIONS) as run:
        assert run._backend.daemon is not None
        written = Path(run._backend.daemon._folder.config).read_text()
        for name, key in KEYS.items():
            assert re.search(rf"^{key.rpartition('.')[2]} = ", written, re.MULTILINE), name
        # The options whose effect can be seen from here have it.
        assert run.plan.dataset_samples == 7
        fields = dict(run.plan.fields)
        assert any(value == "7000000" for value in fields.values()), fields
        assert any(value == str(3 << 20) for value in fields.values()), fields
        assert (tmp_path / "cache").is_dir()
        said = Path(run._backend.daemon._folder.log).read_text()
        for shown in ("threads=1", "prefetch_mib=64", "shared_memory_mib=0", "max_streams=3"):
            assert shown in re.sub(r"\x1b\[[0-9;]*m", "", said), said
        assert not next(iter(run))._native.is_shared
        with urllib.request.urlopen(f"http://{options.admin}/healthz") as answer:
            assert answer.status == 200


@pytest.mark.usefixtures("home")
def test_other_options_are_another_daemon(photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bandwise")
    leave = tmp_path / "leave"
    leave.write_text(str(next(photos.glob("*/*.jpg")).relative_to(photos)))
    with bandwise.Loader(photos, **OPTIONS) as plain, bandwise.Loader(photos, **OPTIONS) as same:
        assert plain._backend.daemon is not None and same._backend.daemon is not None
        assert plain._backend.daemon.pid == same._backend.daemon.pid
        assert "other options" not in caplog.text
        with bandwise.Loader(photos, daemon=DaemonOptions(leave_out=leave), **OPTIONS) as less:
            assert less.plan.dataset_samples == 11 and plain.plan.dataset_samples == 12
        assert "other options" in caplog.text
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING], caplog.text


def test_all_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(bandwise.JobError) as raised:
        wrong: Dict[str, Any] = {
            "max_megapixels": 0,
            "prefetch_mib": "many",
            "replay_memory_mib": -1,
            "replay_shortage": "maybe",
            "pin_threads": 1,
            "keep": tmp_path / "none-such",
            "leave_out": 5,
            "log": "",
            "admin": 9178,
            "handshake_seconds": 0,
        }
        DaemonOptions(**wrong)
    for name in wrong:
        assert name in str(raised.value)


@pytest.mark.usefixtures("home")
def test_a_wrong_log_is_an_error_of_the_job(photos: Path) -> None:
    with pytest.raises(bandwise.JobError, match="verbose"):
        bandwise.Loader(photos, daemon=DaemonOptions(log="verbose"), **OPTIONS)


def test_an_address_has_no_options(address: str) -> None:
    with pytest.raises(bandwise.JobError, match="no effect.*keep|no effect.*its keys"):
        bandwise.Loader(address, daemon=DaemonOptions(), **OPTIONS)
    with pytest.raises(bandwise.JobError, match="no effect.*max_streams"):
        bandwise.Loader(address, daemon=DaemonOptions(max_streams=2), **OPTIONS)


@pytest.mark.usefixtures("home")
def test_limits_above_the_default_reach_the_job(photos: Path) -> None:
    with bandwise.Loader(photos, daemon=DaemonOptions(max_megapixels=200), **OPTIONS) as run:
        assert "200000000" in dict(run.plan.fields).values()


@pytest.mark.parametrize(
    "name, part",
    [
        ("seed", r"'seed': it is an option of the Loader itself: Loader\(..., seed="),
        ("prefetch", r"'prefetch': it belongs to transport=bandwise.Transport\(prefetch="),
        ("listen", "'listen': the package sets it; to choose it, start a daemon with `bandwise serve"),
        ("priorities", r"'priorities'; did you mean 'priority'\? it belongs to transport="),
        ("max_megapixel", "did you mean 'max_megapixels'"),
        ("qqqq", "it has threads, leave_out, keep"),
    ],
)
def test_unknown_options_are_explained(name: str, part: str) -> None:
    with pytest.raises(TypeError, match=f"DaemonOptions has no option .*{part}"):
        DaemonOptions(**{name: 1})  # type: ignore[arg-type]
