"""The searches, over trainings that are formulas with a known optimum."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

import bandwise
from bandwise import Device, Span
from bandwise.search import Result, Stage, greedy_search, sequential_search

State = List[Tuple[int, float]]
"""What was trained: the bandwidth and the passes of each stage."""


class Training:
    """A training that is recorded, and whose outcome is a formula of its bandwidths."""

    def __init__(self, accuracy: Callable[[State], float], fails_at: Optional[int] = None) -> None:
        self.accuracy = accuracy
        self.fails_at = fails_at
        self.trained: List[Tuple[int, ...]] = []
        self.evaluated: List[Tuple[int, ...]] = []

    def start(self) -> State:
        return []

    def train(self, stage: Stage, state: State) -> State:
        assert [size for size, _ in state] == list(stage.curriculum.bandwidths[: stage.index])
        if len(self.trained) == self.fails_at:
            raise KeyboardInterrupt
        # In place, as trainings do.
        state.append((stage.bandwidth, stage.passes))
        self.trained.append(tuple(size for size, _ in state))
        return state

    def evaluate(self, state: State) -> float:
        self.evaluated.append(tuple(size for size, _ in state))
        accuracy = self.accuracy(state)
        # As if it had been fine-tuned.
        state.clear()
        return accuracy

    def search(self, method: Callable[..., Result], folder: Path, **options: Any) -> Result:
        defaults: Dict[str, Any] = {"epochs": 30, "stream": io.StringIO()}
        return method(self.train, self.evaluate, start=self.start, folder=folder, **{**defaults, **options})


def loses_below(*needed: int) -> Callable[[State], float]:
    """One percent is lost for each stage that shows less than it needs."""

    def accuracy(state: State) -> float:
        return 0.8 - 0.01 * sum(size < least for (size, _), least in zip(state, needed))

    return accuracy


def test_greedy_finds_the_smallest_that_loses_nothing(tmp_path: Path) -> None:
    training = Training(loses_below(96, 160, 160, 192, 224))
    result = training.search(greedy_search, tmp_path)
    # From the back to the front: a stage's B is also that of all before it, until these are looked at.
    assert result.curriculum.bandwidths == (96, 160, 160, 192, 224)
    assert result.accuracy == result.baseline == 0.8
    assert training.evaluated[0] == (224,) * 5 and len(set(training.evaluated)) == len(training.evaluated)
    assert training.evaluated == [trial.bandwidths for trial in result.trials]
    assert len(set(training.trained)) == len(training.trained), "a beginning was trained twice"
    assert result.curriculum.compute == pytest.approx(6 * (96**2 + 2 * 160**2 + 192**2 + 224**2) / 224**2)


def test_greedy_supposes_no_order_of_accuracies(tmp_path: Path) -> None:
    # 128 is worse than 96 here; and what was not needed behind is not tried before.
    training = Training(lambda state: 0.7 if (128, 10.0) in state else 0.8)
    result = training.search(greedy_search, tmp_path, stages=3, candidates=[128, 96])
    assert result.curriculum.bandwidths == (96, 96, 224)
    assert [trial.bandwidths for trial in result.trials] == [(224,) * 3, (96, 96, 224)]


def test_greedy_may_find_nothing_smaller(tmp_path: Path) -> None:
    training = Training(loses_below(224, 224, 224))
    result = training.search(greedy_search, tmp_path / "trained", stages=3)
    assert result.curriculum.bandwidths == (224, 224, 224)
    # A baseline that is given is not trained.
    result = training.search(greedy_search, tmp_path / "given", stages=3, baseline=0.8)
    assert (result.accuracy, result.baseline) == (0.8, 0.8)
    assert (224, 224, 224) not in [trial.bandwidths for trial in result.trials]


@pytest.mark.parametrize("tolerance, found", [(0.0, (160, 224)), (0.01, (96, 224))])
def test_a_tie_loses_nothing_and_a_tolerance_is_allowed(tmp_path: Path, tolerance: float, found: Any) -> None:
    accuracies = {96: 0.75, 128: 0.70, 160: 0.76, 192: 0.9, 224: 0.76}
    training = Training(lambda state: accuracies[state[0][0]])
    result = training.search(greedy_search, tmp_path, stages=2, tolerance=tolerance)
    assert result.curriculum.bandwidths == found


def gains(state: State) -> float:
    """Each stage gains most at a bandwidth of its own, and all of them depend on what came before."""
    best = (96, 128, 224)
    total = 0.0
    for (size, _), wanted in zip(state, best):
        total += 1 - abs(size - wanted) / 224 + total / 10
    return total


def test_sequential_keeps_the_best_of_each_stage(tmp_path: Path) -> None:
    training = Training(gains)
    result = training.search(sequential_search, tmp_path, stages=3)
    assert result.curriculum.bandwidths == (96, 128, 224)
    assert len(training.trained) == 3 * 5 and len(set(training.trained)) == 15
    assert {state[:2] for state in training.trained if len(state) == 3} == {(96, 128)}
    assert result.baseline is None and result.accuracy == pytest.approx(gains([(96, 0), (128, 0), (224, 0)]))
    # Its state is there, and nothing else is.
    assert result.state_path is not None and result.state_path.exists()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["96-128-224.state", "search.json"]


def test_sequential_stages_have_equal_compute(tmp_path: Path) -> None:
    passes: Dict[int, float] = {}

    def accuracy(state: State) -> float:
        passes[state[0][0]] = state[0][1]
        return 0.0

    result = Training(accuracy).search(sequential_search, tmp_path, stages=1, candidates=[112, 224])
    assert passes == {112: 120, 224: 30}
    # Of equals, the one that asks for fewer images.
    assert result.curriculum.bandwidths == (224,)


@pytest.mark.parametrize("method", [greedy_search, sequential_search])
def test_a_search_that_was_stopped_goes_on(tmp_path: Path, method: Callable[..., Result]) -> None:
    formula = loses_below(96, 160, 224) if method is greedy_search else gains
    whole = Training(formula)
    expected = whole.search(method, tmp_path / "whole", stages=3)
    for fails_at in range(len(whole.trained)):
        folder = tmp_path / str(fails_at)
        first = Training(formula, fails_at)
        with pytest.raises(KeyboardInterrupt):
            first.search(method, folder, stages=3)
        # A broken write of the stop is no matter.
        (folder / "search.json.part").write_text("{")
        second = Training(formula)
        result = second.search(method, folder, stages=3)
        assert first.trained + second.trained == whole.trained, f"stopped at stage {fails_at}"
        assert first.evaluated + second.evaluated == whole.evaluated
        assert result.curriculum == expected.curriculum and result.accuracy == expected.accuracy
        third = Training(formula)
        stream = io.StringIO()
        again = third.search(method, folder, stages=3, stream=stream)
        assert third.trained == third.evaluated == [], "all was known"
        assert again == result and stream.getvalue().count("(from before)") == len(result.trials)


def test_more_candidates_use_what_is_known(tmp_path: Path) -> None:
    formula = loses_below(128, 160, 224)
    Training(formula).search(greedy_search, tmp_path, stages=3, candidates=[96, 160])
    more = Training(formula)
    result = more.search(greedy_search, tmp_path, stages=3)
    assert result.curriculum.bandwidths == (128, 160, 224)
    assert more.evaluated == [(128, 128, 224), (128, 160, 224)]


def test_an_evaluation_that_fails_is_repeated_without_its_training(tmp_path: Path) -> None:
    training = Training(lambda state: float("nan"))
    with pytest.raises(bandwise.JobError, match="nan for 224"):
        training.search(greedy_search, tmp_path, stages=2)
    good = Training(loses_below(96, 224))
    good.search(greedy_search, tmp_path, stages=2, candidates=[96])
    assert good.evaluated[0] == (224, 224) and good.trained == [(96,), (96, 224)]


def test_noise_of_the_evaluation_is_drawn_once(tmp_path: Path) -> None:
    noise = iter([0.801, 0.799, 0.802, 0.8, 0.9, 0.9])
    training = Training(lambda state: next(noise))
    result = training.search(greedy_search, tmp_path, stages=2)
    assert [trial.accuracy for trial in result.trials] == [0.801, 0.799, 0.802]
    # The verdict does not change when the search is run again.
    assert training.search(greedy_search, tmp_path, stages=2) == result


@pytest.mark.parametrize(
    "change, message",
    [
        ({"epochs": 31}, "epochs: 30.0 there, 31.0 here"),
        ({"stages": 4}, "magnitudes"),
        ({"label": "resnet"}, "label: '' there, 'resnet' here"),
        ({"base": 256}, "base: 224 there, 256 here"),
    ],
)
def test_the_folder_of_another_search_is_refused(tmp_path: Path, change: Dict[str, Any], message: str) -> None:
    training = Training(gains)
    training.search(greedy_search, tmp_path, stages=3, candidates=[96])
    content = (tmp_path / "search.json").read_text()
    with pytest.raises(bandwise.JobError, match=message):
        training.search(greedy_search, tmp_path, **{"stages": 3, "candidates": [96], **change})
    with pytest.raises(bandwise.JobError, match="method: 'greedy' there, 'sequential' here"):
        training.search(sequential_search, tmp_path, stages=3)
    assert (tmp_path / "search.json").read_text() == content
    for damage in ["", "{}", content[:-9], content.replace('"format": 1', '"format": 2')]:
        (tmp_path / "search.json").write_text(damage)
        with pytest.raises(bandwise.JobError, match="search.json is not a file of a search"):
            training.search(greedy_search, tmp_path, stages=3, candidates=[96])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"stages": 0}, "stages"),
        ({"epochs": 0}, "epochs"),
        ({"candidates": []}, "candidates"),
        ({"candidates": [97]}, "97"),
        ({"candidates": [256]}, "256"),
        ({"magnitudes": [1, 2]}, "magnitudes"),
        ({"tolerance": -1}, "tolerance"),
        ({"save": lambda state, path: None}, "save and load"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, options: Dict[str, Any], message: str) -> None:
    with pytest.raises(bandwise.JobError, match=message):
        Training(gains).search(greedy_search, tmp_path, **options)


def test_states_are_saved_as_one_likes(tmp_path: Path) -> None:
    def save(state: State, path: Path) -> None:
        path.write_text(json.dumps(state))

    def load(path: Path) -> State:
        return [(size, passes) for size, passes in json.loads(path.read_text())]

    training = Training(gains)
    result = training.search(sequential_search, tmp_path, stages=3, save=save, load=load)
    assert result.state_path is not None and [size for size, _ in load(result.state_path)] == [96, 128, 224]


def test_it_says_how_it_goes(tmp_path: Path) -> None:
    stream = io.StringIO()
    result = Training(loses_below(96, 160, 224)).search(greedy_search, tmp_path, stages=3, stream=stream)
    head, *lines = stream.getvalue().splitlines()
    assert head.split()[:2] == ["trial", "bandwidths"] and len(lines) == len(result.trials)
    assert "224x3" in lines[0] and lines[0].endswith("baseline")
    assert "96x2-224" in lines[1] and lines[1].endswith("loses 0.0100")
    assert lines[-1].endswith("passes")
    table = str(result).splitlines()
    assert "accuracy 0.8000 (to reach: 0.8000)" in table[0] and len(table) == 2 + 3
    assert [line.split()[1] for line in table[2:]] == ["96", "160", "224"]


@pytest.mark.parametrize("method", [greedy_search, sequential_search])
def test_a_loader_gives_each_stage_its_steps(address: str, tmp_path: Path, method: Callable[..., Result]) -> None:
    """Twelve photographs in batches of 4: whatever is tried, the steps of its stages are the curriculum's."""
    seen: List[Tuple[Any, ...]] = []
    found = (96, 160, 224)

    def train(stage: Stage, state: List[int]) -> List[int]:
        with stage.loader(address, batch_size=4, device=Device(arrays="raw"), seed=3) as loader:
            steps = [(batch.step, batch.bandwidth, batch.magnitude, batch.lr_factor) for batch in loader]
        assert [step for step, *_ in steps] == list(stage.steps(3)), "steps follow without the daemon too"
        assert {size for _, size, *_ in steps} == {stage.bandwidth}
        assert {magnitude for _, _, magnitude, _ in steps} == {stage.magnitude}
        if (*state, stage.bandwidth) == found[: len(state) + 1]:
            seen.extend(steps)
        return [*state, stage.bandwidth]

    def evaluate(state: List[int]) -> float:
        known = list(zip(state, found))
        greedy = float(all(size >= wanted for size, wanted in known))
        return greedy if method is greedy_search else sum(size == wanted for size, wanted in known)

    result: Result = method(
        train,
        evaluate,
        start=list,
        folder=tmp_path,
        epochs=4,
        stages=3,
        candidates=[96, 160, 224],
        magnitudes=[0, 4.5, 9],
        warmup_share=0.25,
        stream=io.StringIO(),
    )
    assert result.curriculum.bandwidths == found
    file = tmp_path / "found.toml"
    file.write_text(result.curriculum.toml('a "näme" 🙂'))
    options: Dict[str, Any] = {"device": Device(arrays="raw"), "span": Span(loop="run")}
    with bandwise.Loader(address, curriculum=file, epochs=4, batch_size=4, seed=3, **options) as loader:
        assert loader.plan.curriculum == 'a "näme" 🙂'
        whole = [(batch.step, batch.bandwidth, batch.magnitude, batch.lr_factor) for batch in loader]
    assert whole == sorted(set(seen)), "the trials were parts of the training that was found"
    if method is sequential_search:
        with bandwise.Loader(address, curriculum=file, epochs=40, batch_size=4, device=Device(arrays="raw")) as loader:
            assert sum(stage.steps for stage in loader.plan.stages) > 8 * len(whole)
