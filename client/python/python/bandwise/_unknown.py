"""Keywords that a loader does not have: former spellings are translated, all others explained."""

from __future__ import annotations

import difflib
import functools
import inspect
import warnings
from dataclasses import fields, replace
from typing import Any, Callable, Dict, Iterable, TypeVar

from ._daemon_options import DaemonOptions
from ._groups import GROUPS, SHORT
from ._moved import MOVED, Spelling

Init = TypeVar("Init", bound=Callable[..., None])

_ORDER = "the daemon orders the samples: shuffled differently in each epoch, from `seed`, in index order with recipe='eval'"
_SHARE = "every rank gets its own rows by `rank` and `world_size`"
_WORKERS = (
    "the daemon works in threads and starts no worker processes; daemon=bandwise.DaemonOptions(threads=...) sets their "
    "number for a folder"
)
_DEVICE = "device='cuda' copies batches to the GPU ahead of the step, from pinned memory where that helps"

INSTEAD = {
    "transform": "a recipe defines the operations on a sample: recipe='plain', 'eval', ..., or a TOML file; do other work on "
    "whole batches, in the training loop",
    "target_transform": "labels are positions in `loader.classes`; map them in the training loop",
    "loader": "images are decoded by the daemon",
    "sampler": f"{_ORDER}; {_SHARE}; subsets: daemon=bandwise.DaemonOptions(keep=FILE)",
    "batch_sampler": f"{_ORDER}; {_SHARE}",
    "shuffle": _ORDER,
    "num_workers": _WORKERS,
    "workers": _WORKERS,
    "persistent_workers": "the daemon lives as long as its loaders; leave it out",
    "worker_init_fn": "there are no worker processes; `seed` decides every draw",
    "multiprocessing_context": "there are no worker processes; leave it out",
    "generator": "give `seed`, which decides the order and every draw",
    "pin_memory": _DEVICE,
    "pin_memory_device": _DEVICE,
    "drop_last": "training recipes drop the rows that do not fill a step, recipe='eval' keeps them",
    "collate_fn": "batches come whole, as tensors of images and labels; change them in the training loop",
    "prefetch_factor": "transport=bandwise.Transport(prefetch=...) is the number of batches requested ahead",
    "timeout": "transport=bandwise.Transport(patience=...) is the time to wait for a daemon, in seconds",
    "in_order": "batches always come in order",
    "num_replicas": "give `world_size`",
    "root": "the folder is the first argument: Loader(FOLDER, ...)",
    "path": "the folder or the address is the first argument: Loader(FOLDER, ...)",
    "address": "the folder or the address is the first argument: Loader(ADDRESS, ...)",
    "image_size": "the curriculum sets the size of images; curriculum='none' shows 224 pixels throughout",
    "num_epochs": "give `epochs`",
}
"""Options of other loaders."""


def explained(init: Init) -> Init:
    """Takes former spellings, with a warning, and explains any other keyword that ``init`` does not have."""
    known = [name for name in inspect.signature(init).parameters if name != "self"]

    @functools.wraps(init)
    def checked(self: Any, *arguments: Any, **options: Any) -> None:
        options = translated(options)
        wrong = [name for name in options if name not in known]
        if wrong:
            raise TypeError("; ".join(_explain(name, known) for name in wrong))
        init(self, *arguments, **options)

    return checked  # type: ignore[return-value]


# ---- former spellings ---------------------------------------------------------------------------------------


def translated(options: Dict[str, Any]) -> Dict[str, Any]:
    """The options with former spellings put into their groups. A warning at the caller's caller names the new ones.

    Raises
    ------
    TypeError
        If a group is given beside a former spelling of one of its options.
    """
    old = [name for name in options if name in MOVED]
    new = {name: value for name, value in options.items() if name not in MOVED}
    spelt = []
    for option in dict.fromkeys(MOVED[name].option for name in old):
        given = {name: options[name] for name in old if MOVED[name].option == option}
        new[option], spelling = _grouped(option, new.get(option), given)
        spelt.append(spelling)
    if old:
        names = ", ".join(f"{name}=..." for name in old)
        warnings.warn(f"Loader({names}) is deprecated: write Loader({', '.join(spelt)})", DeprecationWarning, stacklevel=3)
    return new


def _grouped(option: str, base: Any, given: Dict[str, Any]) -> Any:
    """The group of former spellings, and how to write it. ``base`` is what the option has been given itself."""
    kind = GROUPS[option]
    values = {MOVED[name].field: value for name, value in given.items()}
    first = "" if base is None else f"{base!r}, "
    if isinstance(base, DaemonOptions):
        # The one group that is as old as the former spelling of its option, so that both are given in older programs.
        twice = [name for name in values if getattr(base, name) is not None]
        group, first = (None, "") if twice else (replace(base, **values), "..., ")
    elif isinstance(base, kind) or not (base is None or option in SHORT):
        group = None
    else:
        group = kind(**values) if base is None else kind(base, **values)
    if group is None:
        name = next(iter(given))
        raise TypeError(f"{name}= is the former spelling of {MOVED[name]}, and {option}= is given as well: use only the latter")
    inside = first + ", ".join(f"{field}={value!r}" for field, value in values.items())
    return group, f"{option}=bandwise.{kind.__name__}({inside})"


# ---- explanations -------------------------------------------------------------------------------------------


def _explain(name: str, known: Iterable[str]) -> str:
    if name in INSTEAD:
        return f"a Loader has no option {name!r}: {INSTEAD[name]}"
    grouped = {
        field.name: Spelling(option, kind.__name__, field.name) for option, kind in GROUPS.items() for field in fields(kind)
    }
    grouped.update(MOVED)
    if name in grouped:
        return f"a Loader has no option {name!r} of its own: write {grouped[name]}"
    near = difflib.get_close_matches(name, [*known, *grouped], 1)
    if not near:
        return f"a Loader has no option {name!r}; it has {', '.join(known)}"
    meant = repr(near[0]) if near[0] in known else str(grouped[near[0]])
    return f"a Loader has no option {name!r}; did you mean {meant}?"
