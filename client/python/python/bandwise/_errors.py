"""The exceptions of the package. Every message says what to do."""

from __future__ import annotations

import builtins
from typing import Any, Dict, List, Optional


class Error(Exception):
    """Anything that this package raises about a run.

    ``detail`` is the daemon's own account of it, empty where the error arose on this side: ``reason`` (a stable word),
    ``step``, ``sample`` (its id), ``sample_name``, ``differing_fields`` and ``cause`` (a word for why a sample is
    unreadable).
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.detail: Dict[str, Any] = {}


class ConnectionError(Error, builtins.ConnectionError):
    """No daemon can be reached, it went away for longer than ``patience``, or a private one could not be started."""


class JobError(Error, ValueError):
    """The options cannot be run: the daemon refuses the job, or rows cannot be shared out among the ranks."""


class DatasetError(JobError):
    """A folder cannot be served: it is no folder of class folders, holds no images, or is not complete."""


class RunOverError(Error):
    """A `for` over a loader whose run is over. More epochs, ``Loader.reset`` or ``loop="repeat"`` give more."""


class FingerprintError(JobError):
    """The job is not the one that was expected, so its batches would be others."""

    @property
    def differing_fields(self) -> List[str]:
        """The fields that differ, as ``name: expected -> here``; empty where only a fingerprint was expected."""
        fields: List[str] = self.detail.get("differing_fields", [])
        return fields


class _SampleError(Error):
    """An error about a sample."""

    @property
    def sample(self) -> Optional[int]:
        """The sample's id, where the error is about one."""
        sample: Optional[int] = self.detail.get("sample")
        return sample

    @property
    def sample_name(self) -> str:
        """The sample's name, its path below the dataset's folder, where the error is about one."""
        name: str = self.detail.get("sample_name", "")
        return name


class BadSampleError(_SampleError):
    """A sample is undecodable under ``on_bad_sample="fail"``, or more of them than ``max_bad_fraction``."""


class UnreadableSampleError(_SampleError, OSError):
    """No daemon could read the file of a sample for as long as ``patience`` says: it is missing, forbidden, no file, or
    its disk is away. Also Python's ``OSError``."""

    @property
    def reason(self) -> str:
        """A stable word: ``missing``, ``not_a_file``, ``permission_denied``, ``size_changed``, ``timed_out``, ``no_memory`` or
        ``io``."""
        reason: str = self.detail.get("cause", "")
        return reason
