"""What the scripts of the peers share: their arguments, their meters, their line of output.

It does not know any library that is measured; only the standard library is imported, so that it works in every
environment.
"""

import argparse
import json
import os
import pathlib
import random
import time

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
SIDE = 224
"""Side of the base image, in pixels."""


def arguments(description, works, **extra):
    """The arguments of a subject; `extra` adds options of its own, as NAME=(choices)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--corpus", type=pathlib.Path, required=True, help="folder of class folders with JPEGs")
    parser.add_argument("--batch", type=int, default=128, help="images of a batch")
    parser.add_argument("--workers", type=int, required=True, help="threads or processes that do the work")
    parser.add_argument("--seconds", type=float, default=5.0, help="time to measure, after the warm-up")
    parser.add_argument("--work", choices=works, required=True)
    parser.add_argument("--bandwidth", type=int, default=SIDE, help="side of the images of a stage")
    parser.add_argument("--magnitude", type=int, default=9, help="RandAugment of a stage, out of 10")
    for name, choices in extra.items():
        parser.add_argument(f"--{name.replace('_', '-')}", choices=choices, default=choices[0])
    return parser.parse_args()


def files(corpus):
    """The paths of all JPEGs, as strings, in order."""
    found = sorted(path for path in corpus.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        raise SystemExit(f"no JPEGs in class folders below {corpus}")
    return [str(path) for path in found]


def shuffled_forever(count):
    """Indices below `count`, one shuffled epoch after the other without a seam: a small corpus has many epochs."""
    indices = list(range(count))
    while True:
        random.shuffle(indices)
        yield from indices


class Meter:
    """A measurement that has begun: by the clock, and by the CPU time of this process and all below it.

    Where other programs take some of the cores, the clock is worth little; CPU time still tells what an image costs.
    """

    def __init__(self):
        self.cpu = cpu_seconds()
        self.begun = time.perf_counter()

    def elapsed(self):
        return time.perf_counter() - self.begun

    def stop(self, images):
        """Images per second, and per second of CPU time."""
        elapsed = self.elapsed()
        return images / elapsed, images / max(cpu_seconds() - self.cpu, TICK)


TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds():
    """CPU time of this process and its descendants, those that have ended included."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name before the bracket may hold anything, also spaces.
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        found[int(stat.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    mine = {os.getpid()}
    while more := {process for process, (parent, _) in found.items() if parent in mine} - mine:
        mine |= more
    return sum(found[process][1] for process in mine) * TICK


def rate(batches, seconds, warm_up, multiple=1):
    """Images per second, and per second of CPU time, of an iterator over the numbers of images of batches.

    The first `warm_up` batches are dropped. Workers that each make whole batches deliver them in bursts, so the
    meter stops only after a `multiple` of batches: the number of workers.
    """
    for _ in range(warm_up):
        next(batches)
    meter = Meter()
    images = taken = 0
    while meter.elapsed() < seconds or taken % multiple != 0:
        images += next(batches)
        taken += 1
    return meter.stop(images)


def report(rates, output, note):
    """Prints the one line that the orchestrator reads.

    `output` is what came out (`u8 NHWC`) and where that is not what the others make; `note` is how it was run.
    """
    per_s, per_cpu_s = rates
    line = {"images_per_s": per_s, "images_per_cpu_s": per_cpu_s, "output": output, "note": note}
    print(json.dumps(line), flush=True)
