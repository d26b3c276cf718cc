"""The position of a loader in its run, and the batches of a `for` over it.

A run is iterated once: a loader is a position in it. So the usual loop, a `for` over the loader in a `for` over epochs,
gets the next epoch each time, a `break` loses nothing, and a resumed run finishes its epoch first. A validation draws
nothing and is the same in every epoch, so each of its `for`s gives all of it.
"""

from __future__ import annotations

import gc
import itertools
import logging
import threading
import weakref
from typing import Callable, Optional, Tuple

from ._backend import Backend
from ._batch import Batch, Use
from ._errors import Error, JobError, RunOverError
from ._groups import Span
from ._pass import Pass
from ._plan import Plan

_LOG = logging.getLogger("bandwise")


class Position:
    """The next step, and the pass in progress. It does not know its loader, which owns it."""

    def __init__(self, backend: Backend, share: Tuple[int, int, int], span: Span) -> None:
        plan, first = backend.plan, span.from_step
        if first > plan.steps:
            raise JobError(f"from_step must be at most {plan.steps}, the number of steps of the plan, not {first}")
        self.backend = backend
        self.plan: Plan = plan
        self.share = share
        """Rank, world size, and batches of a rank's step."""
        self.first = first
        self.end = plan.steps if span.steps is None else min(plan.steps, first + span.steps)
        automatic = "repeat" if plan.same_every_epoch else "epoch"
        self.loop: str = automatic if span.loop == "auto" else span.loop
        self.step = first
        """The step at which a state resumes."""
        self.run: Optional[Pass] = None
        """The pass of this position; a `for` that starts again has its own."""
        self.left_early = False
        """Whether the last `for` ended early, with batches handed out."""
        self.last: Optional[Use] = None
        self._resumed = False
        self._epoch: Optional[int] = None
        self._latest: Callable[[], Optional[Loop]] = lambda: None
        self._lock = threading.Lock()
        self._said = False
        self.is_plan_known = False
        """Whether the program has read the plan, and so its number of epochs."""
        self._told = False
        self._warn_of_odd_validation(automatic=span.loop == "auto")

    # ---- how much -------------------------------------------------------------------------------------------

    def batches(self, first: int, end: int) -> int:
        """Batches that this rank gets in the steps from ``first`` to before ``end``."""
        return sum(stage.batches(range(first, end), *self.share) for stage in self.plan.stages)

    def end_of_epoch(self) -> int:
        return min(self.plan.steps_of_epoch(self.plan.epoch_of(self.step)).stop, self.end)

    def __len__(self) -> int:
        latest = self._latest()
        if latest is not None and not latest.is_over:
            return latest.count
        if self.loop == "repeat":
            return self.batches(self.step if self._resumed else self.first, self.end)
        if self.step >= self.end:
            return 0
        goes_on = self.run is not None and not self.run.is_over
        begun = self.run.batches_of_step if goes_on and self.run is not None else 0
        return self.batches(self.step, self.end if self.loop == "run" else self.end_of_epoch()) - begun

    # ---- a `for` --------------------------------------------------------------------------------------------

    def begin(self, loader: object) -> Loop:
        """The batches of a `for`, which keeps the loader alive."""
        with self._lock:
            if self.loop == "repeat":
                return self._begin_anew(loader)
            if self.loop == "epoch":
                self._go_to_epoch()
                self._warn_of_more_passes()
            self._warn_of_lost_batches()
            return self._go_on(loader, self.end if self.loop == "run" else None)

    def begin_epoch(self, loader: object) -> Loop:
        """The batches to the end of an epoch, whatever a `for` gives."""
        with self._lock:
            if self.loop == "repeat" and self.step >= self.end and self._epoch is None:
                self.step = self.first
            self._go_to_epoch()
            return self._go_on(loader, None)

    def _begin_anew(self, loader: object) -> Loop:
        first, self._resumed = self.step if self._resumed else self.first, False
        self.step = first
        run = Pass(self.backend, first, self.end)
        return self._latest_is(Loop(loader, self, run, self.batches(first, self.end), self.end, alone=True))

    def _go_on(self, loader: object, end: Optional[int]) -> Loop:
        if self.step >= self.end:
            raise RunOverError(self._is_over())
        end = self.end_of_epoch() if end is None else end
        run = self.run
        if run is None or run.is_over or run.next_step != self.step:
            self.drop()
            run = self.run = Pass(self.backend, self.step, self.end)
        count = self.batches(self.step, end) - run.batches_of_step
        self._resumed = False
        return self._latest_is(Loop(loader, self, run, count, end, alone=False))

    def _latest_is(self, loop: Loop) -> Loop:
        self._latest = weakref.ref(loop)
        return loop

    def is_latest(self, loop: Loop) -> bool:
        return self._latest() is loop

    def _is_over(self) -> str:
        epochs = self.plan.epochs
        done = (
            (f"all {epochs} epochs" if epochs > 1 else "its only epoch")
            if (self.first, self.end) == (0, self.plan.steps)
            else f"its steps {self.first} to {self.end} of {self.plan.steps}"
        )
        return (
            f"the run has ended: the loader has handed out {done}. To get more, raise `epochs`, which is "
            f"{self.plan.budget:g} here; to start again on purpose, with the same images in the same order, call "
            "`loader.reset()`, or give the loader `span=bandwise.Span(loop=\"repeat\")`"
        )

    # ---- moves ----------------------------------------------------------------------------------------------

    def set_epoch(self, epoch: int) -> None:
        if not 0 <= epoch < self.plan.epochs:
            raise JobError(
                f"epoch must be from 0 to {self.plan.epochs - 1}, the last of the plan, not {epoch}"
            )
        self._epoch = epoch

    def _go_to_epoch(self) -> None:
        """Moves to the epoch that was set, unless the run is already in it."""
        epoch, self._epoch = self._epoch, None
        if epoch is None:
            return
        steps = self.plan.steps_of_epoch(epoch)
        if self.step in steps:
            return
        if steps.start < self.step:
            _LOG.warning(
                "set_epoch(%d) moves the loader back, from step %d of epoch %d to step %d: these images are repeated. A "
                "resumed run continues automatically; count its epochs from `loader.plan.epoch_of(loader.state_dict()"
                "['step'])`",
                epoch, self.step, self.plan.epoch_of(self.step), steps.start,
            )
        self.move(max(steps.start, self.first))

    def move(self, step: int, resumed: bool = False) -> None:
        """The next `for` begins at ``step``, and one that is under way ends with an error."""
        self.drop()
        self.step, self._resumed, self.left_early, self.last = step, resumed, False, None
        self._latest = lambda: None

    def drop(self) -> None:
        if self.run is not None:
            self.run.close()
        self.run = None

    # ---- warnings ---------------------------------------------------------------------------------------

    def _warn_of_lost_batches(self) -> None:
        if not self.left_early or self._said or self._resumed:
            return
        self._said = True
        if self.last is not None and not self.last.is_used:
            _LOG.warning(
                "the last batch of the previous `for` was not used and is lost: zip(loader, range(n)), or a `break` at the "
                "start of the body, takes one batch more than it uses. Use "
                "itertools.islice(loader, n)"
            )
        else:
            _LOG.warning(
                "this `for` continues at step %d in epoch %d, after the batches that were handed out before (a `break`, or "
                "next(iter(loader)), ends a `for` without losing batches); loader.reset() starts again at step %d",
                self.step, self.plan.epoch_of(self.step), self.first,
            )

    def _warn_of_more_passes(self) -> None:
        """A loop over `range(epochs)` misses the last stages of a run whose budget is compute: a warning while it can be
        fixed."""
        plan = self.plan
        if self.is_plan_known or self._told or self.share[0] != 0 or plan.epochs <= round(plan.budget):
            return
        self._told = True
        _LOG.warning(
            "epochs=%g gives %d passes over the data under the curriculum %s, and each `for` is one pass: loop over "
            "`range(loader.plan.epochs)`, otherwise the run ends before its last stages",
            plan.budget, plan.epochs, plan.curriculum,
        )

    def _warn_of_odd_validation(self, automatic: bool) -> None:
        if not automatic or self.loop != "repeat":
            return
        epochs = len({self.plan.epoch_of(step) for step in (self.first, max(self.end - 1, self.first))})
        if epochs > 1:
            _LOG.warning(
                "each `for` over this loader goes through the same samples %d times, because epochs is %g and the recipe %s "
                "draws nothing: use epochs=1 for a validation",
                self.plan.epochs, self.plan.budget, self.plan.recipe,
            )
        sides = sorted({stage.bandwidth for stage in self.plan.stages})
        if len(sides) > 1:
            _LOG.warning(
                "the recipe %s draws nothing, as for a validation, but shows images at %d to %d pixels, because of the curriculum "
                "%s: use curriculum=\"none\" to show all of them at full size",
                self.plan.recipe, sides[0], sides[-1], self.plan.curriculum,
            )

    def warn_if_unfinished(self) -> None:
        """Warns of a loop with as many passes as the budget has epochs, over a run with more passes."""
        plan, step = self.plan, self.step
        if self._told or self.loop != "epoch" or self.share[0] != 0 or not 0 < step < min(self.end, plan.steps):
            return
        passes = plan.epoch_of(step)
        if passes == round(plan.budget) and step == plan.steps_of_epoch(passes).start and self.last is not None:
            self.last = None
            _LOG.warning(
                "the loader was closed after %d epochs, at step %d of %d, before the end of the run: under the curriculum %s "
                "epochs=%g gives %d passes over the data. Loop over `range(loader.plan.epochs)`",
                passes, step, plan.steps, plan.curriculum, plan.budget, plan.epochs,
            )


class Loop:
    """The batches of one `for`."""

    def __init__(self, loader: object, position: Position, run: Pass, count: int, end: int, alone: bool) -> None:
        # The loader lives as long as the program iterates, as in `for batch in Loader(...)`.
        self._loader = loader
        self._position = position
        self._run = run
        self.count = count
        """Batches of all of it."""
        self.is_over = False
        self._left = count
        self._end = end
        self._alone = alone

    def __iter__(self) -> Loop:
        return self

    def __len__(self) -> int:
        return self.count

    def __next__(self) -> Batch:
        # Before the lock: in a forked child, that of a thread which is not there may be held for ever.
        self._position.backend.check_process()
        with self._run.lock:
            return self._next()

    def _next(self) -> Batch:
        if self.is_over:
            raise StopIteration
        if not (self._alone or self._position.backend.closed or self._position.is_latest(self)):
            raise Error(
                "another `for` over this loader has begun, or it was moved by load_state_dict or reset: a loader is one "
                "position in its run, so there is one `for` at a time; make a second Loader for a second one"
            )
        if self._left == 0:
            self._finish()
        try:
            batch = next(self._run)
        except (StopIteration, Error):
            self.is_over = True
            raise
        self._left -= 1
        position = self._position
        position.step = self._run.next_step
        position.last = batch._use
        position.left_early = not self._alone
        return batch

    def _finish(self) -> None:
        """The end. The rank is then after all rows of the last step, of which it may have had none."""
        self.is_over = True
        self._position.step, self._position.left_early = self._end, False
        self._run.next_step, self._run.batches_of_step = self._end, 0
        if self._end >= self._position.end:
            self._run.close()
        if not self._alone and any(isinstance(user, itertools.cycle) for user in gc.get_referrers(self)):
            raise Error(
                "itertools.cycle keeps the batches of the first epoch and repeats them for ever; write `while "
                "True: yield from loader` in a generator of your own, which gets the next epoch each time"
            )
        raise StopIteration

    def close(self) -> None:
        """Ends this `for` and its work on the daemons."""
        self.is_over = True
        self._run.close()

    def __del__(self) -> None:
        # One that goes on is kept by the position. Before the loader goes, whose daemon would otherwise wait for what
        # this asked for.
        if getattr(self, "_alone", False):
            self.close()
