"""EfficientTrain's own input pipeline: timm's transforms on Pillow images in a torch DataLoader.

The operations, their order and their parameters are those of the published code: timm 0.4.12 with the policy
`rand-m{m}-mstd0.5-inc1`, Lanczos from 224 to B on the Pillow image, then tensor, normalisation, random erasing. The
environment says which Pillow that is: Pillow itself, or Pillow-SIMD in its place.
"""

import PIL
import timm
from timm.data import create_transform
from timm.data.transforms import RandomResizedCropAndInterpolation
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.transforms import InterpolationMode

import meter
import torch_loader


def crop():
    # Not by `create_transform`: without a policy it would add a colour jitter.
    return transforms.Compose([
        RandomResizedCropAndInterpolation(meter.SIDE, interpolation="bicubic"),
        transforms.RandomHorizontalFlip(),
        transforms.PILToTensor(),
    ])


def stage(bandwidth, magnitude):
    policy = f"rand-m{magnitude}-mstd0.5-inc1"
    whole = create_transform(
        meter.SIDE, is_training=True, auto_augment=policy, interpolation="bicubic",
        re_prob=0.25, re_mode="pixel", re_count=1, mean=meter.MEAN, std=meter.STD,
    )  # fmt: skip
    if bandwidth < meter.SIDE:
        to_tensor = next(i for i, step in enumerate(whole.transforms) if isinstance(step, transforms.ToTensor))
        lanczos = transforms.Resize((bandwidth, bandwidth), interpolation=InterpolationMode.LANCZOS)
        whole.transforms.insert(to_tensor, lanczos)
    return whole


def pillow():
    """The Pillow below timm: Pillow-SIMD in its own environment, where versions end with `.postN`."""
    name = "Pillow-SIMD" if ".post" in PIL.__version__ else "Pillow"
    return f"{name} {PIL.__version__}"


def main():
    options = meter.arguments(__doc__, ("decode", "crop", "stage"))
    transform, collate, output = {
        "decode": lambda: (None, torch_loader.only_labels, "u8 HWC"),
        "crop": lambda: (crop(), None, "u8 NCHW"),
        "stage": lambda: (stage(options.bandwidth, options.magnitude), None, "f32 NCHW"),
    }[options.work]()
    rate = torch_loader.rate(ImageFolder(options.corpus, transform), options, collate)
    note = f"timm {timm.__version__}, {pillow()}, {torch_loader.how(options)}"
    meter.report(rate, output, note)


if __name__ == "__main__":
    main()
