"""Golden values of the resize and of the float tables: python3 make.py, with Pillow 12.3.0 and numpy.

Writes resize.txt and tables.txt beside itself. The pictures are computed by the same integer formula here
and in tests/common/mod.rs: hard cells of 0 and 255 (so that overshoot is clamped), slopes and fine noise.
"""

import hashlib
import pathlib

import numpy
import PIL
from PIL import Image

assert PIL.__version__ == "12.3.0", PIL.__version__
HERE = pathlib.Path(__file__).parent
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)
STD = numpy.array([0.229, 0.224, 0.225], numpy.float32)

# width, height, crop x, y, width, height, output width, height
SIZES = [
    (8, 8, 0, 0, 8, 8, 3, 3),
    (8, 8, 0, 0, 8, 8, 8, 8),
    (5, 7, 0, 0, 5, 7, 11, 3),
    (1, 1, 0, 0, 1, 1, 9, 6),
    (1, 1, 0, 0, 1, 1, 224, 224),
    (2, 3, 0, 0, 2, 3, 7, 7),
    (13, 9, 2, 1, 10, 7, 4, 9),
    (13, 9, 2, 1, 10, 7, 10, 3),
    (17, 1, 0, 0, 17, 1, 5, 4),
    (1, 17, 0, 0, 1, 17, 4, 5),
    (23, 31, 0, 0, 23, 31, 12, 12),
    (500, 375, 101, 20, 350, 330, 224, 224),
    (500, 375, 149, 44, 351, 331, 224, 224),
    (500, 375, 0, 0, 100, 83, 224, 224),
    (500, 375, 300, 10, 199, 257, 224, 224),
    (500, 375, 270, 10, 224, 257, 224, 224),
    (500, 375, 30, 10, 257, 224, 224, 224),
    (224, 224, 0, 0, 224, 224, 64, 64),
    (224, 224, 0, 0, 224, 224, 96, 96),
    (224, 224, 0, 0, 224, 224, 128, 128),
    (224, 224, 0, 0, 224, 224, 160, 160),
    (224, 224, 0, 0, 224, 224, 192, 192),
    (640, 480, 3, 5, 601, 431, 97, 131),
    (1200, 900, 7, 9, 1100, 850, 224, 224),
    (1601, 1100, 1, 0, 1600, 1099, 160, 160),
    (3000, 8, 0, 0, 3000, 8, 16, 16),
    (5000, 1, 0, 0, 5000, 1, 224, 224),
    (1, 5000, 0, 0, 1, 5000, 224, 224),
    (9, 1000, 0, 0, 9, 1000, 30, 40),
    (10, 1001, 0, 0, 10, 1001, 7, 40),
    (10, 1000, 0, 0, 10, 1000, 7, 40),
    (9, 1000, 0, 0, 9, 1000, 30, 1200),
    (33, 47, 0, 0, 33, 47, 100, 300),
]


def hashed(values):
    values = values ^ (values >> 16)
    values = values * numpy.uint32(0x7FEB352D)
    values = values ^ (values >> 15)
    values = values * numpy.uint32(0x846CA68B)
    return values ^ (values >> 16)


def picture(seed, width, height):
    y, x, c = numpy.meshgrid(
        numpy.arange(height, dtype=numpy.uint32),
        numpy.arange(width, dtype=numpy.uint32),
        numpy.arange(3, dtype=numpy.uint32),
        indexing="ij",
    )
    cell = hashed(numpy.uint32(seed) ^ (x // 9) ^ ((y // 7) << 10) ^ (c << 20))
    noise = hashed(cell ^ (x << 8) ^ y) % 24
    slope = (3 * x + 2 * y + 60 * c + cell % 64) % 232 + noise
    return numpy.choose(cell % 5, [0 * x, 0 * x + 255, slope, slope, 255 - slope]).astype(numpy.uint8)


def resized(filter_name, seed, size):
    width, height, x, y, crop_width, crop_height, out_width, out_height = size
    image = Image.fromarray(picture(seed, width, height)).crop((x, y, x + crop_width, y + crop_height))
    return image.resize((out_width, out_height), FILTERS[filter_name]).tobytes()


def write_resize():
    lines = []
    for filter_name in FILTERS:
        for seed, size in enumerate(SIZES):
            pixels = resized(filter_name, seed, size)
            small = pixels.hex() if len(pixels) <= 120 else "-"
            lines.append(" ".join(map(str, [filter_name, seed, *size, hashlib.sha256(pixels).hexdigest(), small])))
    (HERE / "resize.txt").write_text("\n".join(lines) + "\n")


def write_tables():
    lines = []
    for channel in range(3):
        values = numpy.arange(256, dtype=numpy.uint8).astype(numpy.float32) / numpy.float32(255)
        values = (values - MEAN[channel]) / STD[channel]
        for value, (single, half) in enumerate(zip(values, values.astype(numpy.float16))):
            lines.append(f"{channel} {value} {single.view(numpy.uint32):08x} {half.view(numpy.uint16):04x}")
    (HERE / "tables.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_resize()
    write_tables()
