"""Golden values of `draws_are_pinned` in src/draws.rs, `crops_are_pinned` in tests/crops.rs and
`replayed_rows_are_pinned` in job/tests/replay.rs, from a second implementation.

Plain Python 3 without packages, written from the description in src/draws.rs and from RFC 8439 (with 8 rounds), so
that a mistake would have to be made twice. Run it to print the values.
"""

from math import exp, log, sqrt
from struct import pack, unpack

MASK32, MASK64 = 2**32 - 1, 2**64 - 1


def quarter_round(state, a, b, c, d):
    for first, second, third, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[first] = (state[first] + state[second]) & MASK32
        mixed = state[third] ^ state[first]
        state[third] = (mixed << turn | mixed >> (32 - turn)) & MASK32


def chacha8(key):
    """64-bit draws of ChaCha8: pairs of words of the key stream, the low one first; nonce 0."""
    block = 0
    while True:
        start = [*unpack("<4I", b"expand 32-byte k"), *unpack("<8I", key), *unpack("<2I", pack("<Q", block)), 0, 0]
        state = start.copy()
        for _ in range(4):
            for column in range(4):
                quarter_round(state, column, column + 4, column + 8, column + 12)
            for column in range(4):
                quarter_round(state, *[4 * row + (column + row) % 4 for row in range(4)])
        words = [(a + b) & MASK32 for a, b in zip(state, start)]
        yield from (words[i] | words[i + 1] << 32 for i in range(0, 16, 2))
        block += 1


class Draws:
    def __init__(self, seed, epoch, sample, view, operation):
        self.words = chacha8(pack("<QQQII", seed, epoch, sample, view, operation))

    def unit(self):
        return (next(self.words) >> 11) * 2.0**-53

    def uniform(self, low, high):
        return low + (high - low) * self.unit()

    def integer(self, last):
        span = last + 1
        if span > MASK64:
            return next(self.words)
        while True:
            wide = next(self.words) * span
            if wide & MASK64 >= (2**64 - span) % span:
                return wide >> 64


def crop(width, height, seed, epoch, sample):
    """RandomResizedCrop of timm 0.4.12 with these draws."""
    draws = Draws(seed, epoch, sample, 0, 1)
    for _ in range(10):
        area = draws.uniform(0.08, 1.0) * (width * height)
        ratio = exp(draws.uniform(log(3 / 4), log(4 / 3)))
        w, h = round(sqrt(area * ratio)), round(sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            y = draws.integer(height - h)
            x = draws.integer(width - w)
            return x, y, w, h
    ratio = width / height
    w, h = width, height
    if ratio < 3 / 4:
        h = round(width / (3 / 4))
    elif ratio > 4 / 3:
        w = round(height * (4 / 3))
    return (width - w) // 2, (height - h) // 2, w, h


def replayed(seed, first_step, times, chunk, lanes, fresh_rows, buffer, step_in_stage):
    """Where the rows of a step were fresh, (step of the stage, fresh row): a list of chunks a lane, the oldest first."""
    per_lane = fresh_rows // chunk // lanes
    rows = []
    for lane in range(lanes):
        held = [
            (step, number)
            for step in range(max(0, step_in_stage + 1 - buffer), step_in_stage + 1)
            for number in range(lane * per_lane, (lane + 1) * per_lane)
        ]
        for block in range(lane * per_lane, (lane + 1) * per_lane):
            chunks = [(step_in_stage, block)]
            for view in range(times - 1):
                draws = Draws(seed, first_step + step_in_stage, block, view, 6)
                chunks.append(held[draws.integer(len(held) - 1)])
            rows += [(step, number * chunk + i) for step, number in chunks for i in range(chunk)]
    return rows


if __name__ == "__main__":
    draws = Draws(7, 3, 1_281_166, 0, 1)
    print("units", [draws.unit(), draws.unit(), draws.uniform(-2.0, 3.0)])
    print("integers", [draws.integer(0), draws.integer(9), draws.integer(MASK64)])
    for width, height in ((500, 375), (224, 224), (1, 5000), (5000, 1), (1, 1), (33, 1000), (375, 500)):
        for sample in range(3):
            print((width, height, sample, *crop(width, height, 7, 3, sample)), end=",\n")
    for step_in_stage in (0, 1, 4, 7, 100):
        rows = replayed(9, 3, 3, 2, 3, 24, 5, step_in_stage)
        for row in (0, 2, 4, 33, 70):
            print((step_in_stage, row, *rows[row]), end=",\n")
