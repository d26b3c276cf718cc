"""Golden values of the RandAugment operations: python3 make_augment.py, with Pillow 12.3.0 and numpy.

Writes augment.txt beside itself, a line per case: name, argument (the bits of a float64, or a whole number),
seed, width, height, and the first 16 hex digits of the SHA-256 of the pixels. The pictures are those of
make.py, which keep neither black nor white for most seeds (`augmented_picture`, also in tests/common/mod.rs).
The geometric operations are called as timm 0.4.12 calls them.
"""

import hashlib
import math
import pathlib
import random
import struct

import numpy
import PIL
from PIL import Image, ImageEnhance, ImageOps

from make import hashed, picture

assert PIL.__version__ == "12.3.0", PIL.__version__
HERE = pathlib.Path(__file__).parent
FILL = (124, 116, 104)
CASES = 205

# With more small ones than large ones, because all levels run all cases.
SIZES = [(224, 224)] * 2 + [(500, 333)] + [(97, 64)] * 4 + [(96, 96)] * 2
SIZES += [(1, 1), (1, 7), (9, 1), (1, 40), (50, 1), (2, 2), (3, 3), (4, 5), (17, 16), (33, 31), (64, 8)]


def affine(image, matrix):
    return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BICUBIC, fillcolor=FILL)


def solarize_add(image, add):
    return image.point([min(255, v + add) if v < 128 else v for v in range(256)] * 3)


def posterize(image, bits):
    return image if bits >= 8 else ImageOps.posterize(image, bits)


def blended(enhancer):
    return lambda image, factor: enhancer(image).enhance(factor)


def signed(rng, most):
    """The argument of a level: random, or one of the ends 0 and 10."""
    level = rng.choice([rng.uniform(0, 10), rng.uniform(0, 10), rng.uniform(0, 1), 0.0, 10.0])
    return rng.choice([-1, 1]) * (level / 10) * most


def angle(rng):
    whole = [90, 180, 270, 360, -90, -180, 45, 720.0, 1e-9, -1e-20, 1e7]
    return rng.choice([signed(rng, 30.0)] * 4 + [rng.uniform(-500, 500), float(rng.choice(whole))])


def shear(rng):
    odd = [0.25, -0.5, 1.0, -1.0, 3.7, 2.0**-53, -(2.0**-53), -1e-17, 1e-300, 1e6]
    return rng.choice([signed(rng, 0.3)] * 5 + [rng.choice(odd)])


def translation(rng, side):
    odd = [1.0, -1.0, 0.5, -0.5, -1e-17, 1e-16, -1e-300, side, -side, side - 0.5, 0.25 - side, 1e8]
    return rng.choice([signed(rng, 0.45) * side] * 5 + [float(rng.choice(odd))])


def factor(rng):
    odd = [0.0, 1.0, 2.0, -1.0, 0.5, 1.0 + 2.0**-30, 0.99999994, 3.7, 1e30, -1e30]
    return rng.choice([1.0 + signed(rng, 0.9)] * 6 + [rng.choice(odd)])


# Name: how to draw an argument from (generator, width, height), and what to do.
OPERATIONS = {
    "AutoContrast": (None, lambda image, _: ImageOps.autocontrast(image)),
    "Equalize": (None, lambda image, _: ImageOps.equalize(image)),
    "Invert": (None, lambda image, _: ImageOps.invert(image)),
    "Rotate": (
        lambda rng, w, h: angle(rng),
        lambda image, v: image.rotate(v, resample=Image.BICUBIC, fillcolor=FILL),
    ),
    "Posterize": (lambda rng, w, h: rng.randint(0, 9), posterize),
    "Solarize": (lambda rng, w, h: rng.randint(0, 257), ImageOps.solarize),
    "SolarizeAdd": (lambda rng, w, h: rng.choice([0, 110, 300, rng.randint(0, 110)]), solarize_add),
    "Color": (lambda rng, w, h: factor(rng), blended(ImageEnhance.Color)),
    "Contrast": (lambda rng, w, h: factor(rng), blended(ImageEnhance.Contrast)),
    "Brightness": (lambda rng, w, h: factor(rng), blended(ImageEnhance.Brightness)),
    "Sharpness": (lambda rng, w, h: factor(rng), blended(ImageEnhance.Sharpness)),
    "ShearX": (lambda rng, w, h: shear(rng), lambda image, v: affine(image, (1, v, 0, 0, 1, 0))),
    "ShearY": (lambda rng, w, h: shear(rng), lambda image, v: affine(image, (1, 0, 0, v, 1, 0))),
    "TranslateX": (lambda rng, w, h: translation(rng, w), lambda image, v: affine(image, (1, 0, v, 0, 1, 0))),
    "TranslateY": (lambda rng, w, h: translation(rng, h), lambda image, v: affine(image, (1, 0, 0, 0, 1, v))),
}


def augmented_picture(seed, width, height):
    """The picture of make.py; its channels squeezed for two seeds of three, to one value for one of eleven."""
    pixels = picture(seed, width, height).astype(numpy.uint32)
    if seed % 3 > 0:
        draws = hashed(numpy.arange(3, dtype=numpy.uint32) + numpy.uint32(1000 * seed))
        spans = draws % 256 if seed % 11 > 0 else 0 * draws
        pixels = pixels * spans // 255 + draws // 256 % (256 - spans)
    return pixels.astype(numpy.uint8)


def bits(argument):
    return f"{struct.unpack('<Q', struct.pack('<d', argument))[0]:x}" if isinstance(argument, float) else argument


def case(name, seed):
    rng = random.Random(f"{name} {seed}")
    width, height = SIZES[seed % len(SIZES)]
    draw, apply = OPERATIONS[name]
    argument = draw(rng, width, height) if draw else 0
    assert isinstance(argument, int) or math.isfinite(argument)
    pixels = apply(Image.fromarray(augmented_picture(seed, width, height)), argument).tobytes()
    return f"{name} {bits(argument)} {seed} {width} {height} {hashlib.sha256(pixels).hexdigest()[:16]}\n"


if __name__ == "__main__":
    lines = [case(name, seed) for name in OPERATIONS for seed in range(CASES)]
    (HERE / "augment.txt").write_text("".join(lines))
