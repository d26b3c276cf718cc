"""BMP: depths, generations of headers, masks, runs, palettes, pixel offsets, rows from the top, cut files."""

import struct
from collections.abc import Iterator

from common import HEIGHT, WIDTH, image, numbers, patched, picture, save

OS2, INFO, V2, V3, OS2_2, V4, V5 = 12, 40, 52, 56, 64, 108, 124


def noise(count: int, seed: int = 7) -> bytes:
    return numbers(count, seed).astype("<u4").view("u1")[::4].tobytes()


def rows(bits: int, width: int = WIDTH, height: int = HEIGHT, most: int | None = None) -> bytes:
    """Random rows, padded to four bytes; `most` bounds the values of 8 bits."""
    raster = noise((width * bits + 31) // 32 * 4 * height)
    return raster if most is None else bytes(value % (most + 1) for value in raster)


def palette(count: int, entry: int = 4, order=lambda i: (i * 37 % 256, i * 91 % 256, 255 - i % 256)) -> bytes:
    return b"".join(bytes(order(i)) + bytes(entry - 3) for i in range(count))


def ramp(count: int, step: int = 1, entry: int = 4) -> bytes:
    return palette(count, entry, lambda i: (i * step % 256,) * 3)


def bmp(
    bits: int,
    raster: bytes,
    *,
    header: int = INFO,
    width: int = WIDTH,
    height: int = HEIGHT,
    compression: int = 0,
    colors: int = 0,
    table: bytes = b"",
    masks: tuple[int, ...] = (),
    offset: int | None = None,
    gap: bytes = b"",
    planes: int = 1,
) -> bytes:
    """A file of one of the header generations. Masks stand in the header where it has room for them, else behind it."""
    if header == OS2:
        info = struct.pack("<IHHHH", 12, width, height, planes, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, planes, bits, compression, len(raster), 2835, 2835, colors, 0)
        more = struct.pack(f"<{len(masks)}I", *masks)
        info += more.ljust(header - INFO, b"\0") if header > INFO else more
    start = 14 + len(info) + len(table) + len(gap)
    offset = start if offset is None else offset
    return b"BM" + struct.pack("<IHHI", start + len(raster), 0, 0, offset) + info + table + gap + raster


LAYOUTS_32 = {
    "bgrx": (0xFF0000, 0xFF00, 0xFF, 0), "xbgr": (0xFF000000, 0xFF0000, 0xFF00, 0), "bgxr": (0xFF000000, 0xFF00, 0xFF, 0),
    "abgr": (0xFF000000, 0xFF0000, 0xFF00, 0xFF), "rgba": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "bgra": (0xFF0000, 0xFF00, 0xFF, 0xFF000000), "bgar": (0xFF000000, 0xFF00, 0xFF, 0xFF0000), "none": (0, 0, 0, 0),
    "rgbx": (0xFF, 0xFF00, 0xFF0000, 0), "ten_bits": (0x3FF00000, 0xFFC00, 0x3FF, 0),
}
LAYOUTS_16 = {
    "565": (0xF800, 0x7E0, 0x1F, 0), "555": (0x7C00, 0x3E0, 0x1F, 0), "1555": (0x7C00, 0x3E0, 0x1F, 0x8000),
    "4444": (0xF00, 0xF0, 0xF, 0xF000), "bgr565": (0x1F, 0x7E0, 0xF800, 0),
}


def depths() -> Iterator[tuple[str, bytes]]:
    for bits in (16, 24, 32):
        yield f"{bits}", bmp(bits, rows(bits))
        yield f"{bits}_top_down", bmp(bits, rows(bits), height=-HEIGHT)
        yield f"{bits}_offset_0", bmp(bits, rows(bits), offset=0)
        yield f"{bits}_gap", bmp(bits, rows(bits), gap=b"a gap")
        yield f"{bits}_palette", bmp(bits, rows(bits), table=palette(7), colors=7)
        yield f"{bits}_os2", bmp(bits, rows(bits), header=OS2)
        yield f"{bits}_cut", bmp(bits, rows(bits))[:-9]
        for header in (V2, V3, OS2_2, V4, V5):
            yield f"{bits}_header_{header}", bmp(bits, rows(bits), header=header)
    for bits in (1, 4, 8):
        n = 1 << bits
        yield f"{bits}", bmp(bits, rows(bits), table=palette(n))
        yield f"{bits}_top_down", bmp(bits, rows(bits), table=palette(n), height=-HEIGHT)
        yield f"{bits}_offset_0", bmp(bits, rows(bits), table=palette(n), offset=0)
        yield f"{bits}_offset_at_palette", bmp(bits, rows(bits), table=palette(n), offset=14 + INFO)
        yield f"{bits}_gap", bmp(bits, rows(bits), table=palette(n), gap=b"a gap")
        yield f"{bits}_os2", bmp(bits, rows(bits), table=palette(n, 3), header=OS2)
        yield f"{bits}_v5", bmp(bits, rows(bits), table=palette(n), header=V5)
        yield f"{bits}_short_palette", bmp(bits, rows(bits), table=palette(n - 1), colors=n - 1)
        yield f"{bits}_long_palette", bmp(bits, rows(bits), table=palette(n + 3), colors=n + 3)
        yield f"{bits}_grey_ramp", bmp(bits, rows(bits), table=ramp(n, 255 if n == 2 else 1), colors=n)
        yield f"{bits}_full_ramp", bmp(bits, rows(bits), table=ramp(n, 255 // (n - 1)), colors=n)
        yield f"{bits}_black_white", bmp(bits, rows(bits), table=ramp(2, 255), colors=2)
        yield f"{bits}_white_black", bmp(bits, rows(bits), table=palette(2, 4, lambda i: (255 - 255 * i,) * 3), colors=2)
        yield f"{bits}_cut", bmp(bits, rows(bits), table=palette(n))[:-5]
    yield "8_one_colour", bmp(8, rows(8), table=palette(1), colors=1)
    yield "8_ramp_of_20", bmp(8, rows(8), table=ramp(20), colors=20)
    yield "8_ramp_of_256_v4", bmp(8, rows(8), table=ramp(256), header=V4)
    yield "8_colors_wrong", bmp(8, rows(8), table=palette(256), colors=70000)
    yield "8_palette_cut", bmp(8, b"", table=palette(100), colors=256, offset=0)
    yield "8_offset_in_palette", bmp(8, rows(8), table=palette(256), offset=14 + INFO + 512)
    for bits in (0, 2, 3, 48):
        yield f"{bits}_bits", bmp(bits, rows(32))


def masked() -> Iterator[tuple[str, bytes]]:
    for header in (INFO, V2, V3, V4, V5):
        for bits, layouts in ((32, LAYOUTS_32), (16, LAYOUTS_16)):
            for name, masks in layouts.items():
                if header in (INFO, V2) and masks[3]:
                    continue
                count = 4 if header >= V3 else 3
                yield f"masks_{bits}_{name}_{header}", bmp(bits, rows(bits), header=header, compression=3, masks=masks[:count])
    yield "masks_24", bmp(24, rows(24), compression=3, masks=(0xFF0000, 0xFF00, 0xFF))
    yield "masks_24_swapped", bmp(24, rows(24), compression=3, masks=(0xFF, 0xFF00, 0xFF0000))
    yield "masks_8", bmp(8, rows(8), table=palette(256), compression=3, masks=(0xE0, 0x1C, 3))
    yield "masks_16_offset_0", bmp(16, rows(16), compression=3, masks=(0xF800, 0x7E0, 0x1F), offset=0)
    yield "masks_32_top_down", bmp(32, rows(32), compression=3, masks=LAYOUTS_32["bgra"], header=V5, height=-HEIGHT)


def rle8(data, end: bytes = b"\0\1", row_end: bytes = b"\0\0") -> bytes:
    """Rows of runs of two, and literals where there is room for one."""
    out = b""
    for row in data:
        for x in range(0, len(row) - 4, 6):
            out += bytes([2, row[x], 0, 4, *row[x + 2 : x + 6]]) if x + 6 <= len(row) else bytes([len(row) - x, row[x]])
        rest = (len(row) - 4 + 5) // 6 * 6
        if rest < len(row):
            out += bytes([len(row) - rest, row[rest]])
        out += row_end
    return out + end


def runs() -> Iterator[tuple[str, bytes]]:
    data = [[v % 16 for v in row] for row in picture(channels=1)[:, :, 0].tolist()]
    colours = palette(16)
    table = palette(256)
    eight = rle8(data)
    whole = lambda raster, bits=8, **more: bmp(bits, raster, compression=1 if bits == 8 else 2, table=table if bits == 8 else colours, **more)
    yield "rle8", whole(eight)
    yield "rle8_ramp", bmp(8, eight, compression=1, table=ramp(256))
    yield "rle8_top_down", whole(eight, height=-HEIGHT)
    yield "rle8_offset_0", whole(eight, offset=0)
    yield "rle8_odd_offset", whole(eight, gap=b"x")
    yield "rle8_no_end", whole(rle8(data, end=b""))
    yield "rle8_no_row_ends", whole(rle8(data, row_end=b""))
    yield "rle8_cut", whole(eight[:-20])
    yield "rle8_early_end", whole(rle8(data[:4]))
    yield "rle8_rows_left_out", whole(rle8([row[:7] for row in data]))
    yield "rle8_run_over_the_row", whole(rle8([[3] * 20 for _ in data]))
    yield "rle8_jump", whole(b"\x03\x01\0\x02\x04\x02" + b"".join(bytes([200, 5]) + b"\0\0" for _ in range(9)) + b"\0\1")
    yield "rle8_jump_far", whole(b"\x03\x01\0\x02\xff\xff\0\1")
    yield "rle8_literal_odd", whole(b"".join(b"\0\x0d" + bytes(range(13)) + b"\0" + b"\0\0" for _ in data) + b"\0\1")
    yield "rle8_short_palette", bmp(8, eight, compression=1, table=palette(10), colors=10)
    four = b"".join(bytes([WIDTH, (3 * y + 1) % 256]) + b"\0\0" for y in range(HEIGHT)) + b"\0\1"
    yield "rle4", whole(four, 4)
    yield "rle4_literal_even", whole(b"".join(b"\0\x08\x12\x34\x56\x78\x05\x9a\0\0" for _ in data) + b"\0\1", 4)
    yield "rle4_literal_odd", whole(b"".join(b"\0\x07\x12\x34\x56\x70\x06\x9a\0\0" for _ in data) + b"\0\1", 4)
    yield "rle4_jump", whole(b"\x03\x31\0\x02\x05\x03" + four, 4)
    yield "rle4_on_8_bits", bmp(8, four, compression=2, table=table)
    yield "rle8_on_4_bits", bmp(4, eight, compression=1, table=colours)
    yield "rle8_on_1_bit", bmp(1, eight, compression=1, table=palette(2))
    yield "rle8_black_white", bmp(8, eight, compression=1, table=ramp(2, 255), colors=2)
    yield "rle8_on_24_bits", bmp(24, eight, compression=1)
    yield "compression_jpeg", bmp(0, save(image(), "JPEG"), compression=4)
    yield "compression_png", bmp(24, save(image(), "PNG"), compression=5)
    yield "compression_6", bmp(32, rows(32), compression=6, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000))


def odd() -> Iterator[tuple[str, bytes]]:
    plain = bmp(24, rows(24))
    yield "pillow_rgba", save(image().convert("RGBA"), "BMP")
    yield "pillow_grey", save(image().convert("L"), "BMP")
    yield "pillow_bit", save(image().convert("1"), "BMP")
    yield "trailing", plain + b"trailing"
    yield "last_padding_missing", plain[:-1]
    yield "one_byte_missing", plain[:-2]
    yield "width_0", bmp(24, rows(24), width=0)
    yield "height_0", bmp(24, rows(24), height=0)
    yield "width_negative", bmp(24, rows(24), width=-WIDTH)
    yield "planes_9", bmp(24, rows(24), planes=9)
    yield "offset_beyond", bmp(24, rows(24), offset=1 << 30)
    yield "offset_small", bmp(24, rows(24), offset=20)
    yield "file_size_wrong", patched(plain, 2, b"\1\0\0\0")
    yield "size_1x1", bmp(24, rows(24, 1, 1), width=1, height=1)
    yield "header_41", patched(plain, 14, struct.pack("<I", 41))
    yield "header_16", patched(plain, 14, struct.pack("<I", 16))
    yield "only_file_header", plain[:14]
    yield "cut_in_header", plain[:40]


def files() -> Iterator[tuple[str, bytes]]:
    for part in (depths, masked, runs, odd):
        for name, data in part():
            yield name + ".bmp", data
