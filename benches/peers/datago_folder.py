"""datago: Photoroom's loader in Rust, on threads of one process, from a folder.

Its `crop_and_resize` resizes whole frames by Lanczos until they cover the square, and cuts out the middle: there is
no random crop and no flip. It has no RandAugment.
"""

import importlib.metadata
import json
import math
import os
import pathlib
import tempfile

import numpy as np
from datago import DatagoClient

import meter

AHEAD = 2
"""Batches that it makes ahead."""

PASS = 1000
"""Images of a pass, for each worker and second: more than it can make, so that no pass ends while it is measured."""


def link(corpus, folder, images):
    """Links to the files, again and again: the seam between two passes would stop and start the threads."""
    files = [pathlib.Path(file).absolute() for file in meter.files(corpus)]
    epochs = math.ceil(images / len(files))
    for epoch in range(epochs):
        into = pathlib.Path(folder) / str(epoch)
        into.mkdir()
        for index, file in enumerate(files):
            (into / f"{index}{file.suffix}").symlink_to(file)
    return epochs * len(files)


def client(folder, images, options):
    image = {"crop_and_resize": False, "image_to_rgb8": True}
    if options.work == "crop":
        # Without other aspect ratios all images are squares of one size.
        square = {"min_aspect_ratio": 1.0, "max_aspect_ratio": 1.0}
        image |= {"crop_and_resize": True, "default_image_size": meter.SIDE, "downsampling_ratio": 32, **square}
    source = {"root_path": folder, "random_sampling": True}
    os.environ["DATAGO_MAX_TASKS"] = str(options.workers)
    return DatagoClient(json.dumps({
        "source_type": "file", "source_config": source, "image_config": image,
        "limit": images, "samples_buffer_size": AHEAD * options.batch,
    }))  # fmt: skip


def samples(made):
    while True:
        made.start()
        while (sample := made.get_sample()) is not None:
            yield sample


def batches(made, options):
    source = samples(made)
    while True:
        batch = [next(source).image for _ in range(options.batch)]
        if options.work == "crop":
            batch = np.stack([image.to_numpy_array() for image in batch])
        yield len(batch)


def main():
    options = meter.arguments(__doc__, ("decode", "crop"))
    warm_up = AHEAD + 1
    with tempfile.TemporaryDirectory() as folder:
        images = link(options.corpus, folder, PASS * options.workers * math.ceil(options.seconds))
        made = client(folder, images, options)
        rate = meter.rate(batches(made, options), options.seconds, warm_up)
        made.stop()
    output = {"decode": "u8 HWC", "crop": "u8 NHWC, whole frames by Lanczos, middle"}[options.work]
    version = importlib.metadata.version("datago")
    meter.report(rate, output, f"datago {version}, {options.workers} tasks, {warm_up} batches dropped")


if __name__ == "__main__":
    main()
