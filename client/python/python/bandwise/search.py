"""EfficientTrain's two searches for a curriculum, over a training of your own.

Both divide a training into stages, and look for the bandwidth B of each: the side of the images that it shows. They
call ``train(stage, state)``, which trains a state on one stage and returns what came of it, and ``evaluate(state)``,
which says how good it is; greater is better. Nothing here knows what a state is, or needs torch.

- ``greedy_search``, of "EfficientTrain" (ICCV 2023, arXiv 2211.09703): stages of equally many passes over the data; the
  smallest B of each that does not lose accuracy against the baseline, which shows B = 224 throughout.
- ``sequential_search``, of "EfficientTrain++" (TPAMI 2024, arXiv 2405.08768): stages of equal compute, so that a
  smaller B means more steps; for one stage after the other the B from which the training goes on best.

The papers' repository (LeapLabTHU/EfficientTrain) has the curricula that they found, not the searches. What their
descriptions leave open is listed as *our choices* in each function. For both: RandAugment's magnitude belongs to the
stage, rises in a straight line as in the papers' curricula and is not searched; every training begins with ``start()``,
so seeds are yours to fix.

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

**Going on.** ``folder`` takes ``search.json``, written anew after every trial, and the states from which later trials
go on. A search that is started again with the same arguments goes on behind the last finished stage; trials that are
done are not repeated, also with other ``candidates``. The folder of another search is refused. One process at a time.
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
    """What a search found. Prints as a table."""

    method: str
    """``greedy`` or ``sequential``."""
    curriculum: Curriculum
    """The curriculum that was found."""
    accuracy: float
    """Its accuracy in the search."""
    baseline: Optional[float]
    """The accuracy that was not to be lost; None in a sequential search."""
    trials: Tuple[Trial, ...]
    """Everything that was tried, in order."""
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
    """The greedy search of EfficientTrain: no accuracy lost, as little compute as possible.

    From the last stage but one to the first: stage i gets the smallest B with which the whole training, B in the stages
    1 to i and what was found in those behind, is as accurate as the baseline. The last stage shows whole images.

    Our choices: as accurate means ``accuracy >= baseline - tolerance``, so a tie loses nothing. The baseline is one
    training with B = ``base`` and the same magnitudes, unless you give the accuracy of yours. Candidates are tried from
    the smallest on up to the first that passes, which does not suppose that accuracy rises with B; those above what the
    stage behind got are not tried, as that one has passed already. Stages with the same beginning are trained once and
    gone on with, and no curriculum is tried twice.

    Parameters
    ----------
    train, evaluate:
        See the module. ``train`` may change the state that it is given; ``evaluate`` too.
    start:
        Makes the state in which every training begins.
    folder:
        Where the search keeps what it knows; made where there is none. Besides the outcomes these are states: at most
        one for each candidate and stage, and those of one training.
    epochs:
        Passes over the data of a whole training, above 0.
    stages:
        Number of stages, at least 1. Default 5, as in the paper.
    candidates:
        Bandwidths to try, even, 8 to ``base``; ``base`` itself is always among them.
    magnitudes:
        Strength of RandAugment for each stage, 0 to 10. Default: a straight line from 1 to 9.
    base:
        Side of a whole image in pixels. Default 224.
    baseline:
        The accuracy that is not to be lost. Default: trained and measured as the first trial.
    tolerance:
        How much may be lost, at least 0; the spread of your accuracy over seeds, say. Default 0.
    warmup_share:
        Warm-up of the learning rate as a share of its clock. Default: 20 epochs.
    label:
        What else outcomes depend on, such as model and data: a folder with another label is refused.
    save, load:
        Write a state to exactly this path, and read one: ``save=torch.save, load=torch.load``. Default: pickle.
    stream:
        Where a line a trial is written. Default: the standard error.

    Raises
    ------
    bandwise.JobError
        If an argument is wrong, ``folder`` holds another search, or ``evaluate`` gives no finite number. Whatever
        ``train`` and ``evaluate`` raise goes through; what was finished before is kept.
    """
    shape = _shape(epochs, stages, magnitudes, 1.0, False, base, warmup_share)
    sizes = sorted({*_checked(candidates, base), base})
    if tolerance < 0:
        raise JobError(f"tolerance is {tolerance}, and must not be negative")
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
    # Where nothing smaller passes, the baseline that was given is all that is known.
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
    """The computation-constrained sequential search of EfficientTrain++: the compute is given, accuracy is what counts.

    For one stage after the other, every candidate B is trained from the best state so far, with the compute of a
    stage, so that a smaller B sees more images. The best by ``evaluate`` is kept, and the next stage goes on from it.
    All of it costs as much as ``len(candidates)`` trainings.

    Our choices: every stage has the same compute, taken to grow with the number of pixels. A state is judged as
    ``evaluate`` judges it at the end of the stage. A model that was shown small images only is at a disadvantage on
    whole ones, which a few steps make good: let ``evaluate`` fine-tune the state at ``base`` before it measures, if you
    want to judge what it has learnt. (It may change its state; the search goes on from the one that was saved.) Of
    equal accuracies the larger B wins, which asks for fewer images per second. The last stage is searched like the
    others.

    Parameters
    ----------
    epochs:
        Compute of a whole training, above 0, in passes over the data at ``base``.
    stages:
        Number of stages, at least 1. Default 10, as in the paper's curricula.
    candidates:
        Bandwidths to try, even, 8 to ``base``.
    magnitudes:
        Strength of RandAugment for each stage, 0 to 10. Default: a straight line from 0 to 9.
    others:
        As in ``greedy_search``; at most three states are kept, and in the end that of the curriculum that was found.

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
        raise JobError(f"stages is {stages}, and must be at least 1")
    if not (epochs > 0 and math.isfinite(epochs)):
        raise JobError(f"epochs is {epochs}, and must be above 0")
    if magnitudes is None:
        rise = (9.0 - first_magnitude) / max(stages - 1, 1)
        magnitudes = [first_magnitude + index * rise for index in range(stages)] if stages > 1 else [9.0]
    if len(magnitudes) != stages or not all(0 <= magnitude <= 10 for magnitude in magnitudes):
        raise JobError(f"magnitudes are {stages} numbers of 0 to 10, one for each stage, not {list(magnitudes)}")
    levels = tuple(float(magnitude) for magnitude in magnitudes)
    return Curriculum((base,) * stages, levels, float(epochs), of_compute, base, warmup_share)


def _checked(candidates: Sequence[int], base: int) -> List[int]:
    wrong = [size for size in candidates if size % 2 or not 8 <= size <= base]
    if wrong or not candidates:
        raise JobError(f"candidates are even numbers of pixels, 8 to the base of {base}, not {wrong or 'none'}")
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
