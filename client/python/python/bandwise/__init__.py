"""Bandwise: images for EfficientTrain curricula, in three lines.

>>> import bandwise
>>> loader = bandwise.Loader("/data/imagenet/train", epochs=200, batch_size=256)
>>> for epoch in range(loader.plan.epochs):
...     for images, labels in loader:
...         ...

A ``Loader`` gets batches from a daemon, or starts a private one for a folder. It yields ``Batch`` objects, and its
``Plan`` describes the run. ``Device``, ``Transport``, ``BadSamples``, ``Span``, ``ReplayBuffer`` and ``DaemonOptions`` hold
its less common options. ``search`` finds curricula. Every error is an ``Error``.
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
from ._groups import BadSamples, Device, ReplayBuffer, Span, Transport
from ._loader import Loader
from ._plan import Plan, Stage

__all__ = [
    "BadSampleError",
    "BadSamples",
    "Batch",
    "ConnectionError",
    "DaemonOptions",
    "DatasetError",
    "Device",
    "Error",
    "FingerprintError",
    "JobError",
    "Loader",
    "Plan",
    "ReplayBuffer",
    "RunOverError",
    "Span",
    "Stage",
    "Substitution",
    "Transport",
    "UnreadableSampleError",
    "__version__",
    "search",
]
