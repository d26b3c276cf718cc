"""Groups of options that explain an option which they do not have: it belongs elsewhere, or is misspelt."""

from __future__ import annotations

import difflib
import functools
from dataclasses import fields
from typing import Any, Callable, Dict, List, Mapping, Type, TypeVar

from ._moved import FLAT, MOVED

Group = TypeVar("Group")


def elsewhere(group: str) -> Dict[str, str]:
    """The options that belong to the loader itself or to another group, with the place of each."""
    loader = {name: f"it is an option of the Loader itself: Loader(..., {name}=...)" for name in FLAT}
    others = {name: spelling for name, spelling in MOVED.items() if spelling.group != group}
    return {**loader, **{name: f"it belongs to {spelling}" for name, spelling in others.items()}}


def closed(instead: Mapping[str, str]) -> Callable[[Type[Group]], Type[Group]]:
    """Makes a dataclass refuse unknown options: the error names the replacement from ``instead``, or the nearest
    option."""

    def close(group: Type[Group]) -> Type[Group]:
        init: Any = group.__init__
        known = [field.name for field in fields(group)]  # type: ignore[arg-type]

        @functools.wraps(init)
        def checked(self: Group, *arguments: Any, **options: Any) -> None:
            wrong = [name for name in options if name not in known]
            if wrong:
                raise TypeError("; ".join(f"{group.__name__} has no option {_explain(name, known, instead)}" for name in wrong))
            init(self, *arguments, **options)

        setattr(group, "__init__", checked)
        return group

    return close


def _explain(name: str, known: List[str], instead: Mapping[str, str]) -> str:
    if name in instead:
        return f"{name!r}: {instead[name]}"
    near = difflib.get_close_matches(name, [*known, *instead], 1)
    if not near:
        return f"{name!r}; it has {', '.join(known)}"
    return f"{name!r}; did you mean {near[0]!r}?" + (f" {instead[near[0]]}" if near[0] in instead else "")
