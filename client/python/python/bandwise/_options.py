"""Reads single options of a loader: numbers, addresses, names or files, fingerprints."""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path
from typing import Any, Optional, Tuple

from ._errors import JobError
from ._native import MAX_NAME_BYTES


def whole(name: str, value: int, least: int, most: int = 2**32 - 1) -> int:
    """A whole number of any type (numpy's too) in a range."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None
    if not least <= number <= most:
        raise JobError(f"{name} must be from {least} to {most}, not {number}")
    return number


def real(name: str, value: float, least: float = -math.inf, most: float = math.inf) -> float:
    """A number in a range; without one, the daemon knows it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {value!r}") from None
    if (least > -math.inf or most < math.inf) and not least <= number <= most:
        raise JobError(f"{name} must be from {least:.12g} to {most:.12g}, not {number:g}")
    return number


def is_address(text: str) -> bool:
    """Whether a text is one address or several: ``unix:/path`` or ``host:port``."""
    return all(one.startswith("unix:") or one.rpartition(":")[2].isdigit() for one in text.split(","))


def name_or_file(what: str, value: Any) -> Tuple[Optional[str], Optional[str], str]:
    """A name, or the text of a file and the file's name for messages: what looks like a path is one."""
    if value is None:
        return None, None, ""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{what} must be a name or the path of a TOML file, not {value!r}")
    text = os.fsdecode(value)
    if isinstance(value, str) and not ("/" in text or text.endswith(".toml")):
        return text, None, ""
    try:
        content = Path(text).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        # An OSError's text names the file once more.
        why = getattr(error, "strerror", None) or error
        raise JobError(f"cannot read the {what} {text!r}: {why}") from error
    # By its end, where it is longer than the daemon takes.
    return None, content, text.encode(errors="replace")[-MAX_NAME_BYTES:].decode(errors="ignore")


def fingerprint_bytes(text: str) -> bytes:
    """The 32 bytes of a fingerprint."""
    try:
        fingerprint = bytes.fromhex(text)
    except (TypeError, ValueError):
        fingerprint = b""
    if len(fingerprint) != 32:
        raise JobError(f"expect_fingerprint must have 64 hex digits, not {text!r}")
    return fingerprint
