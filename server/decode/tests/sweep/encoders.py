#!/usr/bin/env python3
"""Writes JPEGs of all encoders that are installed, for `sweep files` and `sweep damaged`.

    encoders.py FOLDER [SEED]

Tools: cjpeg (libjpeg-turbo), convert or magick (ImageMagick), gm (GraphicsMagick), ffmpeg, cjpegli. Python packages: Pillow
and numpy, which are needed, imagecodecs and simplejpeg (libjpeg-turbo), mozjpeg_lossless_optimization, pyjpegli. What is missing is passed over; the numbers of files are printed.
"""

import collections
import io
import pathlib
import random
import shutil
import subprocess
import sys

import numpy
from PIL import Image

PHOTOS = pathlib.Path(__file__).parents[3] / "assets/photos"
SAMPLINGS = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2), "4:4:0": (1, 2), "4:1:1": (4, 1), "4:1:0": (4, 2)}


def smooth(width, height, draw):
    x, y = numpy.meshgrid(numpy.arange(width), numpy.arange(height))
    planes = [x * draw.uniform(0, 6) + y * draw.uniform(0, 6) + draw.uniform(0, 255) for _ in range(3)]
    return numpy.clip(numpy.stack(planes, -1), 0, 255)


def noise(width, height, draw):
    generator = numpy.random.default_rng(draw.getrandbits(32))
    return generator.integers(0, draw.choice([4, 40, 256]), (height, width, 3))


def texture(width, height, draw):
    x, y = numpy.meshgrid(numpy.arange(width), numpy.arange(height))
    waves = [numpy.sin(x * draw.uniform(0, 3)) * numpy.cos(y * draw.uniform(0, 3)) for _ in range(3)]
    return 127.5 + 127.5 * numpy.stack(waves, -1)


def photograph(width, height, draw):
    photo = Image.open(draw.choice(photographs())).convert("RGB")
    scale = draw.choice([1, 1, 2, 4])
    photo = photo.resize((max(width, photo.width // scale), max(height, photo.height // scale)))
    x, y = draw.randint(0, photo.width - width), draw.randint(0, photo.height - height)
    return numpy.asarray(photo.crop((x, y, x + width, y + height)))


def photographs():
    return sorted(path for path in PHOTOS.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg"))


def images(count, draw):
    """Pictures of all kinds of contents, mostly small."""
    for number in range(count):
        small = number % 8 > 0
        width, height = (draw.randint(1, 70) if small else draw.randint(71, 500) for _ in range(2))
        content = draw.choice([smooth, noise, texture, photograph])
        yield Image.fromarray(content(width, height, draw).astype(numpy.uint8))


def run(command, image, suffix=".ppm"):
    """The output of a command that reads a picture from its input."""
    source = io.BytesIO()
    image.save(source, {".ppm": "PPM", ".png": "PNG"}[suffix])
    done = subprocess.run(command, input=source.getvalue(), capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def pillow(image, draw):
    options = {"quality": draw.randint(1, 100), "optimize": draw.random() < 0.3}
    options["subsampling"] = draw.choice(["4:4:4", "4:2:2", "4:2:0"])
    kind = draw.random()
    if kind < 0.1:
        options["progressive"] = True
    elif kind < 0.2:
        options["restart_marker_blocks"] = draw.randint(1, 9)
    elif kind < 0.3:
        options["restart_marker_rows"] = draw.randint(1, 3)
    elif kind < 0.4:
        options.update(keep_rgb=True, subsampling="4:4:4")
    elif kind < 0.5:
        options["exif"] = Image.Exif().tobytes() + bytes(draw.randint(0, 90))
    image = image.convert(draw.choice(["RGB", "RGB", "RGB", "RGB", "L", "CMYK"]))
    if image.mode != "RGB":
        options.pop("keep_rgb", None)
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def cjpeg(image, draw):
    sampling = draw.choice(["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "3x1", "2x1,1x2,1x1", "2x2,2x1,1x1", "2x2,2x1,2x1"])
    command = ["cjpeg", "-quality", str(draw.randint(0, 100)), "-sample", sampling]
    command += ["-optimize"] * draw.randint(0, 1)
    command += draw.choice([[], [], ["-restart", str(draw.randint(1, 3))], ["-restart", f"{draw.randint(1, 20)}B"]])
    command += draw.choice([[], [], [], ["-grayscale"], ["-rgb"], ["-progressive"], ["-arithmetic"], ["-baseline"]])
    command += draw.choice([[], [], ["-smooth", "30"], ["-dct", "fast"], ["-dct", "float"]])
    return run(command, image)


def magick(command):
    def encode(image, draw):
        options = ["-quality", str(draw.randint(1, 100))]
        options += ["-sampling-factor", draw.choice(["1x1", "2x1", "1x2", "2x2", "4x1", "4x2"])]
        options += draw.choice([[], [], [], ["-interlace", "JPEG"], ["-colorspace", "Gray"], ["-colorspace", "CMYK"]])
        return run([*command, "ppm:-", *options, "jpg:-"], image)

    return encode


def ffmpeg(image, draw):
    pixels = draw.choice(["yuvj420p", "yuvj422p", "yuvj444p", "gray"])
    command = ["ffmpeg", "-v", "quiet", "-f", "ppm_pipe", "-i", "-", "-f", "mjpeg", "-pix_fmt", pixels]
    command += ["-q:v", str(draw.randint(1, 31)), "-huffman", draw.choice(["default", "optimal"])]
    return run([*command, "-strict", "-1", "-"], image)


def cjpegli(image, draw):
    command = ["cjpegli", "-", "-", "-q", str(draw.randint(1, 100)), "-p", str(draw.choice([0, 0, 0, 2]))]
    command += [f"--chroma_subsampling={draw.choice(['444', '422', '420', '440'])}"]
    return run(command + draw.choice([[], ["--fixed_code"], ["--noadaptive_quantization"], ["--xyb"]]), image, ".png")


def imagecodecs(image, draw):
    import imagecodecs

    sampling = draw.choice(["444", "422", "420", "440", "411"])
    pixels = numpy.ascontiguousarray(numpy.asarray(image if draw.random() < 0.9 else image.convert("L")))
    return imagecodecs.jpeg8_encode(pixels, level=draw.randint(1, 100), subsampling=sampling)


def simplejpeg(image, draw):
    import simplejpeg

    sampling = draw.choice(["444", "422", "420", "440", "411", "441", "Gray"])
    return simplejpeg.encode_jpeg(
        numpy.ascontiguousarray(numpy.asarray(image)), quality=draw.randint(1, 100), colorsubsampling=sampling
    )


def mozjpeg_again(image, draw):
    """A file whose tables mozjpeg has optimised, in scans of its own."""
    import mozjpeg_lossless_optimization

    return mozjpeg_lossless_optimization.optimize(pillow(image.convert("RGB"), draw))


def pyjpegli(image, draw):
    import pyjpegli

    return pyjpegli.encode(image.tobytes(), image.width, image.height, draw.randint(1, 100))


def encoders():
    packages = [pillow, imagecodecs, simplejpeg, mozjpeg_again, pyjpegli]
    found = {encode.__name__: encode for encode in packages}
    tools = {
        "cjpeg": cjpeg,
        "convert-im6.q16": magick(["convert-im6.q16"]),
        "magick": magick(["magick"]),
        "gm": magick(["gm", "convert"]),
        "ffmpeg": ffmpeg,
        "cjpegli": cjpegli,
    }
    found.update({tool: encode for tool, encode in tools.items() if shutil.which(tool)})
    return found


def main(folder, seed=1, count=400):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counts, failures = collections.Counter(), {}
    for name, encode in encoders().items():
        draw = random.Random(f"{seed} {name}")
        for number, image in enumerate(images(count, draw)):
            try:
                encoded = encode(image, draw)
            except Exception as error:  # A package that is missing, or a combination that an encoder does not have.
                failures.setdefault(name, repr(error))
                if isinstance(error, ImportError):
                    break
                continue
            if encoded:
                (folder / f"{name}-{number:04}.jpg").write_bytes(encoded)
                counts[name] += 1
    for name, number in counts.items():
        print(f"{name}: {number} files")
    for name, error in failures.items():
        print(f"{name}: {error}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
