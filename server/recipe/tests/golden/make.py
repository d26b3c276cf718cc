"""Golden tensors of whole recipes, made with the real Pillow on the demo photographs.

    pip install Pillow==12.3.0 numpy==2.4.6
    python make.py

Writes recipes.txt: recipe, photograph, epoch, bandwidth, dtype, and the first 16 hex digits of the SHA-256 of the
tensor (u8 nhwc, f32 nchw, f16 nchw). The draws come from draws.py, a second implementation of the keyed draws; the
pixels from Pillow; the floats from numpy. Photographs are numbered in the order of their paths.
"""

import hashlib
import pathlib

import numpy as np
import PIL
from draws import Draws, crop
from PIL import Image

assert PIL.__version__ == "12.3.0", PIL.__version__

HERE = pathlib.Path(__file__).parent
PHOTOS = sorted((HERE / "../../../assets/photos").resolve().glob("*/*.jpg"))
SEED = 11
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def training(image, epoch, sample, side):
    x, y, w, h = crop(*image.size, SEED, epoch, sample)
    image = image.crop((x, y, x + w, y + h)).resize((side, side), Image.Resampling.BICUBIC)
    flip = Draws(SEED, epoch, sample, 0, 2).unit() < 0.5
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else image


def evaluation(image, side):
    if side >= 384:
        return image.resize((side, side), Image.Resampling.BICUBIC)
    width, height = image.size
    short = int(side / 0.875)
    size = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - side) / 2.0), round((size[1] - side) / 2.0)
    return image.crop((left, top, left + side, top + side))


def tensors(image):
    pixels = np.asarray(image)
    normalised = (pixels.astype(np.float32) / np.float32(255) - MEAN) / STD
    planes = np.ascontiguousarray(normalised.transpose(2, 0, 1))
    return {"u8": pixels, "f32": planes, "f16": planes.astype(np.float16)}


def main():
    lines = []
    for sample, path in enumerate(PHOTOS):
        photo = Image.open(path).convert("RGB")
        made = []
        for epoch in (0, 5):
            base = training(photo, epoch, sample, 224)
            made.append(("efficienttrain++", epoch, 224, base))
            for b in (96, 160, 192):
                made.append(("efficienttrain++", epoch, b, base.resize((b, b), Image.Resampling.LANCZOS)))
            made.append(("plain", epoch, 128, training(photo, epoch, sample, 128)))
        made += [("eval", 0, side, evaluation(photo, side)) for side in (64, 96, 160, 192, 224, 384)]
        for recipe, epoch, b, image in made:
            for dtype, tensor in tensors(image).items():
                digest = hashlib.sha256(tensor.tobytes()).hexdigest()[:16]
                lines.append(f"{recipe} {sample} {epoch} {b} {dtype} {digest}")
    (HERE / "recipes.txt").write_text("\n".join(lines) + "\n")
    print(len(lines), "tensors of", len(PHOTOS), "photographs")


if __name__ == "__main__":
    main()
