"""Bandwise: images for EfficientTrain curricula, in three lines.

>>> import bandwise
>>> loader = bandwise.Loader("/data/imagenet/train", epochs=200, batch_size=256)
>>> for epoch in range(loader.plan.epochs):
...     for images, labels in loader:
...         ...

``Loader`` gets batches from a daemon, or starts a private one for a folder. ``Batch`` is what it yields, ``Plan`` what
it will yield. ``search`` finds curricula. Every error is an ``Error``.
"""

from . import search
from ._native import __version__
from ._batch import Batch, Substitution
from ._daemon_options import DaemonOptions
from ._errors import (
    BadSampleError,
    ConnectionError,
    DatasetError,
    Error,
    FingerprintError,
    JobError,
    RunOverError,
    UnreadableSampleError,
)
from ._loader import Loader
from ._options import ReplayBuffer
from ._plan import Plan, Stage

__all__ = [
    "BadSampleError",
    "Batch",
    "ConnectionError",
    "DaemonOptions",
    "DatasetError",
    "Error",
    "FingerprintError",
    "JobError",
    "Loader",
    "Plan",
    "ReplayBuffer",
    "RunOverError",
    "Stage",
    "Substitution",
    "UnreadableSampleError",
    "__version__",
    "search",
]
