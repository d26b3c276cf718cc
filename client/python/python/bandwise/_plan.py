"""The plan of a job: its stages, steps and epochs."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any, Dict, List, Tuple


@dataclass(frozen=True)
class Stage:
    """A span of steps with one bandwidth, one magnitude and one global batch."""

    index: int
    """Position in the curriculum, from 0."""
    bandwidth: int
    """Side of the images in pixels."""
    magnitude: float
    """Strength of RandAugment, 0 to 10."""
    replay_times: int
    """Number of times that each decoded sample is trained on; 1 without replay."""
    global_batch: int
    """Rows of a step, over all ranks and accumulation."""
    row_granularity: int
    """Number of rows that stay together when a step is divided among ranks and batches: a group that is mixed or replayed."""
    first_step: int
    """The first step."""
    steps: int
    """Number of steps."""
    first_epoch: int
    """The epoch in which the stage begins."""
    steps_per_epoch: int
    """Steps of a whole epoch."""
    last_step_rows: int
    """Rows of the last step of an epoch; fewer than ``global_batch`` if the tail is kept."""
    first_epoch_steps: int
    """Steps that the stage has in its first epoch, which may have begun before the stage."""
    first_epoch_last_step_rows: int
    """Rows of the last of these steps."""

    def epoch_of(self, step: int) -> int:
        """The epoch of a step of this stage."""
        behind = step - self.first_step - self.first_epoch_steps
        return self.first_epoch if behind < 0 else self.first_epoch + 1 + behind // self.steps_per_epoch

    def _short_steps(self, first: int, end: int) -> List[Tuple[int, int]]:
        """The number of steps in [first, end), counted from the stage's first, that are the last of an epoch, with their
        rows."""
        behind = self.first_epoch_steps

        def whole_epochs(steps: int) -> int:
            return max(steps - behind, 0) // self.steps_per_epoch

        of_first_epoch = 1 if first < behind <= end else 0
        return [
            (of_first_epoch, self.first_epoch_last_step_rows),
            (whole_epochs(end) - whole_epochs(first), self.last_step_rows),
        ]

    def batches(self, steps: range, rank: int, world_size: int, accumulate: int) -> int:
        """Batches that a rank gets in those of ``steps`` that belong to this stage."""
        first = max(steps.start - self.first_step, 0)
        end = min(steps.stop - self.first_step, self.steps)
        if first >= end:
            return 0
        count = (end - first) * accumulate
        for steps_of_kind, step_rows in self._short_steps(first, end):
            # Groups of rows are spread over the ranks, and those of each over its batches.
            least, longer = divmod(-(-step_rows // max(self.row_granularity, 1)), world_size)
            groups = least + (1 if rank < longer else 0)
            count -= steps_of_kind * (accumulate - min(groups, accumulate))
        return count


@dataclass(frozen=True)
class Plan:
    """A curriculum resolved for a dataset and a budget. Prints as a table."""

    curriculum: str
    """Name of the curriculum."""
    recipe: str
    """Name of the recipe."""
    recipe_text: str
    """The operations of the recipe, one a line."""
    budget: float
    """The ``epochs`` given to the loader. If the curriculum counts compute, the plan has more passes over the data."""
    same_every_epoch: bool
    """Whether each epoch has the same rows in the same order, as in a validation."""
    steps: int
    """Steps of the whole plan."""
    dataset_samples: int
    """Samples of the dataset."""
    fingerprint: str
    """The fingerprint of everything that decides bytes: 64 hex digits."""
    stages: Tuple[Stage, ...]
    """The stages, in order; together they hold every step."""
    fields: Tuple[Tuple[str, str], ...]
    """The fields behind the fingerprint, as name and value."""
    warnings: Tuple[str, ...] = ()
    """Warnings about the plan, one sentence each, for example about stages without steps."""

    @classmethod
    def _of(cls, answer: Dict[str, Any], budget: float) -> Plan:
        stages = tuple(Stage(**stage) for stage in answer.pop("stages"))
        fields, warnings = tuple(answer.pop("fields")), tuple(answer.pop("warnings"))
        answer = {**answer, "budget": budget, "fingerprint": bytes(answer["fingerprint"]).hex()}
        return cls(**answer, stages=stages, fields=fields, warnings=warnings)

    def stage_of(self, step: int) -> Stage:
        """The stage of a step."""
        for stage in self.stages:
            if stage.first_step <= step < stage.first_step + stage.steps:
                return stage
        raise IndexError(f"step must be below {self.steps}, the number of steps of the plan, not {step}")

    @property
    def epochs(self) -> int:
        """Number of epochs in the plan. The last one may be incomplete."""
        return self.epoch_of(self.steps - 1) + 1 if self.steps else 0

    def epoch_of(self, step: int) -> int:
        """The epoch of a step. After the last step: the next epoch."""
        return self.stage_of(step).epoch_of(step) if step < self.steps else self.epochs

    def steps_of_epoch(self, epoch: int) -> range:
        """The steps of an epoch; empty for an epoch beyond the plan."""
        return range(self._first_step_of_epoch(epoch), self._first_step_of_epoch(epoch + 1))

    def _first_step_of_epoch(self, epoch: int) -> int:
        for stage in self.stages:
            first = stage.first_step
            if epoch > stage.first_epoch:
                first += stage.first_epoch_steps + (epoch - stage.first_epoch - 1) * stage.steps_per_epoch
            if first < stage.first_step + stage.steps:
                return first
        return self.steps

    def _table(self) -> List[Tuple[str, ...]]:
        head = ("stage", "B", "m", "replay", "batch", "first step", "steps", "first epoch")
        rows: List[Tuple[str, ...]] = [head]
        for stage in self.stages:
            cells = (
                stage.index,
                stage.bandwidth,
                f"{stage.magnitude:g}",
                stage.replay_times,
                stage.global_batch,
                stage.first_step,
                stage.steps,
                stage.first_epoch,
            )
            rows.append(tuple(str(cell) for cell in cells))
        return rows

    def _title(self) -> str:
        return (
            f"{self.curriculum}, recipe {self.recipe}: {self.steps} steps over {self.dataset_samples} samples, "
            f"fingerprint {self.fingerprint[:16]}"
        )

    def __str__(self) -> str:
        rows = self._table()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
        return "\n".join([self._title(), *lines])

    def _repr_html_(self) -> str:
        head, *rows = self._table()
        cells = ["<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
        cells += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
        return f"<table><caption>{html.escape(self._title())}</caption>{''.join(cells)}</table>"
