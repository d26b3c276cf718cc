"""WebP: lossy, lossless, alpha, the first frame of animations in every combination, metadata, and bad containers."""

import itertools
import struct
from collections.abc import Iterator

import numpy as np
from common import HEIGHT, WIDTH, image, patched, picture, save
from PIL import Image


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 12
    while at + 8 <= len(data):
        length = struct.unpack("<I", data[at + 4 : at + 8])[0]
        found.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def images(data: bytes) -> bytes:
    """The chunks that bear pixels."""
    return b"".join(chunk(kind, body) for kind, body in chunks(data) if kind in (b"ALPH", b"VP8 ", b"VP8L"))


def triple(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


ANIMATION, XMP, EXIF, ALPHA, ICC = 2, 4, 8, 16, 32


def vp8x(flags: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + triple(width - 1) + triple(height - 1))


def anim(background: int = 0x80402010, loops: int = 0) -> bytes:
    return chunk(b"ANIM", struct.pack("<IH", background, loops))


def anmf(pixels: bytes, width: int, height: int, x: int = 0, y: int = 0, flags: int = 0, more: bytes = b"") -> bytes:
    return chunk(b"ANMF", triple(x // 2) + triple(y // 2) + triple(width - 1) + triple(height - 1) + triple(40) + bytes([flags]) + pixels + more)


def rgba(width: int = WIDTH, height: int = HEIGHT, seed: int = 1) -> Image.Image:
    alpha = (np.add.outer(np.arange(height) * 31, np.arange(width) * 23) % 256).astype(np.uint8)
    return Image.fromarray(np.dstack([picture(width, height, 3, seed), alpha]))


def encoded(width: int, height: int) -> dict[str, bytes]:
    opaque, clear = image(width, height), rgba(width, height)
    return {
        "lossy": save(opaque, "WEBP", quality=70),
        "lossless": save(opaque, "WEBP", lossless=True),
        "lossy_alpha": save(clear, "WEBP", quality=70, exact=True),
        "lossless_alpha": save(clear, "WEBP", lossless=True, exact=True),
    }


def stills() -> Iterator[tuple[str, bytes]]:
    for width, height in [(1, 1), (2, 3), (13, 9), (16, 16), (17, 33), (64, 5)]:
        for kind, data in encoded(width, height).items():
            yield f"{kind}_{width}x{height}", data
    for quality in (1, 30, 95, 100):
        yield f"lossy_quality_{quality}", save(image(40, 30), "WEBP", quality=quality)
    for method in (0, 3, 6):
        yield f"lossless_method_{method}", save(image(40, 30), "WEBP", lossless=True, method=method)
        yield f"lossy_method_{method}", save(image(40, 30), "WEBP", method=method)
    for colours in (2, 4, 16, 200):
        yield f"lossless_colours_{colours}", save(image(40, 30).quantize(colours).convert("RGB"), "WEBP", lossless=True)
    yield "lossy_alpha_quality_5", save(rgba(40, 30), "WEBP", quality=40, alpha_quality=5)
    yield "lossy_transparent", save(Image.new("RGBA", (20, 10), (200, 100, 50, 0)), "WEBP", exact=True)
    yield "icc", save(image(), "WEBP", icc_profile=b"not a profile" * 9)
    yield "exif", save(image(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\1\0\0\0\6\0\0\0\0\0\0\0")
    yield "xmp", save(image(), "WEBP", xmp=b"<xmp/>")


def animations() -> Iterator[tuple[str, bytes]]:
    second = anmf(images(save(image(5, 5, 9), "WEBP", lossless=True)), 5, 5)
    full, part = encoded(WIDTH, HEIGHT), encoded(6, 4)
    for kind, blend, dispose, background in itertools.product(full, (0, 1), (0, 1), (0, 0xFF3366CC)):
        flags = 2 * (1 - blend) | dispose
        head = vp8x(ANIMATION | ALPHA) + anim(background)
        name = f"{kind}_blend_{blend}_dispose_{dispose}_background_{background:08x}"
        yield f"full_{name}", riff(head, anmf(images(full[kind]), WIDTH, HEIGHT, flags=flags), second)
        yield f"part_{name}", riff(head, anmf(images(part[kind]), 6, 4, 4, 2, flags=flags), second)
    lossy = images(part["lossy_alpha"])
    for x, y in [(0, 0), (7, 5), (6, 4), (8, 6)]:
        yield f"at_{x}_{y}", riff(vp8x(ANIMATION | ALPHA), anim(), anmf(lossy, 6, 4, x, y))
    yield "no_alpha_flag", riff(vp8x(ANIMATION), anim(), anmf(lossy, 6, 4, 2, 2), second)
    yield "one_frame", riff(vp8x(ANIMATION | ALPHA), anim(), anmf(lossy, 6, 4))
    yield "frame_of_other_size", riff(vp8x(ANIMATION | ALPHA), anim(), anmf(lossy, 5, 3, 2, 2), second)
    yield "second_frame_outside", riff(vp8x(ANIMATION), anim(), anmf(lossy, 6, 4), anmf(lossy, 6, 4, 10, 0))
    yield "second_frame_without_pixels", riff(vp8x(ANIMATION), anim(), anmf(lossy, 6, 4), anmf(b"", 6, 4))
    yield "first_frame_without_pixels", riff(vp8x(ANIMATION), anim(), anmf(b"", 6, 4), anmf(lossy, 6, 4))
    yield "only_alpha", riff(vp8x(ANIMATION), anim(), anmf(lossy[: lossy.index(b"VP8 ")], 6, 4))
    yield "unknown_chunk_in_frame", riff(vp8x(ANIMATION), anim(), anmf(lossy, 6, 4, more=chunk(b"ABCD", b"xy")), second)
    yield "no_anim", riff(vp8x(ANIMATION), anmf(lossy, 6, 4))
    yield "two_anim", riff(vp8x(ANIMATION), anim(), anim(1), anmf(lossy, 6, 4))
    yield "short_anim", riff(vp8x(ANIMATION), chunk(b"ANIM", b"abcd"), anmf(lossy, 6, 4))
    yield "image_beside_frames", riff(vp8x(ANIMATION), anim(), anmf(lossy, 6, 4), images(full["lossy"]))
    yield "flag_but_no_frames", riff(vp8x(ANIMATION), images(full["lossy"]))
    yield "frames_but_no_flag", riff(vp8x(ALPHA), anim(), anmf(lossy, 6, 4))
    yield "frames_and_image_but_no_flag", riff(vp8x(ALPHA), images(full["lossy"]), anim(), anmf(lossy, 6, 4))
    yield "pillow", save(image(), "WEBP", save_all=True, append_images=[image(seed=4)], duration=9)
    yield "pillow_background", save(rgba(), "WEBP", save_all=True, append_images=[rgba(seed=4)], background=(9, 99, 199, 255))


def containers() -> Iterator[tuple[str, bytes]]:
    both, plain = encoded(WIDTH, HEIGHT)["lossy_alpha"], encoded(WIDTH, HEIGHT)["lossy"]
    lossless = encoded(WIDTH, HEIGHT)["lossless_alpha"]
    alpha, pixels = (chunk(kind, body) for kind, body in chunks(both) if kind != b"VP8X")
    yield "extended_lossy", riff(vp8x(0), images(plain))
    yield "extended_lossless", riff(vp8x(ALPHA), images(lossless))
    yield "extended_lossless_no_flag", riff(vp8x(0), images(lossless))
    yield "alpha_without_flag", riff(vp8x(0), alpha, pixels)
    yield "flag_without_alpha", riff(vp8x(ALPHA), pixels)
    yield "alpha_behind", riff(vp8x(ALPHA), pixels, alpha)
    yield "alpha_twice", riff(vp8x(ALPHA), alpha, alpha, pixels)
    yield "alpha_with_lossless", riff(vp8x(ALPHA), alpha, images(lossless))
    yield "alpha_in_simple", riff(alpha, pixels)
    yield "alpha_behind_simple", riff(pixels, alpha)
    yield "unknown_between", riff(vp8x(ALPHA), alpha, chunk(b"ABCD", b"abc"), pixels)
    yield "unknown_before", riff(vp8x(ALPHA), chunk(b"ABCD", b"abc"), alpha, pixels)
    yield "two_images", riff(vp8x(0), images(plain), images(plain))
    yield "two_images_simple", riff(images(plain), images(lossless))
    yield "chunks_behind_simple", riff(images(plain), chunk(b"EXIF", b"abcd"))
    yield "canvas_wider", riff(vp8x(0, WIDTH + 1), images(plain))
    yield "canvas_huge", riff(vp8x(ANIMATION, 1 << 24, 1 << 24), anim(), anmf(images(plain), WIDTH, HEIGHT))
    for flags in (0x01, 0x40, 0x80):
        yield f"flags_{flags:02x}", riff(vp8x(flags), images(plain))
    for flags, name in ((ICC, "icc"), (EXIF, "exif"), (XMP, "xmp")):
        yield f"{name}_flag_only", riff(vp8x(flags), images(plain))
    yield "metadata_without_flags", riff(vp8x(0), chunk(b"ICCP", b"abc"), images(plain), chunk(b"EXIF", b"x"), chunk(b"XMP ", b"y"))
    yield "vp8x_long", riff(chunk(b"VP8X", vp8x(0)[8:] + b"more"), images(plain))
    yield "vp8x_short", riff(chunk(b"VP8X", vp8x(0)[8:14]), images(plain))
    yield "vp8x_twice", riff(vp8x(0), vp8x(0), images(plain))
    yield "vp8x_alone", riff(vp8x(0))
    yield "other_first_chunk", riff(chunk(b"ABCD", b"abcd"), images(plain))
    yield "trailing", plain + b"trailing"
    yield "riff_too_short", patched(plain, 4, struct.pack("<I", len(plain) - 10))
    yield "riff_too_long", patched(plain, 4, struct.pack("<I", len(plain)))
    for stated in (0, 3, 4, 11, 12):
        yield f"riff_of_{stated}", patched(plain, 4, struct.pack("<I", stated))
    yield "riff_odd", riff(images(plain)) + b"x"
    yield "padding_missing", riff(vp8x(EXIF), images(plain), b"EXIF\3\0\0\0abc")
    for cut in (4, 11, 15, 19, 25, 40, len(plain) - 1):
        yield f"cut_{cut}", plain[:cut]
        yield f"cut_{cut}_length_mended", patched(plain[:cut], 4, struct.pack("<I", max(cut, 8) - 8))
    at = plain.index(b"VP8 ")
    yield "image_chunk_short", riff(b"VP8 " + struct.pack("<I", len(plain) - 40) + plain[28 : len(plain) - 12])
    yield "frame_not_shown", patched(plain, at + 8, bytes([plain[at + 8] & 0xEF]))
    yield "no_key_frame", patched(plain, at + 8, bytes([plain[at + 8] | 1]))
    yield "profile_3", patched(plain, at + 8, bytes([plain[at + 8] & 0xF1 | 6]))
    yield "profile_5", patched(plain, at + 8, bytes([plain[at + 8] & 0xF1 | 10]))
    yield "bad_start_code", patched(plain, at + 11, b"\0")
    for damage in (20, 30, 45, 60, 90):
        yield f"lossy_flipped_{damage}", patched(plain, damage, bytes([plain[damage] ^ 0x44]))
        yield f"lossless_flipped_{damage}", patched(lossless, damage, bytes([lossless[damage] ^ 0x44]))
    yield "scaled", patched(plain, at + 15, bytes([plain[at + 15] | 0x40]))


def files() -> Iterator[tuple[str, bytes]]:
    for part in (stills, animations, containers):
        for name, data in part():
            yield name + ".webp", data
