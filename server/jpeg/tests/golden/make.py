"""Small JPEGs of kinds that the compressor of the tests does not write: restarts, RGB, optimised tables with both.

usage: python3 make.py    with Pillow 12.3; writes beside itself
"""

import random
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
PHOTO = sorted((HERE.parents[2] / "assets/photos").glob("*/*.jpg"))[0]
RESTARTS = [{"restart_marker_blocks": 1}, {"restart_marker_blocks": 7}, {"restart_marker_rows": 1}]


def main() -> None:
    random.seed(7)
    photo = Image.open(PHOTO).convert("RGB")
    for number, restart in enumerate(RESTARTS):
        for subsampling in range(3):
            left, top = random.randrange(photo.width - 90), random.randrange(photo.height - 70)
            part = photo.crop((left, top, left + 61 + number, top + 45 + subsampling))
            name = f"restart-{number}-subsampling-{subsampling}.jpg"
            part.save(HERE / name, quality=60, subsampling=subsampling, optimize=number == 1, **restart)
            if number > 0:
                part.save(HERE / f"progressive-{name}", quality=90, subsampling=subsampling, progressive=True, **restart)
    part = photo.crop((8, 8, 60, 50))
    part.save(HERE / "rgb.jpg", quality=60, keep_rgb=True)
    part.convert("L").save(HERE / "grey-restart.jpg", quality=60, restart_marker_blocks=3)
    part.convert("L").save(HERE / "grey-progressive.jpg", quality=95, progressive=True, restart_marker_blocks=5)


main()
