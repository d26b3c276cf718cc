"""SPDL: FFmpeg's decoder and filters on threads of one process.

The crop, the bicubic resize and the flip are one FFmpeg filter graph. SPDL has no RandAugment.
"""

import importlib.metadata
import math
import random
import warnings

# SPDL scripts a function when torch can be imported, of which newer versions of torch warn.
warnings.filterwarnings("ignore", category=FutureWarning)

import spdl.io
from spdl.pipeline import PipelineBuilder

import meter

AHEAD = 2
"""Batches in the pipeline's last queue."""


def random_crop(width, height):
    for _ in range(10):
        area = random.uniform(0.08, 1.0) * width * height
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return w, h, random.randint(0, width - w), random.randint(0, height - h)
    side = min(width, height)
    return side, side, (width - side) // 2, (height - side) // 2


def decode(path):
    frames = spdl.io.decode_packets(spdl.io.demux_image(path), filter_desc="format=rgb24")
    return frames.width, frames.height


def crop(path):
    packets = spdl.io.demux_image(path)
    w, h, x, y = random_crop(packets.width, packets.height)
    flip = random.choice(("hflip,", ""))
    scale = f"scale={meter.SIDE}:{meter.SIDE}:flags=bicubic"
    # `exact` keeps chroma planes from moving the corner to an even pixel.
    graph = f"crop={w}:{h}:{x}:{y}:exact=1,{scale},{flip}format=rgb24"
    return spdl.io.decode_packets(packets, filter_desc=graph)


def batches(options):
    files = meter.files(options.corpus)
    work = {"decode": decode, "crop": crop}[options.work]
    builder = PipelineBuilder().add_source(files[i] for i in meter.shuffled_forever(len(files)))
    builder = builder.pipe(work, concurrency=options.workers).aggregate(options.batch)
    if options.work == "crop":
        builder = builder.pipe(lambda frames: spdl.io.to_numpy(spdl.io.convert_frames(frames)))
    pipeline = builder.add_sink(AHEAD).build(num_threads=options.workers)
    with pipeline.auto_stop():
        for batch in pipeline:
            yield len(batch)


def main():
    options = meter.arguments(__doc__, ("decode", "crop"))
    warm_up = AHEAD + 2
    source = batches(options)
    rate = meter.rate(source, options.seconds, warm_up)
    source.close()
    output = {"decode": "u8 HWC", "crop": "u8 NHWC"}[options.work]
    version = importlib.metadata.version("spdl-io")
    meter.report(rate, output, f"SPDL {version} (FFmpeg), {options.workers} threads, {warm_up} batches dropped")


if __name__ == "__main__":
    main()
