"""The exceptions of the package. Each message says what was given, what is allowed, and what to do."""

from __future__ import annotations

import builtins
from typing import Any, Dict, List, Optional


class Error(Exception):
    """The base of all errors of this package.

    ``detail`` holds the facts that the daemon sent: ``reason`` (a stable word), ``step``, ``sample`` (its id),
    ``sample_name``, ``differing_fields`` and ``cause`` (a word for why a sample is unreadable). It is empty if the error
    did not come from a daemon.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.detail: Dict[str, Any] = {}


class ConnectionError(Error, builtins.ConnectionError):
    """No daemon answered within ``Transport.patience``, or a private daemon could not be started or has died."""


class JobError(Error, ValueError):
    """The options are wrong: a value is out of range, or the daemon refuses the job."""


class DatasetError(JobError):
    """A folder cannot be served: it has no class folders, contains no images, or is incomplete."""


class RunOverError(Error):
    """A ``for`` began over a loader whose run has ended. A larger ``epochs``, ``Loader.reset`` or
    ``Span(loop="repeat")`` gives more batches."""


class FingerprintError(JobError):
    """The job is not the expected one, so its batches would differ."""

    @property
    def differing_fields(self) -> List[str]:
        """The fields that differ, as ``name: expected -> here``. Empty if only a fingerprint was given."""
        fields: List[str] = self.detail.get("differing_fields", [])
        return fields


class _SampleError(Error):
    """An error about a sample."""

    @property
    def sample(self) -> Optional[int]:
        """The id of the sample, if the error is about one sample."""
        sample: Optional[int] = self.detail.get("sample")
        return sample

    @property
    def sample_name(self) -> str:
        """The name of the sample (its path below the dataset's folder), if the error is about one sample."""
        name: str = self.detail.get("sample_name", "")
        return name


class BadSampleError(_SampleError):
    """A sample cannot be decoded, with ``BadSamples(on_bad_sample="fail")``, or more than ``BadSamples.max_bad_fraction`` of the
    rows hold no sample of their own."""


class UnreadableSampleError(_SampleError, OSError):
    """No daemon could read the file of a sample within ``Transport.patience``: it is missing, forbidden or not a regular file,
    or its disk does not answer. This is also an ``OSError``."""

    @property
    def reason(self) -> str:
        """A stable word: ``missing``, ``not_a_file``, ``permission_denied``, ``size_changed``, ``timed_out``, ``no_memory`` or
        ``io``."""
        reason: str = self.detail.get("cause", "")
        return reason
