"""Golden values of `the_orders_of_jobs_never_change` in src/order.rs, from a second implementation.

Plain Python 3 without packages, written from the description in src/order.rs and src/feistel.rs, so that a
mistake would have to be made twice. Run it to print the table of the test.
"""

import sys
from math import isqrt
from pathlib import Path
from struct import pack

# The generator is the same as that of a recipe's draws.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "recipe/tests/golden"))

from draws import MASK64, chacha8


def random_below(value, key, side):
    mixed = (value + key) & MASK64
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & MASK64
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & MASK64
    return (mixed ^ mixed >> 31) * side >> 64


def network(position, length, keys):
    width = isqrt(length - 1) + 1
    height = -(-length // width)
    while True:
        right, left = divmod(position, width)
        for even, odd in zip(keys[::2], keys[1::2]):
            right = (right + random_below(left, even, height)) % height
            left = (left + random_below(right, odd, width)) % width
        position = right * width + left
        if position < length:
            return position


def samples(seed, epoch, length):
    """The first eight samples of an epoch."""
    draws = chacha8(pack("<2Q", seed, epoch) + b"bandwise order 1")
    if length > 1024:
        keys = [next(draws) for _ in range(8)]
        return [network(position, length, keys) for position in range(8)]
    table = list(range(length))
    for last in range(length - 1, 0, -1):
        other = next(draws) * (last + 1) >> 64
        table[last], table[other] = table[other], table[last]
    return table[:8]


for case in [(0, 0, 10), (0, 0, 1024), (0, 0, 1025), (0, 0, 1_281_167), (42, 299, 1_281_167), (MASK64, 1, 14_200_000)]:
    print(case, samples(*case))
