"""TorchCodec's decode_jpeg under torchvision's v2 transforms, in a torch DataLoader.

Everything but reading and decoding is the code of `torchvision_v2.py`.
"""

import torchcodec
import torchvision
from torchcodec.decoders import decode_jpeg

import meter
import torch_loader
import torchvision_v2


def main():
    options = meter.arguments(__doc__, ("decode", "crop", "stage"))
    transform, collate, output = torchvision_v2.work(options)
    jpegs = torchvision_v2.Jpegs(options.corpus, decode_jpeg, transform)
    rate = torch_loader.rate(jpegs, options, collate)
    versions = f"TorchCodec {torchcodec.__version__}, torchvision {torchvision.__version__}"
    meter.report(rate, output, f"{versions}, {torch_loader.how(options)}")


if __name__ == "__main__":
    main()
