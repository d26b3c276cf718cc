"""PNG: all kinds of pixels, ancillary chunks sound and wrong, animations, bad checksums, missing ends, odd streams."""

import struct
import zlib
from collections.abc import Iterator

from common import HEIGHT, WIDTH, image, numbers, patched, save

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind: bytes, data: bytes = b"", crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def ihdr(bits: int = 8, color: int = 2, width: int = WIDTH, height: int = HEIGHT, rest: bytes = b"\0\0\0") -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBB", width, height, bits, color) + rest)


def raster(bits: int = 8, color: int = 2, width: int = WIDTH, height: int = HEIGHT, interlaced: bool = False, filters: bool = True, seed: int = 3) -> bytes:
    """Rows of random bytes behind filters of all kinds in turn."""
    out, noise, at = b"", numbers(width * height * 9 + 64, seed).astype("<u4").view("u1")[::4].tobytes(), 0
    for x0, y0, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns, lines = -(-(width - x0) // dx), -(-(height - y0) // dy)
        if columns <= 0:
            continue
        length = (columns * bits * CHANNELS[color] + 7) // 8
        for y in range(lines):
            out += bytes([(y + 1) % 5 if filters else 0]) + noise[at : at + length]
            at += length
    return out


def png(*chunks: bytes, bits: int = 8, color: int = 2, interlaced: bool = False, data: bytes | None = None, end: bytes = chunk(b"IEND"), behind: bytes = b"") -> bytes:
    data = zlib.compress(raster(bits, color, interlaced=interlaced)) if data is None else data
    return SIGNATURE + ihdr(bits, color, rest=bytes([0, 0, interlaced])) + b"".join(chunks) + chunk(b"IDAT", data) + behind + end


def plte(count: int) -> bytes:
    return chunk(b"PLTE", bytes((i * 37 + c * 91 + 5) % 256 for i in range(count) for c in range(3)))


KINDS = [(0, bits) for bits in (1, 2, 4, 8, 16)] + [(3, bits) for bits in (1, 2, 4, 8)] + [(c, b) for c in (2, 4, 6) for b in (8, 16)]
TRNS = {0: b"\0\x05", 2: b"\0\1\0\2\0\3", 3: b"\x10\0\xff"}


def kinds() -> Iterator[tuple[str, bytes]]:
    for color, bits in KINDS:
        table = [plte(1 << bits)] if color == 3 else []
        for interlaced in (False, True):
            name = f"color_{color}_bits_{bits}" + "_interlaced" * interlaced
            yield name, png(*table, bits=bits, color=color, interlaced=interlaced)
            yield name + "_transparent", png(*table, chunk(b"tRNS", TRNS.get(color, b"\0\1")), bits=bits, color=color, interlaced=interlaced)
        if color == 3:
            for count in sorted({0, 1, (1 << bits) - 1, (1 << bits) + 1, 300}):
                yield f"color_3_bits_{bits}_palette_{count}", png(plte(count), bits=bits, color=3)
            yield f"color_3_bits_{bits}_no_palette", png(bits=bits, color=3)
    for color, bits in [(0, 3), (1, 8), (2, 4), (3, 16), (4, 4), (5, 8), (6, 2), (7, 8), (0, 0), (2, 32)]:
        yield f"wrong_color_{color}_bits_{bits}", png(bits=bits, color=color, data=zlib.compress(bytes(2000)))
    for width, height in [(1, 1), (2, 2), (3, 1), (1, 5), (4, 4), (5, 3), (9, 9)]:
        data = zlib.compress(raster(width=width, height=height, interlaced=True))
        yield f"interlaced_{width}x{height}", SIGNATURE + ihdr(width=width, height=height, rest=b"\0\0\1") + chunk(b"IDAT", data) + chunk(b"IEND")
    for one in (b"\xff\xff\0\xff", b"\0", b"\xff\0\n", b"\xff", b"\0\0", b"", b"\0" * 300):
        yield f"transparent_{one.hex()[:8]}_{len(one)}", png(plte(16), chunk(b"tRNS", one), bits=4, color=3)
    yield "transparent_no_palette", png(chunk(b"tRNS", b"\xff\0"), bits=4, color=3)
    yield "transparent_bytes_no_palette", png(chunk(b"tRNS", b"\x10\0"), bits=4, color=3)
    yield "transparent_large_grey", png(chunk(b"tRNS", b"\xff\xff"), color=0)
    yield "transparent_large_rgb", png(chunk(b"tRNS", b"\xff" * 6))
    yield "palette_of_7_bytes", png(chunk(b"PLTE", bytes(range(7))), bits=2, color=3)
    yield "palette_twice", png(plte(4), chunk(b"PLTE", bytes(range(12))), bits=2, color=3)
    yield "palette_behind", png(bits=2, color=3, behind=plte(4))
    yield "palette_for_rgb", png(plte(4))


def texts() -> Iterator[tuple[str, bytes]]:
    z, bomb = zlib.compress(b"some text" * 9), zlib.compress(bytes(1 << 20), 9)
    too_long = zlib.compress(bytes((1 << 20) + 1), 9)
    for name, kind, data in [
        ("icc", b"iCCP", b"name\0\0" + z), ("icc_damaged", b"iCCP", b"name\0\0" + z[:5] + b"\xff" + z[6:]),
        ("icc_cut", b"iCCP", b"name\0\0" + z[:-6]), ("icc_method_1", b"iCCP", b"name\0\1" + z), ("icc_no_zero", b"iCCP", b"name"),
        ("icc_no_zero_but_first", b"iCCP", b"\0"), ("icc_empty", b"iCCP", b""), ("icc_name_only", b"iCCP", b"name\0"),
        ("icc_1_mib", b"iCCP", b"n\0\0" + bomb), ("icc_over_1_mib", b"iCCP", b"n\0\0" + too_long),
        ("text", b"tEXt", b"key\0value"), ("text_no_zero", b"tEXt", b"key"), ("text_empty", b"tEXt", b""), ("text_high", b"tEXt", b"\xff\0\xfe"),
        ("ztxt", b"zTXt", b"key\0\0" + z), ("ztxt_method_1", b"zTXt", b"key\0\1" + z), ("ztxt_damaged", b"zTXt", b"key\0\0abc"),
        ("ztxt_no_zero", b"zTXt", b"key"), ("ztxt_1_mib", b"zTXt", b"k\0\0" + bomb), ("ztxt_over_1_mib", b"zTXt", b"k\0\0" + too_long),
        ("itxt", b"iTXt", b"key\0\0\0en\0k\0v"), ("itxt_compressed", b"iTXt", b"key\0\1\0en\0k\0" + z), ("itxt_method_1", b"iTXt", b"key\0\1\1en\0k\0" + z),
        ("itxt_damaged", b"iTXt", b"key\0\1\0en\0k\0xyz"), ("itxt_not_utf8", b"iTXt", b"key\0\0\0en\0\xff\0\xff"), ("itxt_short", b"iTXt", b"key\0\0"),
        ("itxt_over_1_mib", b"iTXt", b"key\0\1\0en\0k\0" + too_long), ("itxt_no_zero", b"iTXt", b"abc"),
        ("gamma", b"gAMA", b"\0\0\xb1\x8f"), ("gamma_0", b"gAMA", bytes(4)), ("gamma_short", b"gAMA", b"\0"), ("gamma_long", b"gAMA", bytes(9)),
        ("srgb", b"sRGB", b"\0"), ("srgb_9", b"sRGB", b"\x09"), ("srgb_short", b"sRGB", b""), ("chrm", b"cHRM", bytes(32)), ("chrm_4", b"cHRM", bytes(4)),
        ("chrm_short", b"cHRM", bytes(30)), ("phys", b"pHYs", b"\0\0\1\0\0\0\1\0\1"), ("phys_short", b"pHYs", bytes(8)), ("phys_unit_7", b"pHYs", bytes(8) + b"\7"),
        ("exif", b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\1\0\0\0\6\0\0\0\0\0\0\0"), ("exif_bad", b"eXIf", b"abc"),
        ("bkgd", b"bKGD", b"\0"), ("time", b"tIME", b"abc"), ("sbit", b"sBIT", b"\1"), ("hist", b"hIST", b"x"), ("private", b"prVt", b"abc"), ("unknown_critical", b"ABCD", b"abc"),
        ("trns_short_rgb", b"tRNS", bytes(5)), ("trns_long_rgb", b"tRNS", bytes(9)),
    ]:
        yield f"{name}_before", png(chunk(kind, data))
        if name not in ("icc_1_mib", "ztxt_1_mib"):
            yield f"{name}_behind", png(behind=chunk(kind, data))
    yield "trns_short_grey", png(chunk(b"tRNS", b"\1"), color=0)
    yield "trns_short_la", png(chunk(b"tRNS", b"\1"), color=4)


def damaged() -> Iterator[tuple[str, bytes]]:
    rows = raster()
    data = zlib.compress(rows)
    whole = png()
    idat = whole.index(b"IDAT") - 4
    for kind, body in [(b"IHDR", None), (b"PLTE", b"abc"), (b"gAMA", bytes(4)), (b"tEXt", b"k\0v"), (b"prVt", b"x"), (b"IDAT", data), (b"IEND", b"")]:
        name = kind.decode()
        if kind == b"IHDR":
            yield f"crc_{name}", patched(whole, 29, b"\0\0\0\0")
        elif kind == b"IDAT":
            yield f"crc_{name}", SIGNATURE + ihdr() + chunk(kind, body, 0) + chunk(b"IEND")
        elif kind == b"IEND":
            yield f"crc_{name}", whole[:-4] + bytes(4)
        else:
            yield f"crc_{name}_before", png(chunk(kind, body, 0))
            yield f"crc_{name}_behind", png(behind=chunk(kind, body, 0))
    yield "no_iend", whole[:-12]
    for n in range(1, 17):
        yield f"cut_by_{n}", whole[:-n]
    for n in (8, 12, 20, 30, 33, 36, 40, 41, 60, 200):
        yield f"cut_to_{n}", whole[:n]
    yield "trailing", whole + b"trailing"
    yield "trailing_chunk_cut", png(behind=struct.pack(">I", 99) + b"tEXtabc", end=b"")
    yield "trailing_idat_cut", png(behind=struct.pack(">I", 99) + b"IDATabc", end=b"")
    yield "trailing_idat", png(behind=chunk(b"IDAT", b"more"))
    yield "trailing_bad_name", png(behind=chunk(b"a-b!", b"more"))
    yield "bad_name_before", png(chunk(b"a-b!", b"more"))
    yield "digits_in_name", png(chunk(b"a1_9", b"more"))
    yield "iend_first", SIGNATURE + ihdr() + chunk(b"IEND") + chunk(b"IDAT", data)
    yield "no_ihdr", SIGNATURE + chunk(b"IDAT", data) + chunk(b"IEND")
    yield "ihdr_late", SIGNATURE + chunk(b"tEXt", b"k\0v") + ihdr() + chunk(b"IDAT", data)
    yield "ihdr_twice", png(ihdr(8, 2, 9, 5))
    yield "ihdr_twice_wrong_kind", png(ihdr(3, 5))
    yield "ihdr_behind", png(behind=ihdr(8, 0, 5, 5))
    yield "ihdr_short", SIGNATURE + chunk(b"IHDR", bytes(12)) + chunk(b"IDAT", data)
    yield "ihdr_long", SIGNATURE + chunk(b"IHDR", ihdr()[8:21] + b"more") + chunk(b"IDAT", data) + chunk(b"IEND")
    for rest in (b"\1\0\0", b"\0\1\0", b"\0\0\2", b"\0\0\xff"):
        yield f"ihdr_{rest.hex()}", SIGNATURE + ihdr(rest=rest) + chunk(b"IDAT", zlib.compress(raster(interlaced=rest[2] > 0))) + chunk(b"IEND")
    for width, height in [(0, 5), (5, 0), (1 << 31, 1), (30000, 30000)]:
        yield f"size_{width}x{height}", SIGNATURE + ihdr(width=width, height=height) + chunk(b"IDAT", data)
    split = [data[i : i + 7] for i in range(0, len(data), 7)]
    yield "many_idat", SIGNATURE + ihdr() + b"".join(chunk(b"IDAT", part, 1) for part in split) + chunk(b"IEND")
    yield "empty_idat", SIGNATURE + ihdr() + chunk(b"IDAT") + chunk(b"IDAT", data[:50]) + chunk(b"IDAT") + chunk(b"IDAT", data[50:]) + chunk(b"IEND")
    yield "text_between_idat", SIGNATURE + ihdr() + chunk(b"IDAT", data[:50]) + chunk(b"tEXt", b"k\0v") + chunk(b"IDAT", data[50:]) + chunk(b"IEND")
    yield "ddat", SIGNATURE + ihdr() + chunk(b"IDAT", data[:50]) + chunk(b"DDAT", data[50:]) + chunk(b"IEND")
    yield "ddat_first", SIGNATURE + ihdr() + chunk(b"DDAT", data) + chunk(b"IEND")
    yield "adler_wrong", png(data=data[:-4] + bytes(4))
    yield "adler_missing", png(data=data[:-4])
    yield "stream_cut", png(data=data[:-9])
    yield "junk_in_idat", png(data=data + b"junk")
    row = 1 + 3 * WIDTH
    yield "rows_missing", png(data=zlib.compress(rows[: 5 * row]))
    yield "rows_missing_at_split", SIGNATURE + ihdr() + b"".join(chunk(b"IDAT", zlib.compress(rows[: 5 * row], 0)[i : i + row]) for i in range(0, 5 * row + 11, row)) + chunk(b"IEND")
    yield "half_a_row_missing", png(data=zlib.compress(rows[: 5 * row + 9]))
    yield "one_byte_missing", png(data=zlib.compress(rows[:-1]))
    yield "no_rows", png(data=zlib.compress(b""))
    yield "rows_too_many", png(data=zlib.compress(rows + rows))
    yield "interlaced_rows_missing", png(interlaced=True, data=zlib.compress(raster(interlaced=True)[:200]))
    yield "interlaced_passes_missing", png(interlaced=True, data=zlib.compress(raster(interlaced=True)[: 2 * 7 + 2 * 4]))
    yield "palette_rows_missing", png(plte(16), color=3, bits=4, data=zlib.compress(raster(4, 3)[: 3 * 8]))
    for name in (5, 6, 200):
        yield f"filter_{name}", png(data=zlib.compress(patched(rows, 4 * row, bytes([name]))))
    yield "zlib_header_bad", png(data=b"\x78\x02" + data[2:])
    yield "zlib_method_bad", png(data=b"\x79" + data[1:])
    yield "zlib_dictionary", png(data=b"\x78\xbb" + data[2:])
    yield "raw_deflate", png(data=data[2:-4])
    yield "gzip", png(data=b"\x1f\x8b\x08\0\0\0\0\0\0\0" + data[2:-4])
    for level in (0, 1, 9):
        yield f"level_{level}", png(data=zlib.compress(rows, level))
    for at in (3, 10, 40, 100, len(data) - 8, len(data) - 5):
        yield f"idat_flipped_{at}", png(data=patched(data, at, bytes([data[at] ^ 0x3C])))
    yield "length_too_long", patched(whole, idat, struct.pack(">I", len(data) + 16))
    yield "length_too_short", patched(whole, idat, struct.pack(">I", len(data) - 9))
    yield "signature_wrong", b"\x89PNG\n\n\x1a\n" + whole[8:]
    yield "pillow_rgb", save(image(), "PNG", optimize=True)
    yield "pillow_bit", save(image().convert("1"), "PNG")
    yield "pillow_palette", save(image().quantize(7), "PNG", transparency=3)


def fctl(number: int, width: int = WIDTH, height: int = HEIGHT, x: int = 0, y: int = 0, dispose: int = 0, blend: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, x, y, 1, 10, dispose, blend))


def fdat(number: int, data: bytes) -> bytes:
    return chunk(b"fdAT", struct.pack(">I", number) + data)


def animations() -> Iterator[tuple[str, bytes]]:
    act = lambda n=2, loops=0: chunk(b"acTL", struct.pack(">II", n, loops))
    data = zlib.compress(raster())
    part = zlib.compress(raster(width=5, height=4))
    second = fctl(1) + fdat(2, zlib.compress(raster(seed=9)))
    make = lambda *chunks, head=ihdr(): SIGNATURE + head + b"".join(chunks) + chunk(b"IEND")
    yield "animated", make(act(), fctl(0), chunk(b"IDAT", data), second)
    yield "animated_default_image", make(act(), chunk(b"IDAT", data), fctl(0), fdat(1, part))
    for dispose in range(3):
        for blend in range(2):
            yield f"animated_dispose_{dispose}_blend_{blend}", make(act(), fctl(0, dispose=dispose, blend=blend), chunk(b"IDAT", data), second)
            yield f"animated_part_{dispose}_{blend}", make(act(), fctl(0, 5, 4, 3, 2, dispose, blend), chunk(b"IDAT", part), second)
    for n in (0, 1, 3, 0x80000000, 0x80000001):
        yield f"animated_of_{n}", make(act(n), fctl(0), chunk(b"IDAT", data), second)
    yield "animated_twice", make(act(), act(), fctl(0), chunk(b"IDAT", data), second)
    yield "animated_short", make(chunk(b"acTL", bytes(7)), fctl(0), chunk(b"IDAT", data))
    yield "no_actl", make(fctl(0), chunk(b"IDAT", data), second)
    yield "no_actl_part", make(fctl(0, 5, 4, 3, 2), chunk(b"IDAT", part))
    yield "frame_outside", make(act(), fctl(0, 5, 4, 10, 2), chunk(b"IDAT", part))
    yield "frame_of_0", make(act(), fctl(0, 0, 4), chunk(b"IDAT", part))
    yield "frame_starts_at_1", make(act(), fctl(1), chunk(b"IDAT", data))
    yield "frame_twice", make(act(), fctl(0, 5, 4), fctl(1, 5, 4, 1, 1), chunk(b"IDAT", part))
    yield "frame_short", make(act(), chunk(b"fcTL", bytes(25)), chunk(b"IDAT", data))
    yield "fdat_first", make(act(), fctl(0), fdat(1, data))
    yield "fdat_first_part", make(act(), fctl(0, 5, 4, 2, 2), fdat(1, part[:30]), fdat(2, part[30:]))
    yield "fdat_out_of_order", make(act(), fctl(0, 5, 4, 2, 2), fdat(1, part[:30]), fdat(3, part[30:]))
    yield "fdat_without_fctl", make(act(), fdat(0, data))
    yield "fdat_short", make(act(), fctl(0), chunk(b"fdAT", b"\0\0\1"))
    yield "fdat_behind_out_of_order", make(act(1), fctl(0), chunk(b"IDAT", data), fdat(7, data))
    yield "fdat_behind_alone", make(chunk(b"IDAT", data), fdat(0, data))
    yield "fctl_behind_bad", make(chunk(b"IDAT", data), fctl(4))
    yield "fctl_behind_bad_animated", make(act(), fctl(0), chunk(b"IDAT", data), fctl(4), fdat(9, b"x"))
    yield "actl_behind", make(chunk(b"IDAT", data), act(), fctl(0), fdat(1, data))
    interlaced = zlib.compress(raster(width=5, height=4, interlaced=True))
    yield "interlaced_part", make(act(), fctl(0, 5, 4, 3, 2), chunk(b"IDAT", interlaced), head=ihdr(rest=b"\0\0\1"))
    yield "palette_part", make(plte(4), act(), fctl(0, 5, 4, 3, 2), chunk(b"IDAT", zlib.compress(raster(2, 3, 5, 4))), head=ihdr(2, 3))
    yield "pillow_animated", save(image(), "PNG", save_all=True, append_images=[image(seed=2)], duration=100)
    yield "pillow_animated_default", save(image(), "PNG", save_all=True, append_images=[image(seed=2)], default_image=True)


def files() -> Iterator[tuple[str, bytes]]:
    for part in (kinds, texts, damaged, animations):
        for name, data in part():
            yield name + ".png", data
