"""Options that are one of a few words."""

from __future__ import annotations

import difflib
from typing import Any, Dict, Literal, Optional, Sequence, get_args

from . import _native
from ._errors import JobError

Arrays = Literal["auto", "torch", "numpy", "raw"]
Loop = Literal["auto", "epoch", "run", "repeat"]

CHOICES: Dict[str, Sequence[str]] = {
    **_native.CHOICES,
    "device_dtype": [name for name in _native.CHOICES["dtype"] if name != "u8"],
    "arrays": get_args(Arrays),
    "loop": get_args(Loop),
}
"""The words of each option. Those of jobs and streams come from the contract, by way of the native module."""

_DTYPES = {"uint8": "u8", "float16": "f16", "half": "f16", "bfloat16": "bf16", "float32": "f32"}
"""Names that torch, numpy and jax have for element types."""


def one_of(option: str, value: Any) -> str:
    """A word that the option has.

    Raises
    ------
    bandwise.JobError
        For any other value; it lists the words.
    """
    words = CHOICES[option]
    if isinstance(value, str) and value in words:
        return value
    raise _wrong(option, value)


def optional(option: str, value: Any) -> Optional[str]:
    """The same, or none."""
    return None if value is None else one_of(option, value)


def dtype(option: str, value: Any, shown: Optional[str] = None) -> str:
    """An element type: a word, or what torch, numpy and jax call it (``torch.float32``, ``numpy.float32``). ``shown`` is
    the name of the option in an error."""
    name = value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", value)
    name = str(name).rpartition(".")[2]
    word = _DTYPES.get(name, name)
    if word in CHOICES[option]:
        return word
    raise _wrong(option, value, shown)


def _wrong(option: str, value: Any, shown: Optional[str] = None) -> JobError:
    words = CHOICES[option]
    near = difflib.get_close_matches(value, words, 1) if isinstance(value, str) else []
    meant = f"; did you mean {near[0]!r}?" if near else ""
    is_type = option in ("dtype", "device_dtype")
    also = " (or a type of torch or numpy, like torch.float32)" if is_type else ""
    return JobError(f"{shown or option} must be one of {', '.join(map(repr, words))}{also}, not {value!r}{meant}")
