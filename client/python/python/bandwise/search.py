"""EfficientTrain's two searches for a curriculum, over a training of your own.

Both divide a training into stages and search the bandwidth B of each stage: the side of its images in pixels. They call
``train(stage, state)``, which trains a state on one stage and returns the new state, and ``evaluate(state)``, which
returns its accuracy; greater is better. A state may be any object, and torch is not required.

- ``greedy_search``, of "EfficientTrain" (ICCV 2023, arXiv 2211.09703): stages of equally many passes over the data; the
  smallest B of each stage that loses no accuracy against the baseline, which shows B = 224 throughout.
- ``sequential_search``, of "EfficientTrain++" (TPAMI 2024, arXiv 2405.08768): stages of equal compute, so that a
  smaller B means more steps; for one stage after the other, the B with the best accuracy after the stage.

The papers' repository (LeapLabTHU/EfficientTrain) contains the resulting curricula, not the searches. Each function lists,
as *our choices*, the decisions that the papers leave open. In both searches, the magnitude of RandAugment belongs to the
stage, rises linearly as in the papers' curricula, and is not searched. Every training begins with ``start()``, so fix the
seeds there.

::

    def train(stage, model):
        with stage.loader("/data/imagenet", dataset="train", batch_size=256) as loader:
            for images, labels in loader:
                ...
        return model

    result = sequential_search(train, evaluate, start=new_model, folder="search", epochs=100)
    print(result)
    Path("found.toml").write_text(result.curriculum.toml("found"))
    loader = bandwise.Loader("/data/imagenet", curriculum="found.toml", epochs=200, batch_size=256)

**Resuming.** The search writes ``search.json`` to ``folder`` after every trial, and the states from which later trials
continue. A search that is started again with the same arguments resumes after the last finished stage. Finished trials are
not repeated, even with other ``candidates``. The folder of another search is refused. Only one process may use a folder at
a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, TextIO, Tuple

from ._curriculum import Bandwidths, Curriculum, Stage
from ._errors import JobError
from ._trials import Folder, Kept, State, Trial, Trials

__all__ = ["Curriculum", "Result", "Stage", "Trial", "greedy_search", "sequential_search"]

CANDIDATES = (96, 128, 160, 192, 224)
"""Bandwidths that are tried: multiples of 32, so that they suit models of that stride."""


@dataclass(frozen=True)
class Result:
    """The result of a search. It prints as a table."""

    method: str
    """``greedy`` or ``sequential``."""
    curriculum: Curriculum
    """The curriculum that was found."""
    accuracy: float
    """Its accuracy in the search."""
    baseline: Optional[float]
    """The accuracy of the baseline; None in a sequential search."""
    trials: Tuple[Trial, ...]
    """All trials, in order."""
    state_path: Optional[Path]
    """The trained state of the curriculum, as ``save`` wrote it; None in a greedy search, which keeps none."""

    def __str__(self) -> str:
        against = "" if self.baseline is None else f" (to reach: {self.baseline:.4f})"
        seconds = sum(trial.seconds for trial in self.trials)
        compute = f"{self.curriculum.compute:.2f} epochs' compute at {self.curriculum.base}"
        head = f"{self.method} search: accuracy {self.accuracy:.4f}{against} with {compute};"
        return f"{head} {len(self.trials)} trials, {seconds:.0f} s\n{self.curriculum}"


def greedy_search(
    train: Callable[[Stage, State], State],
    evaluate: Callable[[State], float],
    *,
    start: Callable[[], State],
    folder: Folder,
    epochs: float,
    stages: int = 5,
    candidates: Sequence[int] = CANDIDATES,
    magnitudes: Optional[Sequence[float]] = None,
    base: int = 224,
    baseline: Optional[float] = None,
    tolerance: float = 0.0,
    warmup_share: Optional[float] = None,
    label: str = "",
    save: Optional[Callable[[State, Path], None]] = None,
    load: Optional[Callable[[Path], State]] = None,
    stream: Optional[TextIO] = None,
) -> Result:
    """The greedy search of EfficientTrain: the least compute without a loss of accuracy.

    The search goes from the last stage but one to the first. Stage i gets the smallest B for which the whole training, with
    B in the stages 1 to i and the results so far in the later stages, is as accurate as the baseline. The last stage shows
    whole images.

    Our choices: as accurate means ``accuracy >= baseline - tolerance``. The baseline is one training with B = ``base`` and
    the same magnitudes, unless you give the accuracy of your own. Candidates are tried from the smallest up to the first
    that passes, so the search does not assume that accuracy rises with B. Candidates above the result of the next stage are
    not tried, because that one has passed already. Trainings with the same first stages share these stages, and no
    curriculum is tried twice.

    Parameters
    ----------
    train, evaluate:
        See the module. ``train`` may change the state that it is given; ``evaluate`` too.
    start:
        Makes the state in which every training begins.
    folder:
        Folder for results and states; created if missing. It holds at most one state for each candidate and stage, and
        those of one training.
    epochs:
        Passes over the data of a whole training, above 0.
    stages:
        Number of stages, at least 1. Default 5, as in the paper.
    candidates:
        Bandwidths to try: even numbers from 8 to ``base``. ``base`` is always included.
    magnitudes:
        Strength of RandAugment for each stage, 0 to 10. Default: a straight line from 1 to 9.
    base:
        Side of a whole image in pixels. Default 224.
    baseline:
        The accuracy to reach. Default: that of the baseline, which is the first trial.
    tolerance:
        Loss of accuracy that is accepted, at least 0, for example its spread over seeds. Default 0.
    warmup_share:
        Warm-up of the learning rate as a share of its clock. Default: 20 epochs.
    label:
        A text for everything else on which results depend, such as model and data. A folder with another label is
        refused.
    save, load:
        Write a state to exactly this path, and read one: ``save=torch.save, load=torch.load``. Default: pickle.
    stream:
        Stream to which one line is written for each trial. Default: standard error.

    Raises
    ------
    bandwise.JobError
        If an argument is wrong, ``folder`` belongs to another search, or ``evaluate`` does not return a finite number.
        Exceptions of ``train`` and ``evaluate`` are passed on; finished trials are kept.
    """
    shape = _shape(epochs, stages, magnitudes, 1.0, False, base, warmup_share)
    sizes = sorted({*_checked(candidates, base), base})
    if tolerance < 0:
        raise JobError(f"tolerance must be at least 0, not {tolerance}")
    trials = Trials(shape, train, evaluate, start, Kept(folder, _identity(shape, label), save, load), stream)
    found: Bandwidths = (base,) * stages
    if baseline is None:
        baseline = trials.run(found, lambda _: "baseline")
    goal = baseline - tolerance

    def verdict(accuracy: float) -> str:
        return "passes" if accuracy >= goal else f"loses {baseline - accuracy:.4f}"

    for stage in reversed(range(stages - 1)):
        behind = found[stage + 1 :]
        for size in sizes:
            tried = (size,) * (stage + 1) + behind
            passes = size >= found[stage] or trials.run(tried, verdict) >= goal
            found = tried if passes else found
            # Trainings to come begin with so many stages of one bandwidth, which is below what was found.
            longest = stage if passes else stage + 1
            trials.keep_states(lambda done: len(set(done)) == 1 and len(done) <= longest and done[0] < found[0])
            if passes:
                break
    trials.keep_states(lambda done: False)
    # If nothing smaller passes, only the given baseline is known.
    accuracy = trials.known(found, baseline)
    return Result("greedy", shape.having(found), accuracy, baseline, trials.all, None)


def sequential_search(
    train: Callable[[Stage, State], State],
    evaluate: Callable[[State], float],
    *,
    start: Callable[[], State],
    folder: Folder,
    epochs: float,
    stages: int = 10,
    candidates: Sequence[int] = CANDIDATES,
    magnitudes: Optional[Sequence[float]] = None,
    base: int = 224,
    warmup_share: Optional[float] = None,
    label: str = "",
    save: Optional[Callable[[State, Path], None]] = None,
    load: Optional[Callable[[Path], State]] = None,
    stream: Optional[TextIO] = None,
) -> Result:
    """The computation-constrained sequential search of EfficientTrain++: the best accuracy for a given compute.

    For one stage after the other, every candidate B is trained from the best state so far, with the compute of one stage,
    so a smaller B sees more images. The state that ``evaluate`` prefers is kept, and the next stage continues from it. The
    search costs as much as ``len(candidates)`` trainings.

    Our choices: every stage has the same compute, which is taken to grow with the number of pixels. ``evaluate`` judges a
    state at the end of the stage. A model that has seen only small images is at a disadvantage on whole images, which a few
    steps repair: let ``evaluate`` fine-tune the state at ``base`` before it measures. (It may change the state; the search
    continues from the saved one.) Of equal accuracies the larger B wins, because it needs fewer images per second. The last
    stage is searched like the others.

    Parameters
    ----------
    epochs:
        Compute of a whole training, above 0, in passes over the data at ``base``.
    stages:
        Number of stages, at least 1. Default 10, as in the paper's curricula.
    candidates:
        Bandwidths to try: even numbers from 8 to ``base``.
    magnitudes:
        Strength of RandAugment for each stage, 0 to 10. Default: a straight line from 0 to 9.
    others:
        As in ``greedy_search``. At most three states are kept, and at the end the state of the resulting curriculum.

    Raises
    ------
    bandwise.JobError
        As ``greedy_search``.
    """
    shape = _shape(epochs, stages, magnitudes, 0.0, True, base, warmup_share)
    sizes = _checked(candidates, base)
    kept = Kept(folder, _identity(shape, label), save, load)
    trials = Trials(shape, train, evaluate, start, kept, stream)
    found: Bandwidths = ()
    accuracy = -math.inf
    for _ in range(stages):
        before, best, accuracy = found, found, -math.inf
        for size in sizes:
            ahead = accuracy

            def verdict(this: float) -> str:
                return "best so far" if this >= ahead else ""

            tried = (*before, size)
            reached = trials.run(tried, verdict)
            # Sizes rise, so that of equals the larger wins.
            if reached >= accuracy:
                best, accuracy = tried, reached
            trials.keep_states(lambda done: done in (before, best))
        found = best
    trials.keep_states(lambda done: done == found)
    path = kept.state(found)
    curriculum = shape.having(found)
    return Result("sequential", curriculum, accuracy, None, trials.all, path if path.exists() else None)


def _shape(
    epochs: float,
    stages: int,
    magnitudes: Optional[Sequence[float]],
    first_magnitude: float,
    of_compute: bool,
    base: int,
    warmup_share: Optional[float],
) -> Curriculum:
    """The curriculum that shows whole images throughout, which lacks nothing but its bandwidths."""
    if stages < 1:
        raise JobError(f"stages must be at least 1, not {stages}")
    if not (epochs > 0 and math.isfinite(epochs)):
        raise JobError(f"epochs must be above 0, not {epochs}")
    if magnitudes is None:
        rise = (9.0 - first_magnitude) / max(stages - 1, 1)
        magnitudes = [first_magnitude + index * rise for index in range(stages)] if stages > 1 else [9.0]
    if len(magnitudes) != stages or not all(0 <= magnitude <= 10 for magnitude in magnitudes):
        raise JobError(f"magnitudes must be {stages} numbers from 0 to 10, one for each stage, not {list(magnitudes)}")
    levels = tuple(float(magnitude) for magnitude in magnitudes)
    return Curriculum((base,) * stages, levels, float(epochs), of_compute, base, warmup_share)


def _checked(candidates: Sequence[int], base: int) -> List[int]:
    wrong = [size for size in candidates if size % 2 or not 8 <= size <= base]
    if wrong or not candidates:
        raise JobError(f"candidates must be even numbers of pixels from 8 to the base of {base}, not {wrong or 'none'}")
    return sorted(set(candidates))


def _identity(shape: Curriculum, label: str) -> Dict[str, Any]:
    """All that the outcome of a trial depends on, besides its bandwidths."""
    return {
        "method": "sequential" if shape.of_compute else "greedy",
        "epochs": shape.epochs,
        "magnitudes": list(shape.magnitudes),
        "base": shape.base,
        "warmup_share": shape.warmup_share,
        "label": label,
    }
