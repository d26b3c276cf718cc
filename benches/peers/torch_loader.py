"""A torch DataLoader around a data set, measured: what the peers that live in DataLoader workers share."""

import torch
from torch.utils.data import DataLoader, Sampler

import meter

PREFETCH = 2
"""Batches that a worker makes ahead: the DataLoader's default."""


class Forever(Sampler):
    """All indices, epoch after epoch. The borders of epochs would otherwise stop and start the workers."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return meter.shuffled_forever(self.count)


def rate(dataset, options, collate=None):
    """The rates of a data set that gives (image, label)."""
    return rate_of(DataLoader(dataset, sampler=Forever(len(dataset)), collate_fn=collate, **settings(options)), options)


def settings(options):
    """The arguments that each kind of DataLoader gets."""
    return {
        "batch_size": options.batch,
        "num_workers": options.workers,
        "prefetch_factor": PREFETCH,
        "drop_last": True,
    }


def rate_of(loader, options):
    """The rates of a DataLoader that gives batches of (images, labels)."""
    torch.set_num_threads(1)
    batches = (len(labels) for _, labels in loader)
    return meter.rate(batches, options.seconds, warm_up(options), multiple=options.workers)


def warm_up(options):
    """As many batches as workers may have begun before the first one was asked for."""
    return PREFETCH * options.workers


def only_labels(samples):
    """Puts labels together and drops the images: frames of different sizes make no batch."""
    return None, torch.tensor([label for _, label in samples])


def how(options):
    """The part of the note that is the DataLoader's."""
    return f"torch {torch.__version__} DataLoader, {options.workers} workers, {warm_up(options)} batches dropped"
