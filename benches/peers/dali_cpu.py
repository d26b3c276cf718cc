"""NVIDIA DALI on the CPU alone: decoding of the crop only, resize, flip, and its own RandAugment.

Its RandAugment draws other operations with other ranges than timm's. Random erasing is left out: DALI has no noise
for it.
"""

import warnings

# DALI warns of its own use of its own deprecated names.
warnings.filterwarnings("ignore", category=DeprecationWarning)

import nvidia.dali
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.auto_aug import rand_augment

import meter

PREFETCH = 2
"""Batches that the pipeline makes ahead: DALI's default."""

BINS = 31
FILTERS = {"cubic": types.INTERP_CUBIC, "linear": types.INTERP_LINEAR}


def crop(jpegs, options):
    images = fn.decoders.image_random_crop(jpegs, random_area=[0.08, 1.0], random_aspect_ratio=[3 / 4, 4 / 3])
    images = fn.resize(images, size=[meter.SIDE, meter.SIDE], interp_type=FILTERS[options.filter], antialias=True)
    return fn.flip(images, horizontal=fn.random.coin_flip())


def stage(jpegs, options):
    images = crop(jpegs, options)
    bins = options.magnitude * (BINS - 1) // 10
    shape = [meter.SIDE, meter.SIDE]
    images = rand_augment.rand_augment(images, n=2, m=bins, num_magnitude_bins=BINS, shape=shape)
    if options.bandwidth < meter.SIDE:
        images = fn.resize(images, size=[options.bandwidth] * 2, interp_type=types.INTERP_LANCZOS3, antialias=True)
    mean, std = ([255 * v for v in values] for values in (meter.MEAN, meter.STD))
    return fn.crop_mirror_normalize(images, dtype=types.FLOAT16, output_layout="CHW", mean=mean, std=std)


def pipeline(options):
    make = {"decode": lambda jpegs, _: fn.decoders.image(jpegs), "crop": crop, "stage": stage}[options.work]

    @pipeline_def(
        batch_size=options.batch, num_threads=options.workers, device_id=None,
        prefetch_queue_depth=PREFETCH, enable_conditionals=True, seed=0,
    )  # fmt: skip
    def graph():
        jpegs, labels = fn.readers.file(file_root=str(options.corpus), random_shuffle=True, name="reader")
        return make(jpegs, options), labels

    return graph()


def batches(pipe):
    while True:
        images, _ = pipe.run()
        yield len(images)


def main():
    options = meter.arguments(__doc__, ("decode", "crop", "stage"), filter=tuple(FILTERS))
    pipe = pipeline(options)
    pipe.build()
    warm_up = PREFETCH + 1
    rate = meter.rate(batches(pipe), options.seconds, warm_up)
    output = {
        "decode": "u8 HWC", "crop": f"u8 NHWC, {options.filter}", "stage": "f16 NCHW, own RandAugment, no erasing",
    }[options.work]  # fmt: skip
    threads = f"{options.workers} threads, {warm_up} batches dropped"
    meter.report(rate, output, f"DALI {nvidia.dali.__version__} on the CPU, {threads}")


if __name__ == "__main__":
    main()
