"""Parts that the modules of this folder share: Pillow's word on a file, pictures to encode, and how to cut bytes."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).parents[1]))
from reference import save, verdict  # noqa: E402, F401

WIDTH, HEIGHT = 13, 9


def numbers(count: int, seed: int = 1) -> np.ndarray:
    """`count` reproducible numbers of 32 bits (a linear congruence, its high half), the same on every version of numpy."""
    state, out = seed, np.empty(count, np.uint32)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out[i] = state >> 32
    return out


def picture(width: int = WIDTH, height: int = HEIGHT, channels: int = 3, seed: int = 1) -> np.ndarray:
    """A slope with some noise on it, of shape (height, width, channels), 8 bits."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (11 + 5 * c) + y * (23 - 7 * c) + 40 * c) % 256 for c in range(channels)]
    noise = numbers(width * height * channels, seed).reshape(height, width, channels) % 32
    return ((np.stack(planes, axis=2) + noise) % 256).astype(np.uint8)


def image(width: int = WIDTH, height: int = HEIGHT, seed: int = 1) -> Image.Image:
    return Image.fromarray(picture(width, height, 3, seed))


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """The bytes with those at `at` overwritten."""
    return data[:at] + new + data[at + len(new) :]
