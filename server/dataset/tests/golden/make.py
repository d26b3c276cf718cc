"""Writes the golden files of the dataset tests: what Python and torchvision make of awkward folders.

Run with Python 3.11 (`python make.py`); writes `tree.json` and `order.json` beside itself. Where torchvision is
installed (0.21.0 was used), the list comes from its `ImageFolder` code; otherwise from the same calls to
`os.scandir`, `os.walk` and `sorted`. Both give the same files.

Names are bytes, so they are percent-encoded in the JSON.
"""

import hashlib
import json
import os
import random
import struct
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote_from_bytes

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

# Class folders that only differ by how their names sort; each gets one image.
CLASSES = [
    b"Zebra", b"a", b"a-b", b"a b", b"a.b", b"a\nb", b"a\tb", b"\"quoted\"", b"back\\slash", b".hidden", b"folder.jpg",
    "é".encode(), "e\u0301".encode(), "\ud7ff".encode(), "\ue000".encode(), "\ufffd".encode(), "😀".encode(),
    "\U0010ffff".encode(), b"\x80", b"\xff", b"\xff\xfe", b"a\xffb", b"a\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98",
    b"\xc3\xa9\xff", b"\xef\xbf\xbd\xff", b"n" * 255,
]  # fmt: skip

# Files of the class "a": nested folders whose paths sort differently as strings and as lists of parts.
NESTED = [
    b"z.jpg", b"b/x.jpg", b"b-q/x.jpg", b"b/c/deep.png", b"b/c-d/deep.png", b"b/c.jpg", b"b c/x.jpg", b"b.jpg/x.jpg",
    b"b\xff/x.jpg", "b\ue000/x.jpg".encode(), "b😀/x.jpg".encode(), b"only/below/this.webp", b".dots/.jpg", b"b/.jpg",
]  # fmt: skip

# Files of the class "Zebra": which names are images.
ENDINGS = [
    b"A.JPG", b"b.JpEg", b"c.PNG", b"d.ppm", b"e.Bmp", b"f.pgm", b"g.TIF", b"h.tiff", b"i.WEBP", b".jpg", b"..jpg",
    b"no", b"jpg", b"k.gif", b"l.jpg.txt", b"m.jpg ", b"n.jpg\n", b"\xff.jpg", b"\x80.jpg", "\ue000.jpg".encode(),
    "o.t\u0130f".encode(), "p.\u212apg".encode(), "é.jpg".encode(), b"q.jpg\xff", b"r\n.jpg", b" s.jpg", b"10.jpg",
    b"9.jpg", b"09.jpg", b"a_1.jpg", b"a-1.jpg", b"a1.jpg", b"A1.jpg",
]  # fmt: skip

# (path, target) of symbolic links.
LINKS = [
    (b"data/links", b"../outside/class"),
    (b"data/a-b/nested", b"../../outside/class"),
    (b"data/a-b/file.jpg", b"../../outside/class/one.jpg"),
    (b"data/a-b/folder.png", b"../../outside/class"),
    (b"data/a-b/broken.jpg", b"nowhere.jpg"),
    (b"data/a-b/itself.jpg", b"itself.jpg"),
    (b"data/a-b/broken.txt", b"nowhere.txt"),
    (b"data/broken", b"nowhere"),
]


def files():
    """All (path, content), sizes varied so that they matter to the digest."""
    paths = [b"data/loose.jpg", b"data/notes.txt", b"outside/class/one.jpg", b"outside/class/sub/two.jpg"]
    paths += [b"data/" + name + b"/i.jpg" for name in CLASSES]
    paths += [b"data/a/" + name for name in NESTED]
    paths += [b"data/Zebra/" + name for name in ENDINGS]
    return [(path, b"x" * (7 * i % 31)) for i, path in enumerate(paths)]


def build(base):
    for path, content in files():
        os.makedirs(os.path.dirname(os.path.join(base, path)), exist_ok=True)
        with open(os.path.join(base, path), "wb") as file:
            file.write(content)
    os.makedirs(os.path.join(base, b"data/a/empty/empty"))
    for path, target in LINKS:
        os.symlink(target, os.path.join(base, path))


def image_folder(root):
    """`classes` and `samples` of torchvision's ImageFolder, as str."""
    try:
        from torchvision.datasets.folder import find_classes, is_image_file, make_dataset
    except ImportError:
        return by_hand(root)
    classes, class_to_idx = find_classes(root)
    return classes, make_dataset(root, class_to_idx, is_valid_file=is_image_file)


def by_hand(root):
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
    samples = []
    for label, name in enumerate(classes):
        for folder, _, file_names in sorted(os.walk(os.path.join(root, name), followlinks=True)):
            images = (file for file in sorted(file_names) if file.lower().endswith(EXTENSIONS))
            samples += [(os.path.join(folder, file), label) for file in images]
    return classes, samples


def size_of(path):
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def digest(classes, samples):
    """The bytes that src/digest.rs documents."""
    u64 = struct.Struct("<Q").pack
    data = b"bandwise dataset v1\n" + u64(len(classes))
    for name in classes:
        data += u64(len(name)) + name
    data += u64(len(samples))
    for name, label, size in samples:
        data += u64(label) + u64(len(name)) + name + u64(size)
    return hashlib.sha256(data).hexdigest()


def tree():
    with tempfile.TemporaryDirectory() as base:
        build(os.fsencode(base))
        root = os.path.join(base, "data")
        classes, samples = image_folder(root)
        classes = [os.fsencode(name) for name in classes]
        samples = [(os.fsencode(os.path.relpath(path, root)), label, size_of(path)) for path, label in samples]
    return {
        "folders": ["data/a/empty/empty"],
        "files": [[encoded(path), len(content)] for path, content in files()],
        "links": [[encoded(path), encoded(target)] for path, target in LINKS],
        "classes": [encoded(name) for name in classes],
        "samples": [[encoded(name), label, size] for name, label, size in samples],
        "digest": digest(classes, samples),
    }


def order():
    """Names made of pieces that are whole, cut or wrong UTF-8, in Python's order."""
    pieces = [b"a", b"-", b"/", b"\x7f", b"\x80", b"\xbf", b"\xc3", b"\xe2\x82", b"\xed\xa0", b"\xf0\x9f\x98", b"\xff"]
    pieces += [char.encode() for char in "é€\ud7ff\ue000\uffff😀\U0010ffff"]
    draw = random.Random(0)
    names = {b"".join(draw.choices(pieces, k=draw.randint(0, 5))) for _ in range(600)}
    return [encoded(name) for name in sorted(names, key=os.fsdecode)]


def encoded(name):
    return quote_from_bytes(name, safe="/ ")


def main():
    assert sys.getfilesystemencoding() == "utf-8", "run with PYTHONUTF8=1"
    here = Path(__file__).parent
    for name, content in [("tree", tree()), ("order", order())]:
        (here / f"{name}.json").write_text(json.dumps(content, indent=0) + "\n")


main()
