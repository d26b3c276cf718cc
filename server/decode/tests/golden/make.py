"""Writes the golden files of this folder: small images of every kind, damaged ones, and Pillow's word on each.

    pip install pillow==12.3.0 scikit-image==0.26.0
    apt-get install libjpeg-turbo-progs        # cjpeg, for samplings that Pillow cannot write
    python server/decode/tests/golden/make.py

    files/NAME        the images
    expected.tsv      NAME, then `ok WIDTH HEIGHT SHA256` (of the packed RGB pixels) or `no`, as Pillow has it
    damaged.tsv       NAME, OFFSET, DELETE, INSERT (hex): the image with DELETE bytes at OFFSET replaced; then as above

What we do differently on purpose stands in tests/golden.rs, not here.
"""

import random
import struct
import subprocess
import zlib
from pathlib import Path

import skimage
from PIL import Image
from reference import save, verdict

HERE = Path(__file__).parent
FILES = HERE / "files"
DATA = Path(skimage.__file__).parent / "data"


def photo(width: int, height: int, x: int = 130, y: int = 60) -> Image.Image:
    """A piece of a real photograph: the cat's face, with edges and colours."""
    scale = 2 if width < 100 else 1
    box = (x, y, x + width * scale, y + height * scale)
    return Image.open(DATA / "chelsea.png").convert("RGB").resize((width, height), box=box)


# --- JPEG ---------------------------------------------------------------------------------------------------


def cjpeg(image: Image.Image, *options: str) -> bytes:
    ppm = save(image, "PPM")
    return subprocess.run(["cjpeg", "-quality", "80", *options], input=ppm, capture_output=True, check=True).stdout


def cjpeg_scans(image: Image.Image, script: str) -> bytes:
    path = HERE / "scans.txt"
    path.write_text(script)
    try:
        return cjpeg(image, "-scans", str(path))
    finally:
        path.unlink()


def segments(jpeg: bytes) -> list[tuple[int, int, int]]:
    """(marker, start, end) of each segment up to and with the first scan header."""
    found, at = [], 2
    while True:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found.append((marker, at, at + 2 + length))
        at += 2 + length
        if marker == 0xDA:
            return found


def without(jpeg: bytes, *markers: int) -> bytes:
    """The file without the segments of these markers."""
    for marker, start, end in reversed(segments(jpeg)):
        if marker in markers:
            jpeg = jpeg[:start] + jpeg[end:]
    return jpeg


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """The file with one more segment right behind SOI."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def with_ids(jpeg: bytes, ids: bytes) -> bytes:
    """The file with other component identifiers in frame and scan header."""
    jpeg = bytearray(jpeg)
    for marker, start, _ in segments(bytes(jpeg)):
        first, step = {0xC0: (start + 10, 3), 0xDA: (start + 5, 2)}.get(marker, (0, 0))
        for i, identifier in enumerate(ids if first else b""):
            jpeg[first + i * step] = identifier
    return bytes(jpeg)


def adobe(transform: int) -> bytes:
    return b"Adobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


def jpegs() -> dict[str, bytes]:
    p = photo(61, 45)
    grey, cmyk = p.convert("L"), p.convert("CMYK")
    s420 = save(p, "JPEG", subsampling=2, quality=80)
    s444 = save(p, "JPEG", subsampling=0, quality=80)
    prog = save(p, "JPEG", subsampling=2, quality=80, progressive=True)
    inked = save(cmyk, "JPEG", quality=80)
    as_rgb = save(p, "JPEG", quality=80, keep_rgb=True)
    bare = without(s444, 0xE0)
    exif = Image.Exif()
    exif[0x0112] = 6
    out = {
        "420": s420,
        "422": save(p, "JPEG", subsampling=1, quality=80),
        "444": s444,
        "440": cjpeg(p, "-sample", "1x2"),
        "411": cjpeg(p, "-sample", "4x1"),
        "441": cjpeg(p, "-sample", "1x4"),
        "410": cjpeg(p, "-sample", "4x2"),
        "luma22_chroma21": cjpeg(p, "-sample", "2x2,2x1,2x1"),
        "luma22_chroma12": cjpeg(p, "-sample", "2x2,1x2,1x2"),
        "luma21_chroma21": cjpeg(p, "-sample", "2x1,2x1,2x1"),
        "luma21_chroma_uneven": cjpeg(p, "-sample", "2x1,1x1,2x1"),
        "420_restarts": cjpeg(p, "-sample", "2x2", "-restart", "1B"),
        "420_restart_rows": cjpeg(p, "-sample", "2x2", "-restart", "1"),
        "420_optimised": save(p, "JPEG", subsampling=2, quality=95, optimize=True),
        "420_quality_5": save(p, "JPEG", subsampling=2, quality=5),
        "420_progressive": prog,
        "444_progressive": save(p, "JPEG", subsampling=0, quality=80, progressive=True),
        "422_progressive_restarts": cjpeg(p, "-sample", "2x1", "-progressive", "-restart", "2B"),
        "420_progressive_incomplete": prog[: prog.rindex(b"\xff\xda")] + b"\xff\xd9",
        "420_arithmetic": cjpeg(p, "-arithmetic"),
        "420_arithmetic_progressive": cjpeg(p, "-arithmetic", "-progressive"),
        "420_three_scans": cjpeg_scans(p, "0;\n1;\n2;\n"),
        "420_two_scans": cjpeg_scans(p, "0;\n1 2;\n"),
        "420_exif_rotated": save(p, "JPEG", subsampling=2, quality=80, exif=exif),
        "420_icc": save(p, "JPEG", subsampling=2, quality=80, icc_profile=b"not a profile" * 9),
        "420_adobe_1": with_segment(without(s420, 0xE0), 0xEE, adobe(1)),
        "420_fill_bytes": s420[:2] + b"\xff\xff\xff" + s420[2:],
        "420_junk_between": s420[:20] + b"junk" + s420[20:],
        "420_trailing": s420 + b"\x00trailing\xff\xd8\xff",
        "420_comment": with_segment(s420, 0xFE, b"a comment \xff\xd9 with an end marker"),
        "444_no_jfif": bare,
        "444_other_ids": with_ids(bare, b"\x00\x01\x02"),
        "rgb_adobe_0": as_rgb,
        "rgb_ids": with_ids(without(as_rgb, 0xEE), b"RGB"),
        "rgb_adobe_0_on_ycc": with_segment(bare, 0xEE, adobe(0)),
        "grey": save(grey, "JPEG", quality=80),
        "grey_progressive": save(grey, "JPEG", quality=80, progressive=True),
        "grey_sampled_2x2": cjpeg(grey, "-grayscale", "-sample", "2x2"),
        "cmyk_adobe": inked,
        "cmyk_no_adobe": without(inked, 0xEE),
        "ycck": inked.replace(adobe(0), adobe(2)),
        "cmyk_progressive": save(cmyk, "JPEG", quality=80, progressive=True),
        "no_huffman_tables": without(s420, 0xC4),
        "no_quantisation_tables": without(s420, 0xDB),
        "two_frames": s420[:2] + s420[slice(*segments(s420)[3][1:])] + s420[2:],
    }
    for width, height in [(1, 1), (2, 2), (7, 1), (1, 9), (8, 8), (16, 16), (17, 16), (16, 17), (33, 15)]:
        out[f"420_{width}x{height}"] = save(photo(width, height), "JPEG", subsampling=2, quality=85)
    return {name + ".jpg": data for name, data in out.items()}


# --- PNG ----------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(width: int, height: int, bits: int, color: int, samples, *chunks: bytes, interlaced: bool = False) -> bytes:
    """A PNG from `samples(x, y) -> tuple` without filters; `chunks` go between IHDR and IDAT."""
    raster = b""
    for x0, y0, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        for y in range(y0, height, dy):
            values = [v for x in range(x0, width, dx) for v in samples(x, y)]
            if not values:
                continue
            text = "".join(format(v, f"0{bits}b") for v in values)
            text += "0" * (-len(text) % 8)
            raster += b"\x00" + int(text, 2).to_bytes(len(text) // 8, "big")
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    body = chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(raster)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def pngs() -> dict[str, bytes]:
    p = photo(31, 23)
    alpha = Image.linear_gradient("L").resize(p.size)
    rgba = p.copy()
    rgba.putalpha(alpha)
    palette = p.quantize(16)
    wide = lambda n: lambda x, y: tuple((x * 2113 + y * 1021 + i * 7919) % 65536 for i in range(n))
    small = lambda bits: lambda x, y: ((x * 3 + y * 5) % (1 << bits),)
    colours = chunk(b"PLTE", bytes((i * 37 + c * 91) % 256 for i in range(16) for c in range(3)))
    normal = save(p, "PNG")
    second = p.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    out = {
        "rgb": normal,
        "rgba": save(rgba, "PNG"),
        "la": save(rgba.convert("LA"), "PNG"),
        "grey": save(p.convert("L"), "PNG"),
        "bit": save(p.convert("1"), "PNG"),
        "palette": save(palette, "PNG"),
        "palette_transparent": save(palette, "PNG", transparency=bytes(range(0, 256, 16))),
        "palette_short": png(16, 4, 4, 3, small(4), chunk(b"PLTE", bytes(range(30)))),
        "rgb_transparent": save(p, "PNG", transparency=p.getpixel((0, 0))),
        "grey_transparent": save(p.convert("L"), "PNG", transparency=100),
        "animated": save(p, "PNG", save_all=True, append_images=[second], duration=100),
        "animated_default_image": save(p, "PNG", save_all=True, append_images=[second], default_image=True),
        "truncated_after_pixels": normal[:-12],
        "grey_16": png(31, 9, 16, 0, lambda x, y: ((x * 17 + y * 31) % 600,)),
        "grey_16_transparent": png(31, 9, 16, 0, lambda x, y: ((x * 17 + y * 31) % 600,), chunk(b"tRNS", b"\x00\x50")),
        "la_16": png(31, 9, 16, 4, wide(2)),
        "rgb_16": png(31, 9, 16, 2, wide(3)),
        "rgba_16": png(31, 9, 16, 6, wide(4)),
        "rgb_interlaced": png(31, 23, 8, 2, lambda x, y: p.getpixel((x, y)), interlaced=True),
        "palette_4_interlaced": png(13, 11, 4, 3, small(4), colours, interlaced=True),
        "rgb_gamma": png(31, 9, 8, 2, lambda x, y: p.getpixel((x, y)), chunk(b"gAMA", struct.pack(">I", 45455))),
    }
    for bits in (1, 2, 4):
        out[f"grey_{bits}"] = png(31, 9, bits, 0, small(bits))
        out[f"palette_{bits}"] = png(31, 9, bits, 3, small(bits), colours[:8] + colours[8:])
    return {name + ".png": data for name, data in out.items()}


# --- the others ---------------------------------------------------------------------------------------------


def webps() -> dict[str, bytes]:
    p = photo(61, 45)
    rgba = p.copy()
    rgba.putalpha(Image.linear_gradient("L").resize(p.size))
    second = p.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return {
        "lossless.webp": save(p, "WEBP", lossless=True),
        "lossless_alpha.webp": save(rgba, "WEBP", lossless=True, exact=True),
        "lossless_animated.webp": save(p, "WEBP", lossless=True, save_all=True, append_images=[second]),
        "lossy.webp": save(p, "WEBP", quality=80),
        "lossy_alpha.webp": save(rgba, "WEBP", quality=80, exact=True),
    }


def bmp(width: int, height: int, bits: int, compression: int, extra: bytes, raster: bytes) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(raster), 0, 0, 0, 0) + extra
    offset = 14 + len(info)
    return b"BM" + struct.pack("<IHHI", offset + len(raster), 0, 0, offset) + info + raster


def bmps() -> dict[str, bytes]:
    p = photo(30, 21)
    words = b"".join(struct.pack("<H", (i * 2677) % 65536) for i in range(10 * 6))
    quads = b"".join(struct.pack("<I", (i * 2654435761) % 2**32) for i in range(7 * 5))
    grey_ramp = b"".join(bytes([i, i // 2, 255 - i, 0]) for i in range(256))
    runs = b"\x05\x07\x00\x03\x01\x02\x03\x00\x00\x00\x08\x09\x00\x01"
    return {
        "rgb.bmp": save(p, "BMP"),
        "grey.bmp": save(p.convert("L"), "BMP"),
        "palette.bmp": save(p.quantize(200), "BMP"),
        "bit.bmp": save(p.convert("1"), "BMP"),
        "555.bmp": bmp(10, 6, 16, 0, b"", words),
        "565.bmp": bmp(10, 6, 16, 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F), words),
        "32.bmp": bmp(7, 5, 32, 0, b"", quads),
        "32_top_down.bmp": bmp(7, -5, 32, 0, b"", quads),
        "rle8.bmp": bmp(8, 2, 8, 1, grey_ramp, runs),
    }


def tiffs() -> dict[str, bytes]:
    p = photo(30, 21)
    rgba = p.copy()
    rgba.putalpha(77)
    wide = Image.new("I;16", (30, 21))
    for x in range(30):
        for y in range(21):
            wide.putpixel((x, y), x * 17 + y * 23)
    turned = Image.Exif()
    turned[0x0112] = 6
    out = {name: save(p, "TIFF", compression=name) for name in ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]}
    out |= {
        "grey": save(p.convert("L"), "TIFF"),
        "grey_16": save(wide, "TIFF"),
        "bit": save(p.convert("1"), "TIFF"),
        "rgba": save(rgba, "TIFF"),
        "palette": save(p.quantize(16), "TIFF"),
        "cmyk": save(p.convert("CMYK"), "TIFF"),
        "jpeg": save(p, "TIFF", compression="jpeg"),
        "rotated": save(p, "TIFF", exif=turned),
    }
    return {name.removeprefix("tiff_") + ".tif": data for name, data in out.items()}


def pnms() -> dict[str, bytes]:
    ramp = bytes(range(0, 240, 2))
    words = b"".join(struct.pack(">H", i * 541 % 4096) for i in range(60))
    return {
        "raw.ppm": b"P6\n# a comment\n8 5\n255\n" + ramp,
        "raw.pgm": b"P5 12 10 255\n" + ramp,
        "raw.pbm": b"P4\n13 4\n" + bytes(range(100, 180, 10)),
        "maxval_100.ppm": b"P6\n8 5\n100\n" + ramp,
        "maxval_7.pgm": b"P5\n12 10\n7\n" + bytes(v % 8 for v in ramp),
        "maxval_4095.pgm": b"P5\n10 6\n4095\n" + words,
        "maxval_4095.ppm": b"P6\n5 4\n4095\n" + words,
        "maxval_65535.pgm": b"P5\n10 6\n65535\n" + words,
        "plain.ppm": b"P3\n3 2\n# colours\n200\n" + b" ".join(b"%d" % (v * 10) for v in range(18)) + b"\n",
        "plain.pgm": b"P2 4 2 15\n0 1 2 3\n4 5 6 15",
        "plain.pbm": b"P1\n5 2\n01 0 1\n1 00011\n",
        "short.ppm": b"P6\n8 5\n255\n" + ramp[:-1],
        "zero_maxval.pgm": b"P5\n2 2\n0\n....",
    }


def others() -> dict[str, bytes]:
    claim = bytearray(save(photo(8, 8), "JPEG"))
    at = claim.index(b"\xff\xc0") + 5
    claim[at : at + 4] = struct.pack(">HH", 20000, 20000)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return {
        "empty": b"",
        "text.txt": b"Paris is a town, and this is no image.\n",
        "gif.gif": save(photo(8, 8), "GIF"),
        "bomb.jpg": bytes(claim),
        "bomb.png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)) + pixels,
    }


# --- damage -------------------------------------------------------------------------------------------------

Damage = tuple[int, int, bytes]


def damage(data: bytes, edit: Damage) -> bytes:
    offset, delete, insert = edit
    return data[:offset] + insert + data[offset + delete :]


def random_damage(data: bytes, rng: random.Random) -> Damage:
    """One of the accidents that happen to files: cut, flipped and lost bytes, stray markers, garbage."""
    size = len(data)
    at = rng.randrange(size)
    garbage = bytes(rng.randrange(256) for _ in range(rng.choice([1, 3, 50])))
    marker = bytes([0xFF, rng.choice([0xD8, 0xD9, 0xD0, 0xD5, 0xC4, 0xDB, 0xDA, 0xE1, 0x01, 0x02, 0xFF])])
    return rng.choice(
        [
            (at, size - at, b""),
            (at, size - at, b"\xff\xd9"),
            (size - rng.choice([1, 2, 3, 4, 9, 30]), size, b""),
            (at, 1, bytes([data[at] ^ 1 << rng.randrange(8)])),
            (at, 1, bytes([rng.randrange(256)])),
            (at, 1, bytes([rng.randrange(256)])),
            (at, rng.choice([1, 2, 7, 100]), b""),
            (at, min(100, size - at), bytes(min(100, size - at))),
            (at, len(garbage), garbage),
            (at, 0, garbage),
            (at, 0, marker),
            (at, 2, marker),
            (0, 0, garbage),
            (size, 0, garbage),
            (size, 0, b"\xff\xd9"),
        ]
    )


DAMAGED = {
    "420.jpg": 90, "420_restarts.jpg": 60, "420_progressive.jpg": 90, "grey.jpg": 30, "444.jpg": 30,
    "420_three_scans.jpg": 30, "cmyk_adobe.jpg": 20, "rgb.png": 80, "palette.png": 30, "rgb_interlaced.png": 30,
    "raw.ppm": 20, "lossy.webp": 30, "lossless.webp": 30,
}


def main() -> None:
    images = jpegs() | pngs() | webps() | bmps() | tiffs() | pnms() | others()
    FILES.mkdir(exist_ok=True)
    for old in FILES.iterdir():
        old.unlink()
    for name, data in images.items():
        (FILES / name).write_bytes(data)
    lines = [f"{name}\t{verdict(data)}\n" for name, data in sorted(images.items())]
    (HERE / "expected.tsv").write_text("".join(lines))
    rng = random.Random(20)
    with (HERE / "damaged.tsv").open("w") as out:
        for name, count in DAMAGED.items():
            for _ in range(count):
                edit = random_damage(images[name], rng)
                word = verdict(damage(images[name], edit))
                out.write(f"{name}\t{edit[0]}\t{edit[1]}\t{edit[2].hex()}\t{word}\n")


if __name__ == "__main__":
    main()
