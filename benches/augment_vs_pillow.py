"""Our augmentation beside Pillow's on the same pixels, in one run.

    pip install Pillow==12.3.0
    cargo build --release -p bandwise-benches --bin augment
    python benches/augment_vs_pillow.py target/release/augment [--rounds 5] [--write]

Both are single-threaded and pinned to one core; rounds take turns, figures are medians of the rounds' medians, ratios
the medians of the rounds' ratios. Every picture is compared first: a figure is given only for equal pixels. Pillow is
called as timm calls it. With --write the table goes into RESULTS.md, between its markers.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

import PIL
from PIL import Image, ImageEnhance, ImageOps

HERE = pathlib.Path(__file__).parent
PHOTO = HERE / "../server/assets/photos/place/palace.jpg"
FILL = (124, 116, 104)
BICUBIC = Image.Resampling.BICUBIC
BEGIN, END = "<!-- bench:augment -->", "<!-- /bench:augment -->"


def affine(image, *matrix):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=BICUBIC, fillcolor=FILL)


def solarize_add(image, add):
    table = [min(255, v + int(add)) if v < 128 else v for v in range(256)]
    return image.point(table * 3)


PILLOW = {
    "AutoContrast": lambda image, _: ImageOps.autocontrast(image),
    "Equalize": lambda image, _: ImageOps.equalize(image),
    "Invert": lambda image, _: ImageOps.invert(image),
    "Rotate": lambda image, v: image.rotate(v, resample=BICUBIC, fillcolor=FILL),
    "Posterize": lambda image, v: ImageOps.posterize(image, int(v)),
    "Solarize": lambda image, v: ImageOps.solarize(image, int(v)),
    "SolarizeAdd": solarize_add,
    "Color": lambda image, v: ImageEnhance.Color(image).enhance(v),
    "Contrast": lambda image, v: ImageEnhance.Contrast(image).enhance(v),
    "Brightness": lambda image, v: ImageEnhance.Brightness(image).enhance(v),
    "Sharpness": lambda image, v: ImageEnhance.Sharpness(image).enhance(v),
    "ShearX": lambda image, v: affine(image, 1, v, 0, 0, 1, 0),
    "ShearY": lambda image, v: affine(image, 1, 0, 0, v, 1, 0),
    "TranslateX": lambda image, v: affine(image, 1, 0, v, 0, 1, 0),
    "TranslateY": lambda image, v: affine(image, 1, 0, 0, 0, 1, v),
    "bicubic": lambda image, v: image.resize((int(v), int(v)), BICUBIC),
    "lanczos": lambda image, v: image.resize((int(v), int(v)), Image.Resampling.LANCZOS),
}


def ours(program, raw, side):
    lines = subprocess.run([program, raw, str(side)], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in lines.splitlines()]


def pillow_us(name, argument, image, calls=25):
    times = []
    for _ in range(calls):
        begun = time.perf_counter()
        PILLOW[name](image, argument)
        times.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(times)


def measure(program, side, rounds, folder):
    image = Image.open(PHOTO).convert("RGB")
    image = ImageOps.fit(image, (side, side), BICUBIC)
    raw = folder / f"{side}.raw"
    raw.write_bytes(image.tobytes())
    rows = {}
    for line in ours(program, raw, side):
        same = hashlib.sha256(PILLOW[line["name"]](image, line["argument"]).tobytes()).hexdigest() == line["sha256"]
        assert same, f"{line['name']} at {side}: the pictures differ"
        rows[line["name"]] = (line["argument"], [], [])
    for _ in range(rounds):
        for line in ours(program, raw, side):
            argument, mine, theirs = rows[line["name"]]
            mine.append(line["us"])
            theirs.append(pillow_us(line["name"], argument, image))
    return {
        name: (argument, statistics.median(theirs), statistics.median(mine), statistics.median(t / m for t, m in zip(theirs, mine)))
        for name, (argument, mine, theirs) in rows.items()
    }


def table(results):
    lines = ["| operation | argument | side | Pillow, us | ours, us | Pillow / ours |", "| --- | --- | --- | --- | --- | --- |"]
    for side, rows in results.items():
        for name, (argument, theirs, mine, ratio) in rows.items():
            shown = "" if name in ("AutoContrast", "Equalize", "Invert") else f"{argument:g}"
            lines.append(f"| {name} | {shown} | {side} | {theirs:.0f} | {mine:.1f} | {ratio:.1f} |")
    return "\n".join(lines)


def conditions(rounds):
    models = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return (
        f"{datetime.date.today()}, {models[0] if models else platform.machine()}, one thread on one core, Pillow "
        f"{PIL.__version__}, Python {platform.python_version()}, medians of {rounds} rounds in turns, equal pixels checked."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the program augment, built in release mode")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write the table into RESULTS.md")
    args = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        # 330 stands for a typical crop of a photograph: its resizes are those of every sample.
        results = {side: measure(args.program, side, args.rounds, pathlib.Path(folder)) for side in (224, 96)}
        crop = measure(args.program, 330, args.rounds, pathlib.Path(folder))
        results[330] = {name: crop[name] for name in ("bicubic", "lanczos")}
    text = f"{conditions(args.rounds)}\n\n{table(results)}"
    print(text)
    if args.write:
        path = HERE / "RESULTS.md"
        before, rest = path.read_text().split(BEGIN)
        path.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
