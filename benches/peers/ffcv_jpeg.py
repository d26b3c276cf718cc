"""FFCV in JPEG mode: the same JPEGs, byte for byte, in its container file; random crop, flip.

Its own writer would encode every image again and so change what is decoded: the field below keeps the file's bytes.
FFCV decodes whole frames and resizes with OpenCV's area filter. It has no RandAugment.
"""

import importlib.metadata
import pathlib
import tempfile

import numpy as np
from ffcv.fields import IntField, RGBImageField
from ffcv.fields.decoders import IntDecoder, RandomResizedCropRGBImageDecoder
from ffcv.fields.rgb_image import IMAGE_MODES
from ffcv.loader import Loader, OrderOption
from ffcv.transforms import RandomHorizontalFlip, ToTensor
from ffcv.writer import DatasetWriter
from PIL import Image

import meter

EPOCHS = 1000
"""Epochs that are joined to one, so that the loader never stops in between."""

AHEAD = 3
"""Batches that the loader makes ahead: FFCV's default."""


class OriginalJpeg(RGBImageField):
    """An image field that stores a file as it is."""

    def encode(self, destination, image, malloc):
        data = np.fromfile(image, dtype=np.uint8)
        with Image.open(image) as header:
            destination["width"], destination["height"] = header.size
        destination["mode"] = IMAGE_MODES["jpg"]
        destination["data_ptr"], storage = malloc(data.nbytes)
        storage[:] = data


def write(corpus, path):
    samples = [(file, index) for index, file in enumerate(meter.files(corpus))]
    fields = {"image": OriginalJpeg(), "label": IntField()}
    DatasetWriter(path, fields, num_workers=1).from_indexed_dataset(samples)
    return len(samples)


def batches(path, count, options):
    loader = Loader(
        path,
        batch_size=options.batch,
        num_workers=options.workers,
        indices=np.tile(np.arange(count), EPOCHS),
        order=OrderOption.RANDOM,
        os_cache=True,
        drop_last=True,
        batches_ahead=AHEAD,
        custom_fields={"image": OriginalJpeg},
        pipelines={
            "image": [RandomResizedCropRGBImageDecoder((meter.SIDE, meter.SIDE)), RandomHorizontalFlip(), ToTensor()],
            "label": [IntDecoder(), ToTensor()],
        },
    )
    for images, _ in loader:
        yield len(images)


def main():
    options = meter.arguments(__doc__, ("crop",))
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "corpus.beton")
        count = write(options.corpus, path)
        warm_up = AHEAD + 1
        rate = meter.rate(batches(path, count, options), options.seconds, warm_up)
    note = f"FFCV {importlib.metadata.version('ffcv')}, {options.workers} threads, {warm_up} batches dropped"
    meter.report(rate, "u8 NHWC, area filter", note)


if __name__ == "__main__":
    main()
