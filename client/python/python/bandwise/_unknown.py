"""Options that a loader does not have: what stands in their place, or what was probably meant."""

from __future__ import annotations

import difflib
import functools
import inspect
from typing import Any, Callable, Iterable, TypeVar

from ._daemon_options import KEYS

Init = TypeVar("Init", bound=Callable[..., None])

_ORDER = "the daemon orders the samples: shuffled anew in each epoch from `seed`, in index order with recipe='eval'"
_SHARE = "every rank gets its own rows by `rank` and `world_size`"
_WORKERS = "the daemon works in threads of its own and no worker process is started; `threads` says how many for a folder"
_DEVICE = "device='cuda' copies batches to the GPU ahead of the step, from memory that is pinned where that helps"

INSTEAD = {
    "transform": "a recipe says what happens to a sample: recipe='plain', 'eval', ..., or a TOML file; what is left to do "
    "is done on whole batches, in the training loop",
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
    "drop_last": "training recipes drop the rows that fill no step, recipe='eval' keeps them",
    "collate_fn": "batches come whole, as tensors of images and labels; change them in the training loop",
    "prefetch_factor": "`prefetch` says how many batches are asked for ahead",
    "timeout": "`patience` says how many seconds a daemon is waited for",
    "in_order": "batches always come in order",
    "num_replicas": "give `world_size`",
    "root": "the folder is the first argument: Loader(FOLDER, ...)",
    "path": "the folder or the address is the first argument: Loader(FOLDER, ...)",
    "address": "the folder or the address is the first argument: Loader(ADDRESS, ...)",
    "image_size": "the curriculum says how large images are; curriculum='none' shows 224 pixels throughout",
    "num_epochs": "give `epochs`",
}
"""Options of other loaders."""


def explained(init: Init) -> Init:
    """Names the way out where ``init`` is called with an option that it does not have."""
    known = [name for name in inspect.signature(init).parameters if name != "self"]

    @functools.wraps(init)
    def checked(self: Any, *arguments: Any, **options: Any) -> None:
        wrong = [name for name in options if name not in known]
        if wrong:
            raise TypeError("; ".join(_explain(name, known) for name in wrong))
        init(self, *arguments, **options)

    return checked  # type: ignore[return-value]


def _explain(name: str, known: Iterable[str]) -> str:
    if name in INSTEAD:
        return f"a Loader has no option {name!r}: {INSTEAD[name]}"
    if name in KEYS:
        return f"a Loader has no option {name!r} of its own: give daemon=bandwise.DaemonOptions({name}=...) with a folder"
    near = difflib.get_close_matches(name, [*known, *KEYS], 1)
    if not near:
        return f"a Loader has no option {name!r}; it has {', '.join(known)}"
    daemon = " of daemon=bandwise.DaemonOptions(...)" if near[0] in KEYS and near[0] not in known else ""
    return f"a Loader has no option {name!r}; did you mean {near[0]!r}{daemon}?"
