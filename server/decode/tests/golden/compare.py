"""Compares verdicts and pixels with Pillow on many real, odd and damaged files, and prints the rate of agreement.

    pip install pillow==12.3.0 scikit-image==0.26.0 scikit-learn==1.9.1
    cargo build --release --example verdicts -p bandwise-decode --features jpeg2000
    python server/decode/tests/golden/compare.py target/release/examples/verdicts [FILES_PER_KIND] [SEED] [FOLDER [KIND]]

Files on which the two disagree are written to FOLDER, if one is given. KIND is the beginning of the names of the kinds
that are wanted.

The damaged files are made as for the golden files (see make.py), but of whole photographs, and many more.
"""

import collections
import random
import struct
import subprocess
import sys
from pathlib import Path

import make
import skimage
import sklearn
from PIL import Image
from reference import save, verdict

PHOTOS = [
    *(Path(skimage.__file__).parent / "data").glob("*.jpg"),
    *(Path(sklearn.__file__).parent / "datasets" / "images").glob("*.jpg"),
    *(Path(__file__).parents[3] / "assets" / "photos").glob("*/*.jpg"),
]


VARIANTS = Path(__file__).parent / "variants"


class Ours:
    """The example program `verdicts`, fed one image after the other."""

    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def verdict(self, data: bytes) -> str:
        self.process.stdin.write(struct.pack("<I", len(data)) + data)
        self.process.stdin.flush()
        line = self.process.stdout.readline().decode()
        if not line:
            raise SystemExit("the program has died")
        return line.strip()


def kinds() -> dict[str, list[bytes]]:
    """Undamaged images by kind: the photographs as they are and re-encoded, and the golden files."""
    images = [Image.open(path).convert("RGB").crop((0, 0, 400, 300)) for path in PHOTOS]
    encode = lambda kind, **options: [save(image, kind, **options) for image in images]
    small = lambda **options: [save(image.crop((90, 60, 210, 150)), "JPEG2000", **options) for image in images]
    golden = sorted(make.FILES.iterdir())
    by_suffix = lambda *suffixes: [path.read_bytes() for path in golden if path.suffix in suffixes]
    return {
        "jpeg photographs": [path.read_bytes() for path in PHOTOS],
        "jpeg 420": encode("JPEG", quality=85),
        "jpeg 444": encode("JPEG", quality=85, subsampling=0),
        "jpeg progressive": encode("JPEG", quality=85, progressive=True),
        "jpeg restarts": encode("JPEG", quality=85, restart_marker_rows=1),
        "jpeg golden": by_suffix(".jpg"),
        "png": encode("PNG"),
        "png golden": by_suffix(".png"),
        **{f"webp lossy {quality}": encode("WEBP", quality=quality) for quality in (30, 60, 80, 95)},
        "webp lossless": [save(image.crop((0, 0, 90, 70)), "WEBP", lossless=True) for image in images],
        "gif": encode("GIF"),
        "bmp golden": by_suffix(".bmp"),
        "tiff": encode("TIFF") + encode("TIFF", compression="tiff_lzw") + encode("TIFF", compression="jpeg"),
        "tiff golden": by_suffix(".tif"),
        "pnm golden": by_suffix(".ppm", ".pgm", ".pbm"),
        "jpeg2000": small(),
        "jpeg2000 9-7": small(irreversible=True, quality_layers=[10]),
        "jpeg2000 tiles": small(tile_size=(50, 40), quality_layers=[30, 10, 1], progression="RPCL", no_jp2=True),
        "jpeg2000 variants": variants("jpeg2000"),
    }


def variants(name: str) -> list[bytes]:
    """Those of the pack that Pillow reads."""
    files, rest = [], (VARIANTS / f"{name}.pack").read_bytes()
    for line in (VARIANTS / f"{name}.tsv").read_text().splitlines():
        _, length, word = line.split("\t")
        data, rest = rest[: int(length)], rest[int(length) :]
        files += [data] if word != "no" else []
    return files


def outcome(pillow: str, ours: str) -> str:
    if ours.startswith("PART"):
        return "part differs"
    if pillow == "no" and ours.startswith("no"):
        return "both refuse"
    if pillow.startswith("ok") and ours.startswith("ok"):
        return "same pixels" if pillow == ours else "other pixels"
    return "only we refuse: " + ours.split()[1] if ours.startswith("no") else "only Pillow refuses"


def main() -> None:
    ours = Ours(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    show = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    wanted = sys.argv[5] if len(sys.argv) > 5 else ""
    for kind, images in kinds().items():
        if not kind.startswith(wanted):
            continue
        intact = collections.Counter(outcome(verdict(data), ours.verdict(data)) for data in images)
        print(f"{kind}, intact: {dict(intact)}")
        damaged = collections.Counter()
        for i in range(count):
            data = rng.choice(images) or b"x"
            for _ in range(rng.choice([1, 1, 1, 2])):
                data = make.damage(data, make.random_damage(data or b"x", rng))
            if not data:
                continue
            pillow, our = verdict(data), ours.verdict(data)
            word = outcome(pillow, our)
            damaged[word] += 1
            if show and word not in ("same pixels", "both refuse"):
                (show / f"{kind.replace(' ', '_')}_{i}").write_bytes(data)
                print("   ", i, word, our[:100])
        agreed = damaged["same pixels"] + damaged["both refuse"]
        print(f"{kind}, damaged: {100 * agreed / max(1, damaged.total()):.2f} % agree, {dict(damaged)}", flush=True)


if __name__ == "__main__":
    main()
