"""The log of a private daemon, and the errors made of its last lines."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import List, Optional, Tuple

from ._errors import ConnectionError, DatasetError, Error, JobError
from ._daemon_folder import PAUSE_SECONDS

VERDICT = "the daemon "
"""Begins the last line of a log, which says how the daemon ended."""

VERDICT_SECONDS = 0.5
"""Time that the process that started a daemon may take to say how it ended."""

LOG_LINES = 20
"""Lines of a daemon's log that an error repeats, from its last `LOG_BYTES`."""
LOG_BYTES = 16 << 10

_OF_DATASET = "error: dataset "
_OF_CONFIGURATION = ("error: the configuration ", "error: log = ")
"""The start of the daemon's last line when its settings are at fault."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LINE = re.compile(r"^\S+\s+(WARN|ERROR) (?:[\w:]+: )?(.*)$")
_OF_DATA = re.compile(r"\b(?:dataset|sample|reader)=")
_LEVELS = {"WARN": logging.WARNING, "ERROR": logging.ERROR}


def last_words(log: Optional[int]) -> Error:
    """The error for a daemon that has ended: its log, and the reason, for which its parent may need a moment."""
    end = time.monotonic() + VERDICT_SECONDS
    while True:
        lines = _lines(log)
        if lines and lines[-1].startswith(VERDICT):
            how = lines.pop()[len(VERDICT) :]
            break
        if time.monotonic() > end:
            how = "has died for an unknown reason, because the process that started it has ended too"
            break
        time.sleep(PAUSE_SECONDS)
    fault = _fault(lines)
    if fault is not None:
        return fault
    said = "Its log:\n" + "\n".join(lines[-LOG_LINES:]) if lines else "Its log is empty."
    return ConnectionError(f"the private daemon {how}; make a new loader to continue. {said}")


def _fault(lines: List[str]) -> Optional[Error]:
    """The error for wrong input of the loader, if that has ended the daemon."""
    first = next((place for place, line in enumerate(lines) if line.startswith("error: ")), None)
    if first is None:
        return None
    text = "\n".join(lines[first:]).strip()
    if text.startswith(_OF_DATASET):
        # After the name that only the daemon uses.
        return DatasetError(_for_python(text[len(_OF_DATASET) :].partition(": ")[2]))
    if text.startswith(_OF_CONFIGURATION):
        return JobError(f"the private daemon refuses its options: {text[len('error: '):]}")
    return None


_ADVICE = {
    "set allow_empty_classes = true (--allow-empty-classes)": "pass daemon=bandwise.DaemonOptions(allow_empty_classes=True)",
    'set splits = "never" (--splits never)': 'pass daemon=bandwise.DaemonOptions(splits="never")',
}
"""Advice of the daemon, and the same for loaders."""


def _for_python(text: str) -> str:
    for advice, here in _ADVICE.items():
        text = text.replace(advice, here)
    if "allow_empty_classes" in text:
        return text
    if "no class folders" in text or "no images" in text:
        return text + "\nexpected: FOLDER/CLASS/IMAGE, or FOLDER/train/CLASS/IMAGE beside FOLDER/val/CLASS/IMAGE"
    return text


def _lines(log: Optional[int]) -> List[str]:
    if log is None:
        return []
    start = max(0, os.fstat(log).st_size - LOG_BYTES)
    return os.pread(log, LOG_BYTES, start).decode(errors="replace").strip().splitlines()


class LogTail:
    """Reads the new lines of a log."""

    def __init__(self) -> None:
        self._at = 0

    def read(self, log: int) -> List[Tuple[int, str]]:
        """The warnings and errors since the last call. Those about datasets, samples and other readers are left out:
        the daemon itself reports them to the loaders concerned."""
        if os.fstat(log).st_size <= self._at:
            return []
        text = os.pread(log, LOG_BYTES, self._at)
        # A line that is being written is for the next call, unless it is longer than any.
        whole = text.rfind(b"\n") + 1 or (len(text) if len(text) == LOG_BYTES else 0)
        self._at += whole
        found = []
        for line in _COLOURS.sub("", text[:whole].decode(errors="replace")).splitlines():
            match = _LINE.match(line)
            if match and not _OF_DATA.search(line):
                found.append((_LEVELS[match.group(1)], f"the private daemon: {match.group(2)}"))
        return found
