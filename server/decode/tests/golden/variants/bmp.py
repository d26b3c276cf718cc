"""BMP: depths, header generations, bit masks, runs, palettes and pixel offsets."""

from collections.abc import Iterator

from common import image, save


def files() -> Iterator[tuple[str, bytes]]:
    yield "rgb.bmp", save(image(), "BMP")
