"""Options that have moved from the loader into groups: one table of old and new spellings.

Old spellings work in this version and warn. This module imports nothing of the package, so that every group can say
where an option belongs.
"""

from __future__ import annotations

from typing import Dict, NamedTuple


class Spelling(NamedTuple):
    """An option of a group."""

    option: str
    """The keyword of the loader that takes the group."""
    group: str
    """The name of the group's class."""
    field: str
    """The name of the option in it."""

    def __str__(self) -> str:
        return f"{self.option}=bandwise.{self.group}({self.field}=...)"


MOVED: Dict[str, Spelling] = {
    "device_dtype": Spelling("device", "Device", "dtype"),
    "arrays": Spelling("device", "Device", "arrays"),
    "prefetch": Spelling("transport", "Transport", "prefetch"),
    "patience": Spelling("transport", "Transport", "patience"),
    "priority": Spelling("transport", "Transport", "priority"),
    "from_step": Spelling("span", "Span", "from_step"),
    "steps": Spelling("span", "Span", "steps"),
    "loop": Spelling("span", "Span", "loop"),
    "expect_fingerprint": Spelling("span", "Span", "expect_fingerprint"),
    "on_bad_sample": Spelling("bad_samples", "BadSamples", "on_bad_sample"),
    "on_unreadable": Spelling("bad_samples", "BadSamples", "on_unreadable"),
    "max_bad_fraction": Spelling("bad_samples", "BadSamples", "max_bad_fraction"),
    "threads": Spelling("daemon", "DaemonOptions", "threads"),
}
"""Each former keyword of the loader, and its place now."""

FLAT = (
    "dataset", "curriculum", "recipe", "epochs", "batch_size", "accumulate", "rank", "world_size", "seed", "dtype", "layout",
    "fidelity", "low_frequency",
)  # fmt: skip
"""Keywords of the loader that are in no group."""
