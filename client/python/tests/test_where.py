"""Folders, addresses and datasets: what is not there is an error that says what is."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest

import bandwise
from bandwise import DaemonOptions, Device, Transport

OPTIONS: Dict[str, Any] = {"batch_size": 1, "curriculum": "none", "recipe": "eval", "device": Device(arrays="raw")}


def photo(photos: Path) -> Path:
    return sorted(photos.glob("*/*.jpg"))[0]


@pytest.fixture
def imagenet(tmp_path: Path, photos: Path) -> Path:
    """ImageNet with two splits of class folders."""
    for name in ("train/n01/1", "train/n02/1", "val/n01/1", "val/n02/1"):
        path = tmp_path / "imagenet" / f"{name}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo(photos), path)
    return tmp_path / "imagenet"


@pytest.mark.usefixtures("home")
def test_a_name_that_is_not_there_is_an_error(photos: Path) -> None:
    for name in ("no-such-name", "train", "data"):
        with pytest.raises(bandwise.JobError, match=f"no dataset '{name}'.*leave `dataset` out"):
            bandwise.Loader(photos, dataset=name, **OPTIONS)


def test_an_address_lists_what_is_there(address: str) -> None:
    with pytest.raises(bandwise.JobError, match="no-such-name.*data"):
        bandwise.Loader(address, dataset="no-such-name", **OPTIONS)


@pytest.mark.usefixtures("home")
def test_splits_are_listed(imagenet: Path) -> None:
    with bandwise.Loader(imagenet, dataset="train", **OPTIONS) as run:
        assert run.classes == ["n01", "n02"] and run.plan.dataset_samples == 2
    for name, part in ((None, "train, val"), ("test", "train, val")):
        with pytest.raises(bandwise.JobError, match=part):
            bandwise.Loader(imagenet, dataset=name, **OPTIONS)


@pytest.mark.usefixtures("home")
def test_a_split_that_is_not_served_says_why(imagenet: Path, photos: Path) -> None:
    shutil.rmtree(imagenet / "val")
    (imagenet / "val").mkdir()
    shutil.copy(photo(photos), imagenet / "val" / "1.JPEG")
    with pytest.raises(bandwise.JobError, match="no dataset 'val'.*there are: train") as raised:
        bandwise.Loader(imagenet, dataset="val", **OPTIONS)
    assert "val (images lie directly in it" in str(raised.value)


@pytest.mark.usefixtures("home")
def test_a_flat_folder_is_an_error_of_its_own(tmp_path: Path, photos: Path) -> None:
    shutil.copy(photo(photos), tmp_path / "1.jpg")
    with pytest.raises(bandwise.DatasetError, match="FOLDER/CLASS/IMAGE") as raised:
        bandwise.Loader(tmp_path, **OPTIONS)
    assert str(raised.value).count("no class folders") == 1
    assert isinstance(raised.value, ValueError)


@pytest.mark.usefixtures("home")
def test_an_empty_class_names_the_option(tmp_path: Path, photos: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    shutil.copy(photo(photos), tmp_path / "a")
    with pytest.raises(bandwise.DatasetError, match="allow_empty_classes=True") as raised:
        bandwise.Loader(tmp_path, **OPTIONS)
    assert str(raised.value).count("hold no images") == 1
    options = DaemonOptions(allow_empty_classes=True)
    with bandwise.Loader(tmp_path, daemon=options, **OPTIONS) as run:
        assert run.classes == ["a", "b"]


@pytest.mark.usefixtures("home")
def test_folders_are_given_in_every_way(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(photos.parent)
    monkeypatch.setenv("HOME", str(photos.parent))
    ways = (photos, str(photos), os.fsencode(photos), photos.name, f"~/{photos.name}", Path("~") / photos.name)
    loaders = [bandwise.Loader(way, **OPTIONS) for way in ways]
    assert len({loader._backend.daemon.pid for loader in loaders if loader._backend.daemon is not None}) == 1
    for loader in loaders:
        loader.close()


def test_what_is_neither_folder_nor_address_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    file.touch()
    for value, part in (
        (str(file), "it is a file"),
        (str(tmp_path / "none"), "No such file"),
        (os.fsencode(tmp_path / "none"), "No such file"),
        ([], "empty"),
        ([str(tmp_path)], "must be unix:/path or host:port"),
        ("unix:/" + "x" * 200, "107"),
        ("host:99999", "port"),
    ):
        with pytest.raises(bandwise.JobError, match=part):
            bandwise.Loader(value, **OPTIONS)
    for wrong in (5, None, iter("x"), [1]):
        with pytest.raises(TypeError, match="folder"):
            bandwise.Loader(wrong, **OPTIONS)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [60, 90, 180])
def test_a_long_folder_for_temporary_files_serves(
    photos: Path, tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("x" * max(length - len(str(tmp_path)), 1))
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    with bandwise.Loader(photos, **OPTIONS) as run, bandwise.Loader(photos, **OPTIONS) as same:
        assert next(iter(run)).step == 0
        assert run._backend.daemon is not None and same._backend.daemon is not None
        assert run._backend.daemon.pid == same._backend.daemon.pid
        place = run._backend.daemon.folder
    assert not os.path.exists(place) and os.listdir(folder) == []


@pytest.fixture
def mute() -> Iterator[str]:
    """A daemon that hangs: it is connected to and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_daemon_that_hangs_holds_nobody_up(mute: str, address: str) -> None:
    began = time.monotonic()
    with bandwise.Loader([mute, address], transport=Transport(patience=300), **OPTIONS) as run:
        assert run.plan.dataset_samples == 12
        assert run.sample_names([0])
    # Far from patience, on any machine.
    assert time.monotonic() - began < 100


def test_patience_ends_and_every_address_is_named(mute: str, tmp_path: Path) -> None:
    gone = f"unix:{tmp_path}/gone.sock"
    with pytest.raises(bandwise.ConnectionError) as raised:
        bandwise.Loader([mute, gone], transport=Transport(patience=1), **OPTIONS)
    assert mute in str(raised.value) and gone in str(raised.value)
