"""Whole recipes against the reference: the draws of N samples, exported by the example `replay`, are applied with
Pillow and timm's own operations, and the final tensors compared.

    pip install Pillow==12.3.0 numpy==2.4.6
    pip download --no-deps timm==0.4.12            # only its auto_augment.py is used, from the wheel
    cargo run --release --example replay -p bandwise-recipe -- server/assets/photos OUT 500
    python replay.py OUT timm-0.4.12-py3-none-any.whl

Demands difference 0 for 8-bit tensors, at most 1e-6 for normalised floats, at most 1e-4 after a Fourier crop (8-bit
tensors after a Fourier crop may differ by 1 where a value rounds the other way). Prints the largest differences.
"""

import json
import pathlib
import sys
import types
import zipfile

import numpy as np
import PIL
from PIL import Image

assert PIL.__version__ == "12.3.0", PIL.__version__

FILL = (124, 116, 104)
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def load_timm(wheel):
    """The module auto_augment of a timm wheel, without importing timm (and torch)."""
    module = types.ModuleType("auto_augment")
    exec(zipfile.ZipFile(wheel).read("timm/data/auto_augment.py").decode(), module.__dict__)
    return module


def apply(timm, image, name, argument):
    keywords = {"fillcolor": FILL, "resample": Image.Resampling.BICUBIC}
    table = timm.NAME_TO_OP
    if name in ("TranslateX", "TranslateY"):
        # The export has pixels; timm's relative form multiplies and then does the same.
        return getattr(timm, "translate_x_abs" if name == "TranslateX" else "translate_y_abs")(image, argument, **keywords)
    if name in ("ShearX", "ShearY", "Rotate"):
        return table[name](image, argument, **keywords)
    if name in ("AutoContrast", "Equalize", "Invert"):
        return table[name](image)
    return table[name](image, argument)


def fourier(planes, b):
    """Section 3 of the ICCV paper: the centre of the spectrum, in float64."""
    n = planes.shape[-1]
    h = b // 2
    rows = np.r_[0:h, n - h : n]
    spectrum = np.fft.fft2(planes.astype(np.float64))[:, rows][:, :, rows] * (b / n) ** 2
    return np.fft.ifft2(spectrum).real


def erase(planes, area, noise):
    if area is not None:
        x, y, w, h = area
        planes[:, y : y + h, x : x + w] = noise.reshape(3, h, w)


def reference(timm, sample, noise):
    """8-bit pixels (before erasing) and the final float tensor."""
    x, y, w, h = sample["crop"]
    image = Image.open(sample["photo"]).convert("RGB").crop((x, y, x + w, y + h))
    image = image.resize((224, 224), Image.Resampling.BICUBIC)
    if sample["flip"]:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for name, argument in sample["ops"]:
        image = apply(timm, image, name, argument)
    b, lanczos = sample["bandwidth"], sample["method"] == "lanczos"
    if b < 224 and lanczos:
        image = image.resize((b, b), Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    planes = ((pixels.astype(np.float32) / np.float32(255) - MEAN) / STD).transpose(2, 0, 1).copy()
    values = pixels.astype(np.float64).transpose(2, 0, 1)
    if sample["recipe"] == "efficienttrain":
        erase(planes, sample["erase"], noise)
    if b < 224 and not lanczos:
        planes, values = fourier(planes, b), fourier(values, b)
    if sample["recipe"] == "efficienttrain++":
        erase(planes, sample["erase"], noise)
    return np.clip(np.rint(values), 0, 255).transpose(1, 2, 0), planes


def main(out, wheel):
    timm = load_timm(wheel)
    worst = {"u8": 0, "u8 after fourier": 0, "f32": 0.0, "f32 after fourier": 0.0}
    counts = {"samples": 0, "operations": 0, "erased": 0}
    for line in (out / "samples.json").read_text().splitlines():
        sample = json.loads(line)
        b, n = sample["bandwidth"], sample["n"]
        noise = np.fromfile(out / f"{n}.noise", "<f4")
        pixels, planes = reference(timm, sample, noise)
        ours_u8 = np.fromfile(out / f"{n}.u8", np.uint8).reshape(b, b, 3)
        ours_f32 = np.fromfile(out / f"{n}.f32", "<f4").reshape(3, b, b)
        suffix = " after fourier" if sample["method"] == "fourier" and b < 224 else ""
        differences = {"u8": np.abs(ours_u8 - pixels).max(), "f32": np.abs(ours_f32 - planes).max()}
        for kind, difference in differences.items():
            worst[kind + suffix] = max(worst[kind + suffix], float(difference))
            limit = {"u8": 0, "f32": 1e-6, "u8 after fourier": 1, "f32 after fourier": 1e-4}[kind + suffix]
            assert difference <= limit, f"sample {n}: {kind}{suffix} differs by {difference}: {line}"
        counts["samples"] += 1
        counts["operations"] += len(sample["ops"])
        counts["erased"] += sample["erase"] is not None
    print(counts, "largest differences:", worst)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
