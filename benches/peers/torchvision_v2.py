"""torchvision's own fast way: decode_jpeg and the v2 transforms on uint8 tensors, in a torch DataLoader.

Its RandAugment is another one than timm's (other ranges, an identity, each operation always applied), its affine
operations are bilinear, and tensors have no Lanczos: bicubic stands for it.
"""

import torch
import torchvision
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

import meter
import torch_loader

BICUBIC = v2.InterpolationMode.BICUBIC
BINS = 31
"""Magnitudes of its RandAugment: 30 is the strongest, as timm's 10."""


class Jpegs(torch.utils.data.Dataset):
    """The files of a corpus, each read and decoded by `decode(path)`."""

    def __init__(self, corpus, decode, transform):
        self.files = meter.files(corpus)
        self.decode = decode
        self.transform = transform

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.transform(self.decode(self.files[index])), index


def decode(path):
    return decode_jpeg(read_file(path), mode=ImageReadMode.RGB)


def crop():
    return [
        v2.RandomResizedCrop(meter.SIDE, interpolation=BICUBIC, antialias=True),
        v2.RandomHorizontalFlip(),
    ]


def stage(bandwidth, magnitude):
    fill = [round(255 * mean) for mean in meter.MEAN]
    augment = v2.RandAugment(2, magnitude * (BINS - 1) // 10, BINS, v2.InterpolationMode.BILINEAR, fill)
    smaller = [v2.Resize(bandwidth, interpolation=BICUBIC, antialias=True)] if bandwidth < meter.SIDE else []
    floats = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(meter.MEAN, meter.STD)]
    erase = v2.RandomErasing(0.25, scale=(0.02, 1 / 3), ratio=(0.3, 1 / 0.3), value="random")
    return [*crop(), augment, *smaller, *floats, erase]


def work(options):
    """The transform of an image, the function that puts a batch together, and what comes out."""
    steps, collate, output = {
        "decode": lambda: ([v2.Identity()], torch_loader.only_labels, "u8 CHW"),
        "crop": lambda: (crop(), None, "u8 NCHW"),
        "stage": lambda: (
            stage(options.bandwidth, options.magnitude), None, "f32 NCHW, own RandAugment, bicubic for Lanczos",
        ),
    }[options.work]()  # fmt: skip
    return v2.Compose(steps), collate, output


def main():
    options = meter.arguments(__doc__, ("decode", "crop", "stage"))
    transform, collate, output = work(options)
    rate = torch_loader.rate(Jpegs(options.corpus, decode, transform), options, collate)
    meter.report(rate, output, f"torchvision {torchvision.__version__}, {torch_loader.how(options)}")


if __name__ == "__main__":
    main()
