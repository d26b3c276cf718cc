"""Netpbm: kinds 1 to 7 and floats, maximum values, comments, white space, and what is missing or too much."""

import struct
from collections.abc import Iterator

from common import HEIGHT, WIDTH, image, numbers, save

NOISE = numbers(WIDTH * HEIGHT * 3, 11)
MAXIMA = (1, 2, 3, 7, 15, 100, 254, 255, 256, 257, 1000, 4095, 32768, 65534, 65535)


def samples(count: int, most: int) -> list[int]:
    return [int(value) % (most + 1) for value in NOISE[:count]]


def raw(values: list[int], most: int) -> bytes:
    return struct.pack(f">{len(values)}{'B' if most < 256 else 'H'}", *values)


def head(kind: str, *numbers_: int) -> bytes:
    return (f"{kind}\n{WIDTH} {HEIGHT}\n" + "".join(f"{n}\n" for n in numbers_)).encode()


def kinds() -> Iterator[tuple[str, bytes]]:
    n = WIDTH * HEIGHT
    for most in MAXIMA:
        for kind, channels in (("P5", 1), ("P6", 3)):
            yield f"{kind}_{most}", head(kind, most) + raw(samples(n * channels, most), most)
        for kind, channels in (("P2", 1), ("P3", 3)):
            yield f"{kind}_{most}", head(kind, most) + b" ".join(b"%d" % v for v in samples(n * channels, most)) + b"\n"
    yield "P5_7_above", head("P5", 7) + raw(samples(n, 255), 255)
    yield "P6_100_above", head("P6", 100) + raw(samples(3 * n, 255), 255)
    yield "P5_4095_above", head("P5", 4095) + raw(samples(n, 65535), 65535)
    yield "P4", head("P4") + raw(samples(2 * HEIGHT, 255), 255)
    yield "P1", head("P1") + b" ".join(b"%d" % v for v in samples(n, 1)) + b"\n"
    yield "P1_dense", head("P1") + b"".join(b"%d" % v for v in samples(n, 1))
    floats = struct.pack(f"<{n}f", *[v % 700 / 2 - 40 for v in samples(n, 65535)])
    swapped = struct.pack(f">{n}f", *[v % 700 / 2 - 40 for v in samples(n, 65535)])
    yield "Pf_little", b"Pf\n%d %d\n-1.0\n" % (WIDTH, HEIGHT) + floats
    yield "Pf_big", b"Pf\n%d %d\n1.0\n" % (WIDTH, HEIGHT) + swapped
    for scale in (b"-0.5", b"0", b"nan", b"inf", b"-1e-3", b"+2", b"x", b".5", b"-2."):
        yield f"Pf_scale_{scale.decode()}", b"Pf\n%d %d\n%s\n" % (WIDTH, HEIGHT, scale) + floats
    yield "Pf_cut", b"Pf\n%d %d\n-1.0\n" % (WIDTH, HEIGHT) + floats[:-1]
    special = struct.pack("<6f", float("nan"), float("inf"), float("-inf"), 255.0, 254.99, 0.99)
    yield "Pf_special", b"Pf\n3 2\n-1.0\n" + special
    yield "PF_colour", b"PF\n%d %d\n-1.0\n" % (WIDTH, HEIGHT) + floats * 3
    yield "P7", b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" % (WIDTH, HEIGHT) + raw(samples(3 * n, 255), 255)
    yield "P0CMYK", b"P0CMYK\n%d %d\n255\n" % (WIDTH, HEIGHT) + raw(samples(3 * n, 255) + samples(n, 255), 255)
    yield "PyP", b"PyP\n%d %d\n255\n" % (WIDTH, HEIGHT) + raw(samples(n, 255), 255)
    yield "PyRGBA", b"PyRGBA\n%d %d\n255\n" % (WIDTH, HEIGHT) + raw(samples(3 * n, 255) + samples(n, 255), 255)
    yield "pillow_rgb", save(image(), "PPM")
    yield "pillow_grey", save(image().convert("L"), "PPM")
    yield "pillow_bit", save(image().convert("1"), "PPM")


def heads() -> Iterator[tuple[str, bytes]]:
    body = raw(samples(12, 255), 255)
    for name, text in {
        "comment": b"P6\n# a comment\n2 2\n255\n", "comment_inside_number": b"P6\n2# x\n 2\n255\n", "comment_behind_maximum": b"P6\n2 2\n255# x\n",
        "comment_at_once": b"P6#x\n2 2\n255\n", "comment_cr": b"P6\n#x\r2 2\n255\n", "crlf": b"P6\r\n2 2\r\n255\r\n", "tabs": b"P6\t2\t2\t255\t",
        "one_line": b"P6 2 2 255 ", "vertical": b"P6\x0b2\x0c2\x0b255\x0c", "many_spaces": b"P6\n\n  2 \n\n 2\n255\n", "leading_zeros": b"P6\n0002 02\n0255\n",
        "plus": b"P6\n+2 2\n255\n", "minus": b"P6\n-2 2\n255\n", "underscore": b"P6\n2 2\n2_55\n", "letters": b"P6\n2 x\n255\n", "ten_digits": b"P6\n2 2\n0000000255\n",
        "eleven_digits": b"P6\n2 2\n00000000255\n", "maximum_0": b"P6\n2 2\n0\n", "maximum_65536": b"P6\n2 2\n65536\n", "width_0": b"P6\n0 2\n255\n",
        "huge": b"P6\n99999 99999\n255\n", "no_maximum": b"P6\n2 2\n", "no_height": b"P6\n2", "only_kind": b"P6", "kind_and_space": b"P6\n", "no_space": b"P62 2 255 ",
        "decimal": b"P6\n2.0 2\n255\n", "P8": b"P8\n2 2\n255\n", "nul": b"P6\n2\x002\n255\n",
    }.items():
        yield f"head_{name}", text + body
    yield "short", b"P6\n2 2\n255\n" + body[:-1]
    yield "long", b"P6\n2 2\n255\n" + body + b"more"
    yield "short_16", b"P5\n2 2\n300\n" + body[:7]
    yield "short_65535", b"P5\n2 2\n65535\n" + body[:7]
    yield "short_bits", b"P4\n9 2\n" + body[:3]


def plain() -> Iterator[tuple[str, bytes]]:
    for name, text in {
        "comment_between": b"P2\n2 2\n9\n1 2 # x\n3 4\n", "comment_joins": b"P2\n2 2\n9\n1 2 3#x\n4 5", "comment_at_end": b"P2\n2 2\n9\n1 2 3 4#x", "above": b"P2\n2 2\n9\n1 2 3 10\n",
        "negative": b"P2\n2 2\n9\n1 2 3 -4\n", "plus": b"P2\n2 2\n9\n1 2 3 +4\n", "underscore": b"P2\n2 2\n99\n1 2 3 1_4\n", "short": b"P2\n2 2\n9\n1 2 3\n", "long": b"P2\n2 2\n9\n1 2 3 4 5\n",
        "garbage_behind": b"P2\n2 2\n9\n1 2 3 4 garbage\n", "garbage": b"P2\n2 2\n9\n1 2 x 4\n", "no_last_space": b"P2\n2 2\n9\n1 2 3 4", "long_token": b"P2\n2 2\n9\n1 2 3 00000000004\n",
        "ten_digits": b"P2\n2 2\n9\n1 2 3 0000000004\n", "long_last_token": b"P2\n2 2\n9\n1 2 3 4 abcdefghijklmn", "decimal": b"P2\n2 2\n9\n1 2 3 4.0\n",
        "bits_long": b"P1\n2 2\n1 0 1 0 1 1\n", "bits_short": b"P1\n2 2\n1 0 1\n", "bits_2": b"P1\n2 2\n1 0 1 2\n", "bits_garbage_behind": b"P1\n2 2\n1 0 1 0 x\n", "bits_comment": b"P1\n2 2\n1#c\n0 1 0",
        "bits_comment_behind": b"P1\n2 2\n1 0 1 0 # x y z", "bits_nul": b"P1\n2 2\n1 0\x001 0", "grey_max_65535": b"P2\n2 2\n65535\n1 255 256 65535\n", "vertical": b"P3\n1 1\n255\n1\x0b2\x0c3",
    }.items():
        yield f"plain_{name}", text


def files() -> Iterator[tuple[str, bytes]]:
    for part in (kinds, heads, plain):
        for name, data in part():
            yield name + ".pnm", data
