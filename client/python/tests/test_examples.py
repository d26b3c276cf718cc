"""The examples run, on the embedded photographs and in seconds."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

import bandwise

PIL = pytest.importorskip("PIL.Image")
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples are scripts; here they are modules."""
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photographs as classes."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        import make_crops
    finally:
        sys.path.remove(str(EXAMPLES))
    out = tmp_path_factory.mktemp("crops") / "crops"
    make_crops.main(["--out", str(out), "--classes", "3", "--train", "8", "--val", "4", "--longest", "240"])
    return out


def test_crops_of_train_and_val_share_no_pixel(crops: Path) -> None:
    import make_crops

    files = sorted(crops.rglob("*.jpg"))
    assert len(files) == 3 * (8 + 4) and len({file.read_bytes() for file in files}) == len(files)
    assert {max(PIL.open(file).size) for file in files} <= set(range(60, 241))
    for width, height in [(500, 375), (375, 500), (400, 400)]:
        train, val = make_crops.regions(width, height)
        assert train[2] <= val[0] or train[3] <= val[1], "one lies left of the other, or above it"
        for region in (train, val):
            for seed in range(50):
                left, top, right, bottom = make_crops.draw_box(region, random.Random(seed))
                assert region[0] <= left < right <= region[2] + 1e-9
                assert region[1] <= top < bottom <= region[3] + 1e-9
    with pytest.raises(SystemExit):
        make_crops.main(["--out", str(crops)])
    with bandwise.Loader(crops, dataset="val", curriculum="none", recipe="eval", batch_size=12) as loader:
        assert len(loader.classes) == 3 and sum(len(batch.labels) for batch in loader) == 12


@pytest.fixture
def compare() -> Any:
    pytest.importorskip("torch")
    import compare

    return compare


QUICK = ["--width", "4", "--batch-size", "8", "--epochs", "2", "--points", "2"]


def test_compare_measures_both_curricula(crops: Path, tmp_path: Path, compare: Any, capsys: Any) -> None:
    compare.main(["--data", str(crops), "--out", str(tmp_path), "--seeds", "2", *QUICK])
    runs = json.loads((tmp_path / "compare.json").read_text())["runs"]
    assert [(run["curriculum"], run["seed"]) for run in runs] == [
        (curriculum, seed) for seed in (0, 1) for curriculum in ("efficienttrain++", "none")
    ]
    for run in runs:
        points = run["points"]
        assert len(points) == 2
        assert points[0]["tflop"] < points[1]["tflop"] and points[0]["seconds"] < points[1]["seconds"]
        assert 0 <= points[1]["accuracy"] <= 1
    # The same compute to within a step or two, for more images.
    curriculum, none = runs[0], runs[1]
    assert curriculum["points"][-1]["tflop"] == pytest.approx(none["points"][-1]["tflop"], rel=0.25)
    assert curriculum["images"] > 1.5 * none["images"] and none["images"] == 2 * 24
    table = capsys.readouterr().out
    assert "efficienttrain++" in table and "accuracy" in table


def test_operations_are_counted(compare: Any) -> None:
    # 3 -> 2 channels in 4 x 4, then three times 3 x 3 in half the size, then the classifier.
    side, products = 64, 0
    pixels, inputs = (side // 4) ** 2, 2
    products += pixels * 2 * 3 * 16
    for _ in range(3):
        pixels //= 4
        products += pixels * 2 * inputs * inputs * 9
        inputs *= 2
    products += 16 * 5
    assert compare.tflop(compare.network(2, 5), side) == pytest.approx(6 * products / 1e12)


def test_the_same_seed_trains_the_same_network(crops: Path, tmp_path: Path, compare: Any) -> None:
    ends = []
    for out in ("a", "b"):
        compare.main(["--data", str(crops), "--out", str(tmp_path / out), "--seeds", "1", *QUICK])
        runs = json.loads((tmp_path / out / "compare.json").read_text())["runs"]
        ends.append([point["accuracy"] for run in runs for point in run["points"]])
    assert ends[0] == ends[1]


@pytest.mark.parametrize("method", ["greedy", "sequential"])
def test_compare_searches(crops: Path, tmp_path: Path, compare: Any, capsys: Any, method: str) -> None:
    arguments = ["--data", str(crops), "--out", str(tmp_path), *QUICK, "--finish-steps", "1", "--search", method]
    compare.main(arguments)
    first = capsys.readouterr()
    assert f"{method} search: accuracy" in first.out and "verdict" in first.err
    found = (tmp_path / "found.toml").read_text()
    with bandwise.Loader(crops, dataset="train", curriculum=tmp_path / "found.toml", epochs=2, batch_size=8) as loader:
        assert len(loader.plan.stages) == 3
    compare.main(arguments)
    second = capsys.readouterr()
    trials = len(first.err.splitlines()) - 1
    assert second.err.count("(from before)") == trials and second.out == first.out
    assert (tmp_path / "found.toml").read_text() == found


def test_the_plot_is_drawn(tmp_path: Path, compare: Any) -> None:
    pytest.importorskip("matplotlib")
    points = tuple(compare.Point(tflop, 10 * tflop, 0.5 + tflop / 10) for tflop in (1.0, 2.0))
    runs = [
        compare.Run(curriculum, epochs, seed, 100, 0.5, points)
        for curriculum in compare.CURRICULA
        for epochs in (2.0, 4.0)
        for seed in (0, 1)
    ]
    compare.plot(runs, tmp_path / "plot.png")
    assert 10_000 < (tmp_path / "plot.png").stat().st_size < 100 << 10
    compare.print_table(runs)
