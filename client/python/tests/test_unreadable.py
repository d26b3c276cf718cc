"""Files that a daemon cannot read, and ranks that do not know of each other."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

import bandwise
from bandwise import BadSamples, Device, Transport
from ranks import OPTIONS, Rank

EVAL: Dict[str, Any] = {"curriculum": "none", "recipe": "eval", "epochs": 1, "batch_size": 2, "device": Device(arrays="raw")}


@pytest.fixture
def pictures(photos: Path, tmp_path: Path) -> Path:
    """Six samples of one class."""
    folder = tmp_path / "pictures" / "a"
    folder.mkdir(parents=True)
    for number, photo in enumerate(sorted(photos.glob("*/*.jpg"))[:6]):
        shutil.copy(photo, folder / f"{number}.jpg")
    return folder.parent


def dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def same(file: Path) -> None:
    pass


@pytest.mark.parametrize(
    "before, during, reason",
    [(dangling, same, "missing"), (fifo, same, "not_a_file"), (same, Path.unlink, "missing")],
    ids=["dangling", "fifo", "deleted"],
)
def test_it_is_an_error_of_its_own_with_name_and_reason_when_patience_is_over(
    pictures: Path, home: Path, before: Callable[[Path], None], during: Callable[[Path], None], reason: str
) -> None:
    before(pictures / "a" / "3.jpg")
    any_number = BadSamples(max_bad_fraction=1)
    with bandwise.Loader(pictures, transport=Transport(patience=1), bad_samples=any_number, **EVAL) as run:
        during(pictures / "a" / "3.jpg")
        begun = time.monotonic()
        with pytest.raises(bandwise.UnreadableSampleError, match='a/3.jpg.*on_unreadable="substitute"') as raised:
            list(run)
    error = raised.value
    assert time.monotonic() - begun >= 1
    assert isinstance(error, OSError) and not isinstance(error, ConnectionError)
    assert (error.sample, error.sample_name, error.reason) == (3, "a/3.jpg", reason)


def test_a_file_that_comes_back_is_waited_for(pictures: Path, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, aside = pictures / "a" / "3.jpg", pictures / "aside"
    with bandwise.Loader(pictures, transport=Transport(patience=60), **EVAL) as run:
        expected = [bytes(batch.images.tobytes()) for batch in run]
        file.rename(aside)
        threading.Timer(1.5, lambda: aside.rename(file)).start()
        with caplog.at_level(logging.WARNING, "bandwise"):
            run.reset()
            assert [bytes(batch.images.tobytes()) for batch in run] == expected
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2, said
    assert "a/3.jpg" in said[0] and "requesting it again" in said[0] and "was read after" in said[1]


def test_others_take_the_place_where_the_job_says_so(pictures: Path, home: Path) -> None:
    dangling(pictures / "a" / "3.jpg")
    with bandwise.Loader(pictures, bad_samples=BadSamples(on_unreadable="substitute"), **EVAL) as run:
        batches = list(run)
        substitutions = [other for batch in batches for other in batch.substitutions]
        found = [(s.requested, s.delivered, s.reason, s.name) for s in substitutions]
        assert found == [(3, 4, "unreadable_missing", "a/3.jpg")]
        chosen = run.plan.fingerprint
    with bandwise.Loader(pictures, **EVAL) as run:
        assert run.plan.fingerprint != chosen
    with pytest.raises(bandwise.JobError, match="on_unreadable"):
        BadSamples(on_unreadable="zero")  # type: ignore[arg-type]


def test_ranks_that_do_not_know_of_each_other_are_told(
    photos: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Rank(photos)
    other.answer()
    with caplog.at_level(logging.WARNING, "bandwise"), bandwise.Loader(photos, **OPTIONS) as run:
        for batch, _ in zip(run, range(20)):
            del batch
            other.next()
        for _ in iter(run):
            pass
    other.process.kill()
    other.process.wait()
    said = [record.getMessage() for record in caplog.records if "same rows" in record.getMessage()]
    assert len(said) == 1 and f"pid {other.process.pid}, rank 0 of 1" in said[0], caplog.text


def test_loops_that_begin_anew_are_one_reader(photos: Path, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "bandwise"):
        with bandwise.Loader(photos, **EVAL) as run, bandwise.Loader(photos, **EVAL) as again:
            for _ in range(3):
                next(iter(run))
                for one, two in zip(iter(run), iter(again)):
                    assert one.step == two.step
    assert "same rows" not in caplog.text
