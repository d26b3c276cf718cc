"""Curricula that a search tries, and their stages.

The data of a stage come from a curriculum file of the whole trial, with the stages that are still open at the base. Plans
with `split = "steps"` do not depend on later stages, so epochs, orders and learning rate are those of the training that
the search finds in the end.
"""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, List, Optional, Tuple

from ._errors import JobError
from ._groups import Span
from ._loader import Loader
from ._unknown import translated
from ._where import Address

Bandwidths = Tuple[int, ...]


def name_of(bandwidths: Bandwidths) -> str:
    """``96x2-160`` for (96, 96, 160): short, so that it is good for a file's name and a column."""
    runs: List[Tuple[int, int]] = []
    for size in bandwidths:
        if runs and runs[-1][0] == size:
            runs[-1] = (size, runs[-1][1] + 1)
        else:
            runs.append((size, 1))
    return "-".join(str(size) if count == 1 else f"{size}x{count}" for size, count in runs)


@dataclass(frozen=True)
class Curriculum:
    """Stages of equal length, each with a bandwidth. Prints as a table."""

    bandwidths: Bandwidths
    """Side of the images in pixels, for each stage."""
    magnitudes: Tuple[float, ...]
    """Strength of RandAugment, 0 to 10, for each stage."""
    epochs: float
    """The budget of all stages: passes over the data, or epochs' worth of compute at ``base``."""
    of_compute: bool
    """Whether the budget, and with it the length of a stage, counts compute; else passes."""
    base: int = 224
    """Side of a whole image in pixels."""
    warmup_share: Optional[float] = None
    """Warm-up of the learning rate as a share of its clock; None for the papers' 20 epochs."""

    @property
    def stages(self) -> Tuple[Stage, ...]:
        """The stages, in order."""
        return tuple(Stage(self, index) for index in range(len(self.bandwidths)))

    @property
    def compute(self) -> float:
        """Its cost, in epochs' worth of compute at ``base``."""
        return sum(stage.compute for stage in self.stages)

    def toml(self, name: str) -> str:
        """The curriculum as a file for ``Loader(curriculum=FILE)``. Where it counts compute, it suits any budget; where
        it counts passes, ``Loader(epochs=...)`` is ``epochs``."""
        lines = [f"name = {json.dumps(name, ensure_ascii=False)}", f"base = {self.base}", 'split = "steps"']
        if self.warmup_share is not None:
            lines.append(f"warmup_share = {float(self.warmup_share)!r}")
        count = len(self.bandwidths)
        extent = f"share = {1 / count!r}" if self.of_compute else f"epochs = {self.epochs / count!r}"
        for bandwidth, magnitude in zip(self.bandwidths, self.magnitudes):
            lines += ["", "[[stage]]", extent, f"bandwidth = {bandwidth}", f"magnitude = {float(magnitude)!r}"]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        rows: List[Tuple[str, ...]] = [("stage", "B", "m", "passes", "compute")]
        for stage in self.stages:
            lengths = (f"{stage.passes:.2f}", f"{stage.compute:.2f}")
            rows.append((str(stage.index), str(stage.bandwidth), f"{stage.magnitude:.3g}", *lengths))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows)

    def having(self, bandwidths: Bandwidths) -> Curriculum:
        """The same with other bandwidths, and ``base`` in the stages that are still open."""
        rest = (self.base,) * (len(self.magnitudes) - len(bandwidths))
        return replace(self, bandwidths=bandwidths + rest)


@dataclass(frozen=True)
class Stage:
    """One stage of a curriculum that is tried: the argument of ``train``."""

    curriculum: Curriculum
    """The whole curriculum. Later stages may still be open and hold ``base``; they have no effect here."""
    index: int
    """Position in the curriculum, from 0."""

    @property
    def bandwidth(self) -> int:
        """Side of the images in pixels."""
        return self.curriculum.bandwidths[self.index]

    @property
    def magnitude(self) -> float:
        """Strength of RandAugment, 0 to 10."""
        return self.curriculum.magnitudes[self.index]

    @property
    def share(self) -> float:
        """Share of the budget: of the compute in a sequential search, of the passes in a greedy one."""
        return 1 / len(self.curriculum.bandwidths)

    @property
    def passes(self) -> float:
        """Passes over the data."""
        return self.curriculum.epochs * self.share * (1 / self._cost if self.curriculum.of_compute else 1)

    @property
    def compute(self) -> float:
        """Epochs' worth of compute at ``base``, taken to grow with the number of pixels."""
        return self.curriculum.epochs * self.share * (1 if self.curriculum.of_compute else self._cost)

    @property
    def _cost(self) -> float:
        return self.bandwidth**2 / self.curriculum.base**2

    def steps(self, steps_per_epoch: int) -> range:
        """Its steps, with this many in a pass over the data: those of the daemon, for trainings without it."""
        spent, first = 0.0, 0
        for stage in self.curriculum.stages:
            # The share of the budget of a step.
            step = (stage._cost if self.curriculum.of_compute else 1) / steps_per_epoch
            mark = self.curriculum.epochs * ((stage.index + 1) / len(self.curriculum.bandwidths))
            # Each stage ends as close to its mark as whole steps come.
            steps = max(math.floor((mark - spent) / step + 0.5), 0)
            if stage.index == self.index:
                return range(first, first + steps)
            spent, first = spent + steps * step, first + steps
        raise IndexError(f"there is no stage {self.index}")

    def curriculum_toml(self) -> str:
        """A curriculum file: with it and ``epochs=stage.curriculum.epochs``, stage ``index`` of a loader's plan is this
        one. It holds the whole curriculum, so that epochs, orders and learning rate continue from stage to stage."""
        return self.curriculum.toml(f"search-{name_of(self.curriculum.bandwidths)}")

    def loader(self, address_or_path: Address, **options: Any) -> Loader:
        """A ``bandwise.Loader`` over the steps of this stage. ``options`` are those of ``Loader``, without ``curriculum``,
        ``epochs``, ``Span.from_step`` and ``Span.steps``. One ``for`` goes through the stage, unless ``Span.loop`` is given.
        ``batch.lr_factor`` is that of the whole curriculum."""
        options = translated(options)
        span = options.pop("span", Span(loop="run"))
        if (span.from_step, span.steps) != (0, None):
            raise JobError("from_step and steps must be left out of the span: the stage sets them")
        with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
            file.write(self.curriculum_toml())
            file.flush()
            options = {**options, "curriculum": Path(file.name), "epochs": self.curriculum.epochs}
            with Loader(address_or_path, span=span, **options) as whole:
                stage = whole.plan.stages[self.index]
                span = replace(span, from_step=stage.first_step, steps=stage.steps)
                return Loader(address_or_path, span=span, **options)
