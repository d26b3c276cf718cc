"""Writes odd variants of every format that is decoded, as tiny pictures, and Pillow's word on each.

    pip install pillow==12.3.0 numpy==2.4.6
    python server/decode/tests/golden/variants/make.py [FORMAT ...]

For each module beside this one (a format: `bmp.py`, `gif.py`, ...), whose function `files()` yields (name, bytes):

    FORMAT.pack    the files, one behind the other, without anything between
    FORMAT.tsv     a line a file: NAME, LENGTH in bytes, then `ok WIDTH HEIGHT SHA256` (of the packed RGB pixels of
                   `Image.open(f).convert("RGB")`) or `no`, as Pillow has it

The same modules give the same bytes each time. Files that Pillow reads and we refuse on purpose stand in
`server/decode/src/refused.md`; `tests/variants.rs` checks all of them.
"""

import importlib
import logging
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from common import verdict  # noqa: E402

MOST_BYTES = 300 << 10


def formats() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("make", "common"))


def write(name: str) -> int:
    """Makes one pack and its table; returns the number of files."""
    pack, lines, names = b"", [], set()
    for file, data in importlib.import_module(name).files():
        if file in names or "\t" in file:
            raise SystemExit(f"{name}: a second file named {file!r}")
        names.add(file)
        pack += data
        lines.append(f"{file}\t{len(data)}\t{verdict(data)}\n")
    if len(pack) > MOST_BYTES:
        raise SystemExit(f"{name}: {len(pack)} bytes, more than {MOST_BYTES}; make the pictures smaller")
    (HERE / f"{name}.pack").write_bytes(pack)
    (HERE / f"{name}.tsv").write_text("".join(lines))
    return len(lines)


def main() -> None:
    logging.disable(logging.CRITICAL)
    for name in sys.argv[1:] or formats():
        print(f"{name}: {write(name)} files")


if __name__ == "__main__":
    main()
