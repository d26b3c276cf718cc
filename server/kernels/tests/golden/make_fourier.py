"""Golden values of the Fourier crop and of bfloat16: python3 make_fourier.py, with torch 1.13 (any will do).

Writes fourier.txt and bfloat16.txt beside itself. The crop is done the long way, in float64: transform,
shift, cut out, shift back, transform back, real part.
"""

import pathlib

import numpy
import torch

HERE = pathlib.Path(__file__).parent
SAMPLES = 150


def hashed(values):
    values = values ^ (values >> 16)
    values = values * numpy.uint32(0x7FEB352D)
    values = values ^ (values >> 15)
    values = values * numpy.uint32(0x846CA68B)
    return values ^ (values >> 16)


def plane(seed, side, channel):
    """One channel of the picture of make.py."""
    y, x = numpy.meshgrid(*[numpy.arange(side, dtype=numpy.uint32)] * 2, indexing="ij")
    cell = hashed(numpy.uint32(seed) ^ (x // 9) ^ ((y // 7) << 10) ^ numpy.uint32(channel << 20))
    noise = hashed(cell ^ (x << 8) ^ y) % 24
    slope = (3 * x + 2 * y + 60 * channel + cell % 64) % 232 + noise
    return numpy.choose(cell % 5, [0 * x, 0 * x + 255, slope, slope, 255 - slope]).astype(numpy.float64)


def crop(x, bandwidth):
    side, half = x.shape[0], bandwidth // 2
    spectrum = torch.fft.fftshift(torch.fft.fft2(torch.from_numpy(x)))
    middle = side // 2
    kept = spectrum[middle - half : middle + half, middle - half : middle + half]
    scale = (2 * half / side) ** 2
    return torch.fft.ifft2(torch.fft.ifftshift(kept) * scale).real.numpy()


def write_fourier():
    lines = []
    for side, bandwidth in [(224, 64), (224, 96), (224, 128), (224, 160), (224, 192), (224, 97), (225, 96)]:
        y = crop(plane(side + bandwidth, side, 1), bandwidth)
        for i in range(SAMPLES):
            at = (i * 7919) % y.size
            lines.append(f"{side} {bandwidth} {at} {y.flat[at]:.6f}")
    (HERE / "fourier.txt").write_text("\n".join(lines) + "\n")


def write_bfloat16():
    lines = []
    for channel, (mean, std) in enumerate(zip([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])):
        values = torch.arange(256).to(torch.uint8).float().div(255)
        values = values.sub(torch.tensor(mean)).div(torch.tensor(std))
        bits = values.bfloat16().view(torch.int16).numpy().view(numpy.uint16)
        lines += [f"{channel} {value} {pattern:04x}" for value, pattern in enumerate(bits)]
    (HERE / "bfloat16.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_fourier()
    write_bfloat16()
