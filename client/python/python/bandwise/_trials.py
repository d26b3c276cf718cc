"""The trials of a search, kept in files so that a search resumes where it was stopped.

A trial is named by the bandwidths of the stages that it trained, and so is every state in between. That is all the
bookkeeping: a trial that has an outcome is not repeated, and one that has none resumes from its longest beginning with a
state, whether the search was stopped there or shares this beginning with an earlier trial. Outcomes are one JSON file,
replaced whole; states are only a cache of them.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Generic, List, Optional, TextIO, Tuple, TypeVar, Union

from ._curriculum import Bandwidths, Curriculum, Stage, name_of
from ._errors import JobError

State = TypeVar("State")
Folder = Union[str, "os.PathLike[str]"]

FILE = "search.json"
FORMAT = 1


@dataclass(frozen=True)
class Trial:
    """One curriculum, or the beginning of one, and its accuracy."""

    bandwidths: Bandwidths
    """Bandwidths of the stages that were trained."""
    accuracy: float
    """The result of ``evaluate``."""
    seconds: float
    """Its duration, without stages that were trained for an earlier trial."""


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    write(part)
    os.replace(part, path)


def _save_pickle(state: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(state))


def _load_pickle(path: Path) -> Any:
    return pickle.loads(path.read_bytes())


class Kept(Generic[State]):
    """The outcomes of a search and the states from which it resumes, in files."""

    def __init__(
        self,
        folder: Folder,
        identity: Dict[str, Any],
        save: Optional[Callable[[State, Path], None]],
        load: Optional[Callable[[Path], State]],
    ) -> None:
        if (save is None) != (load is None):
            raise JobError("save and load belong together: give both, or neither to use pickle")
        self._folder = Path(folder)
        self._identity = identity
        self._save = save or _save_pickle
        self._load = load or _load_pickle
        self.trials: Dict[Bandwidths, Trial] = {}
        self._folder.mkdir(parents=True, exist_ok=True)
        if (self._folder / FILE).exists():
            self._read()

    def _read(self) -> None:
        path = self._folder / FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            theirs = dict(content["search"])
            entries = [(tuple(entry["bandwidths"]), entry["accuracy"], entry["seconds"]) for entry in content["trials"]]
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}")
        except (ValueError, KeyError, TypeError) as error:
            raise JobError(f"{path} is not a file of a search ({error}); choose another folder, or remove it") from error
        mine = self._identity
        names = [name for name in {**theirs, **mine} if theirs.get(name) != mine.get(name)]
        if names:
            differing = "; ".join(f"{name}: {theirs.get(name)!r} there, {mine.get(name)!r} here" for name in names)
            raise JobError(
                f"{path} belongs to another search ({differing}); choose another folder, or use the arguments of that search"
            )
        self.trials = {bandwidths: Trial(bandwidths, accuracy, seconds) for bandwidths, accuracy, seconds in entries}

    def add(self, trial: Trial) -> None:
        """Adds a trial; when this returns, it is in the file."""
        self.trials[trial.bandwidths] = trial
        entries = [vars(trial) for trial in self.trials.values()]
        text = json.dumps({"format": FORMAT, "search": self._identity, "trials": entries}, indent=1)
        _write_whole(self._folder / FILE, lambda path: path.write_text(text + "\n", encoding="utf-8"))

    def state(self, bandwidths: Bandwidths) -> Path:
        """The path of the state after these stages."""
        return self._folder / f"{name_of(bandwidths)}.state"

    def save(self, bandwidths: Bandwidths, state: State) -> None:
        _write_whole(self.state(bandwidths), lambda path: self._save(state, path))

    def load(self, bandwidths: Bandwidths) -> State:
        return self._load(self.state(bandwidths))

    def remove(self, bandwidths: Bandwidths) -> None:
        self.state(bandwidths).unlink(missing_ok=True)


class Trials(Generic[State]):
    """Runs trials, each once."""

    def __init__(
        self,
        shape: Curriculum,
        train: Callable[[Stage, State], State],
        evaluate: Callable[[State], float],
        start: Callable[[], State],
        folder: Kept[State],
        stream: Optional[TextIO],
    ) -> None:
        self._shape = shape
        self._train = train
        self._evaluate = evaluate
        self._start = start
        self._folder = folder
        # Looked up here, as it may be another one now than when this was imported.
        self._stream = stream or sys.stderr
        self._before = set(folder.trials)
        self._told: Dict[Bandwidths, Trial] = {}

    @property
    def all(self) -> Tuple[Trial, ...]:
        """The trials that this search came by, in order."""
        return tuple(self._told.values())

    def keep_states(self, needed: Callable[[Bandwidths], bool]) -> None:
        """Removes the states of what was tried so far, except for those needed."""
        for tried in self._told:
            for length in range(1, len(tried) + 1):
                if not needed(tried[:length]):
                    self._folder.remove(tried[:length])

    def known(self, bandwidths: Bandwidths, otherwise: float) -> float:
        trial = self._folder.trials.get(bandwidths)
        return otherwise if trial is None else trial.accuracy

    def run(self, bandwidths: Bandwidths, verdict: Callable[[float], str]) -> float:
        """The accuracy of the stages with these bandwidths."""
        trial = self._folder.trials.get(bandwidths)
        if trial is None:
            trial = self._try(bandwidths)
            self._folder.add(trial)
        if bandwidths not in self._told:
            self._told[bandwidths] = trial
            self._tell(trial, verdict(trial.accuracy))
        return trial.accuracy

    def _try(self, bandwidths: Bandwidths) -> Trial:
        begin = time.monotonic()
        accuracy = float(self._evaluate(self._trained(bandwidths)))
        if not math.isfinite(accuracy):
            raise JobError(f"evaluate returned {accuracy} for {name_of(bandwidths)}, which cannot be compared")
        return Trial(bandwidths, accuracy, round(time.monotonic() - begin, 3))

    def _trained(self, bandwidths: Bandwidths) -> State:
        """The state after these stages, from the longest beginning that is kept."""
        lengths = range(len(bandwidths), 0, -1)
        done = next((length for length in lengths if self._folder.state(bandwidths[:length]).exists()), 0)
        state = self._folder.load(bandwidths[:done]) if done else self._start()
        curriculum = self._shape.having(bandwidths)
        for index in range(done, len(bandwidths)):
            state = self._train(Stage(curriculum, index), state)
            self._folder.save(bandwidths[: index + 1], state)
        return state

    def _tell(self, trial: Trial, verdict: str) -> None:
        if len(self._told) == 1:
            head = f"{'trial':>5}  {'bandwidths':<30}  {'passes':>7}  {'compute':>7}  {'accuracy':>8}  {'seconds':>8}"
            print(f"{head}  verdict", file=self._stream)
        stages = self._shape.having(trial.bandwidths).stages[: len(trial.bandwidths)]
        passes, compute = sum(stage.passes for stage in stages), sum(stage.compute for stage in stages)
        stored = " (from before)" if trial.bandwidths in self._before else ""
        line = f"{len(self._told):>5}  {name_of(trial.bandwidths):<30}  {passes:>7.2f}  {compute:>7.2f}"
        line = f"{line}  {trial.accuracy:>8.4f}  {trial.seconds:>8.1f}  {verdict}{stored}"
        print(line.rstrip(), file=self._stream, flush=True)
