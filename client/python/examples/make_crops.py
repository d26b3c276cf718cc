#!/usr/bin/env python3
"""Makes a small classification set of real images: which of these photographs does a crop come from?

    sh benches/photos.sh target/photos                       # Debian's wallpapers, 25 photographs
    python client/python/examples/make_crops.py --photos target/photos --out target/crops

Each photograph is a class. It is cut in two along its longer side: the first 60 % give the crops of `train`, the rest
those of `val`, so that no pixel is in both, and a class must be known by its colours, textures and sharpness, not by
heart. Crops are of random sizes, places and orientations, scaled down to at most 500 pixels, and written as JPEG with
quality 90: much as ImageNet's. With the same version of Pillow, which it needs, the same arguments give the same files.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from PIL import Image

PHOTOS = Path(__file__).resolve().parents[3] / "server/assets/photos"

SPLIT = 0.6
"""Share of a photograph that `train` is cut out of."""

SMALLEST = 0.4
"""Smallest crop: its side as a share of that of the largest that fits."""

Box = Tuple[float, float, float, float]


def regions(width: int, height: int) -> Tuple[Box, Box]:
    """The parts of a photograph for `train` and for `val`: left, top, right, bottom."""
    if width >= height:
        return (0, 0, SPLIT * width, height), (SPLIT * width, 0, width, height)
    return (0, 0, width, SPLIT * height), (0, SPLIT * height, width, height)


def draw_box(region: Box, draws: random.Random) -> Box:
    """A 4:3 or 3:4 box somewhere in a region."""
    left, top, right, bottom = region
    aspect = draws.choice([4 / 3, 3 / 4])
    side = min(right - left, (bottom - top) * aspect) * draws.uniform(SMALLEST, 1)
    x, y = draws.uniform(left, right - side), draws.uniform(top, bottom - side / aspect)
    return x, y, x + side, y + side / aspect


def crop(photo: Image.Image, box: Box, longest: int) -> Image.Image:
    """The pixels of a box, scaled down until they fit; never up."""
    scale = min(1.0, longest / max(box[2] - box[0], box[3] - box[1]))
    size = max(1, round((box[2] - box[0]) * scale)), max(1, round((box[3] - box[1]) * scale))
    return photo.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=2.0)


def make_class(path: Path, out: Path, train: int, val: int, longest: int) -> None:
    """Writes the crops of one photograph."""
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    for split, region, count in zip(("train", "val"), regions(*photo.size), (train, val)):
        folder = out / split / path.stem
        folder.mkdir(parents=True)
        draws = random.Random(f"{path.stem}/{split}")
        for number in range(count):
            crop(photo, draw_box(region, draws), longest).save(folder / f"{number:03}.jpg", quality=90)


def main(arguments: Optional[Sequence[str]] = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--photos", type=Path, default=PHOTOS, help="folder with photographs (default: the 12 of the demo)")
    add("--out", type=Path, required=True, help="folder for train/ and val/, which must not be there yet")
    add("--classes", type=int, default=20, help="photographs used, the first by name (default 20)")
    add("--train", type=int, default=40, help="training crops of a photograph (default 40)")
    add("--val", type=int, default=20, help="validation crops of a photograph (default 20)")
    add("--longest", type=int, default=500, help="longest side of a crop in pixels (default 500)")
    args = parser.parse_args(arguments)
    photos: List[Path] = sorted(args.photos.rglob("*.jpg"), key=lambda path: path.name)[: args.classes]
    if len(photos) < 2:
        parser.error(f"{args.photos} has {len(photos)} photographs (*.jpg), and a choice needs two")
    if args.out.exists():
        parser.error(f"{args.out} is there already; remove it or name another folder")
    for path in photos:
        make_class(path, args.out, args.train, args.val, args.longest)
    print(f"{args.out}: {len(photos)} classes with {args.train} crops for training and {args.val} for validation each")


if __name__ == "__main__":
    main()
