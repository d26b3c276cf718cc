"""Writes the demo photographs (photos/CLASS/NAME.jpg) from pictures that two Python packages ship.

Run from anywhere, with these exact versions, to get the committed bytes again:

    pip install pillow==12.3.0 scikit-image==0.26.0 scikit-learn==1.9.1
    python server/assets/make_photos.py

Authors, sources and licences are in CREDITS.md beside this file. Every picture is a photograph that is in the
public domain, CC0 or CC BY 2.0. Pictures whose licence the packages do not state, and those that were rendered or
computed, are left out.
"""

from pathlib import Path

import skimage
import sklearn
from PIL import Image

SKIMAGE = Path(skimage.__file__).parent / "data"
SKLEARN = Path(sklearn.__file__).parent / "datasets" / "images"
OUT = Path(__file__).parent / "photos"

# The sizes follow ImageNet, whose photographs are mostly 500 x 375. A smaller picture keeps its size.
LONG_SIDE = 500
QUALITY = 90

# class, name, source, box in the source (left, top, right, bottom) or None for the whole picture
PHOTOS = [
    ("nature", "cat", SKIMAGE / "chelsea.png", None),
    ("nature", "flower", SKLEARN / "flower.jpg", None),
    ("nature", "grass", SKIMAGE / "grass.png", (0, 0, 500, 375)),
    ("people", "astronaut", SKIMAGE / "astronaut.png", None),
    ("people", "photographer", SKIMAGE / "camera.png", None),
    ("place", "launch_pad", SKIMAGE / "rocket.jpg", None),
    ("place", "palace", SKLEARN / "china.jpg", None),
    ("science", "galaxies", SKIMAGE / "hubble_deep_field.jpg", (0, 0, 1000, 750)),
    ("science", "galaxies_near", SKIMAGE / "hubble_deep_field.jpg", (500, 497, 1000, 872)),
    ("science", "retina", SKIMAGE / "retina.jpg", None),
    ("science", "retina_vessels", SKIMAGE / "retina.jpg", (100, 420, 850, 982)),
    ("thing", "cup", SKIMAGE / "coffee.png", None),
]


def photo(source: Path, box: tuple[int, int, int, int] | None) -> Image.Image:
    """The picture as it will be stored: cut out, and at most LONG_SIDE pixels long."""
    with Image.open(source) as picture:
        image = picture.copy()
    if box is not None:
        image = image.crop(box)
    scale = min(1.0, LONG_SIDE / max(image.size))
    size = tuple(round(side * scale) for side in image.size)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def main() -> None:
    for class_name, name, source, box in PHOTOS:
        path = OUT / class_name / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = photo(source, box)
        image.save(path, quality=QUALITY, optimize=True)
        print(f"{path.relative_to(OUT)}: {image.size[0]} x {image.size[1]} {image.mode}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
