"""A private daemon's log as Python's logging gets it, without a daemon."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

import bandwise
from bandwise._words import VERDICT, LogTail, last_words

LOG = """\
2026-01-01T00:00:00Z  INFO bandwise::serve: starting threads=2
2026-01-01T00:00:00Z  WARN bandwise::server: splits differ dataset="data/val"
\x1b[2m2026-01-01T00:00:01Z\x1b[0m \x1b[33m WARN\x1b[0m bandwise_pipeline: memory is short mib=3
2026-01-01T00:00:02Z  WARN undecodable sample sample=2 name="a/b.jpg"
2026-01-01T00:00:02Z  WARN two readers get the same rows of one job job=00ff reader="host h, pid 1" other="host h, pid 2"
2026-01-01T00:00:03Z ERROR a worker has panicked
"""


def test_warnings_are_read_once_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text(LOG + "2026-01-01T00:00:04Z  WARN half")
    log = os.open(file, os.O_RDONLY)
    log_tail = LogTail()
    try:
        assert log_tail.read(log) == [
            (logging.WARNING, "the private daemon: memory is short mib=3"),
            (logging.ERROR, "the private daemon: a worker has panicked"),
        ]
        assert log_tail.read(log) == []
        with file.open("a") as more:
            more.write(" a line\n")
        assert log_tail.read(log) == [(logging.WARNING, "the private daemon: half a line")]
    finally:
        os.close(log)


@pytest.mark.parametrize(
    "said, kind, expected",
    [
        ("error: dataset 'data': no class folders in \"/x\"", bandwise.DatasetError, '^no class folders in "/x"\nexpected'),
        ("error: the configuration has 1 mistake:\n  - threads = 9", bandwise.JobError, "refuses.*\n  - threads = 9$"),
        ("error: log = loud: there is no such level", bandwise.JobError, "log = loud"),
        ("error: cannot listen on unix:/x", bandwise.ConnectionError, "exit code 1.*\nerror: cannot listen"),
    ],
)
def test_the_end_of_a_daemon_is_an_error_of_its_kind(tmp_path: Path, said: str, kind: type, expected: str) -> None:
    file = tmp_path / "log"
    file.write_text(f"{said}\n\n{VERDICT}ended with exit code 1\n")
    log = os.open(file, os.O_RDONLY)
    try:
        error = last_words(log)
    finally:
        os.close(log)
    assert type(error) is kind
    with pytest.raises(kind, match=expected):
        raise error
