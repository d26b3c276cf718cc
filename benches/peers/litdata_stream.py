"""LitData: the same JPEGs, byte for byte, in its chunks, streamed from the local disk in its own DataLoader.

It decodes with torchvision's decode_jpeg; the transforms are the code of `torchvision_v2.py`.
"""

import contextlib
import importlib.metadata
import os
import tempfile

import litdata
import torchvision

import meter
import torch_loader
import torchvision_v2

EPOCHS = 1000
"""Epochs that are joined to one, so that the loader never stops in between."""

CHUNK_BYTES = "64MB"
"""Size of a chunk: LitData's usual one."""


def sample(pair):
    path, label = pair
    # A maximum of quality would encode some of the files again.
    return {"image": litdata.Jpeg(path, max_quality=None), "label": label}


def write(corpus, folder):
    pairs = [(path, label) for label, path in enumerate(meter.files(corpus))]
    # It sets how this process starts all others, also the DataLoader's: by fork, as torch does where it is not told.
    how = {"chunk_bytes": CHUNK_BYTES, "num_workers": 1, "start_method": "fork", "verbose": False}
    # Its progress must not get into the line of output.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        litdata.optimize(sample, pairs, folder, **how)


def main():
    options = meter.arguments(__doc__, ("crop", "stage"))
    transform, collate, output = torchvision_v2.work(options)
    with tempfile.TemporaryDirectory() as folder:
        write(options.corpus, folder)
        dataset = litdata.StreamingDataset(
            folder, shuffle=True, drop_last=True, subsample=float(EPOCHS),
            transform=lambda item: (transform(item["image"]), item["label"]),
        )  # fmt: skip
        loader = litdata.StreamingDataLoader(dataset, collate_fn=collate, **torch_loader.settings(options))
        rate = torch_loader.rate_of(loader, options)
    versions = f"LitData {importlib.metadata.version('litdata')}, torchvision {torchvision.__version__}"
    meter.report(rate, output, f"{versions}, {torch_loader.how(options)}")


if __name__ == "__main__":
    main()
