"""GIF: the first frame, with palettes of both kinds, transparency, interlacing, offsets, extensions and damage."""

import struct
from collections.abc import Iterator

from common import HEIGHT, WIDTH, image, numbers, patched, save


def indices(width: int = WIDTH, height: int = HEIGHT, bits: int = 4) -> list[int]:
    noise = numbers(width * height, 5).tolist()
    return [(x // 2 + y // 3 + (noise[y * width + x] % 9 == 0)) % (1 << bits) for y in range(height) for x in range(width)]


def codes(values: list[int], bits: int, *, end: bool = True, first_clear: bool = True, keep_full: bool = False) -> bytes:
    """LZW with a clear code first, one when the table is full (or none), and an end code."""
    clear, out, acc, n = 1 << bits, bytearray(), 0, 0
    table, size = {(i,): i for i in range(clear)}, bits + 1

    def put(code: int) -> None:
        nonlocal acc, n
        acc |= code << n
        n += size
        while n >= 8:
            out.append(acc & 255)
            acc >>= 8
            n -= 8

    if first_clear:
        put(clear)
    word: tuple[int, ...] = ()
    following = clear + 2
    for value in values:
        if (*word, value) in table:
            word = (*word, value)
            continue
        put(table[word])
        if following < 4096:
            table[(*word, value)] = following
            if following == 1 << size and size < 12:
                size += 1
            following += 1
        elif not keep_full:
            put(clear)
            table, size, following = {(i,): i for i in range(clear)}, bits + 1, clear + 2
        word = (value,)
    if word:
        put(table[word])
    if end:
        put(clear + 1)
    if n:
        out.append(acc & 255)
    return bytes(out)


def blocks(data: bytes, size: int = 255, end: bytes = b"\0") -> bytes:
    return b"".join(bytes([len(data[i : i + size])]) + data[i : i + size] for i in range(0, len(data), size)) + end


def palette(bits: int, order=lambda i: (i * 53 % 256, 255 - i * 17 % 256, i * 29 % 256)) -> bytes:
    return b"".join(bytes(order(i)) for i in range(1 << bits))


def ramp(bits: int) -> bytes:
    return palette(bits, lambda i: (i, i, i))


def control(transparent: int | None = None, dispose: int = 0, delay: int = 5) -> bytes:
    return b"!\xf9\4" + bytes([dispose << 2 | (transparent is not None)]) + struct.pack("<HB", delay, transparent or 0) + b"\0"


def frame(
    width: int = WIDTH,
    height: int = HEIGHT,
    *,
    x: int = 0,
    y: int = 0,
    bits: int = 4,
    local: bytes = b"",
    interlaced: bool = False,
    data: bytes | None = None,
    code_bits: int | None = None,
    values: list[int] | None = None,
) -> bytes:
    local_bits = (len(local) // 3).bit_length() - 1
    flags = 64 * interlaced | (128 | local_bits - 1 if local else 0)
    code_bits = max(bits, 2) if code_bits is None else code_bits
    if data is None:
        data = blocks(codes(indices(width, height, bits) if values is None else values, code_bits))
    return b"," + struct.pack("<HHHHBB", x, y, width, height, flags, code_bits) + data


def gif(*parts: bytes, colors: bytes = palette(4), width: int = WIDTH, height: int = HEIGHT, background: int = 3, magic: bytes = b"GIF89a", end: bytes = b";") -> bytes:
    bits = (len(colors) // 3).bit_length() - 1
    flags = 128 | bits - 1 if colors else 0
    return magic + struct.pack("<HHBBB", width, height, flags, background, 0) + colors + b"".join(parts) + end


COMMENT = b"!\xfe\x05hello\0"
LOOP = b"!\xff\x0bNETSCAPE2.0\x03\1\0\0\0"
TEXT = b"!\x01\x0c" + bytes(12) + b"\x03abc\0"


def kinds() -> Iterator[tuple[str, bytes]]:
    for bits in range(1, 9):
        yield f"bits_{bits}", gif(frame(bits=bits), colors=palette(bits))
        yield f"bits_{bits}_ramp", gif(frame(bits=bits), colors=ramp(bits))
        yield f"bits_{bits}_local", gif(frame(bits=bits, local=palette(bits)), colors=b"")
    yield "87a", gif(frame(), magic=b"GIF87a")
    yield "88a", gif(frame(), magic=b"GIF88a")
    yield "no_palette", gif(frame(), colors=b"")
    yield "local_over_global", gif(frame(local=palette(4, lambda i: (i, 3 * i, 9 * i))))
    yield "local_ramp_over_global", gif(frame(local=ramp(4)))
    yield "local_over_global_ramp", gif(frame(local=palette(4)), colors=ramp(4))
    yield "short_palette", gif(frame(bits=4), colors=palette(2))
    yield "short_palette_transparent", gif(control(9), frame(bits=4), colors=palette(2))
    yield "short_local_palette", gif(frame(bits=4, local=palette(1)))
    yield "grey_ramp_but_last", gif(frame(), colors=ramp(4)[:-1] + b"\x10")
    for transparent in (0, 3, 15, 200):
        yield f"transparent_{transparent}", gif(control(transparent), frame())
        yield f"transparent_{transparent}_offset", gif(control(transparent), frame(7, 5, x=3, y=2))
        yield f"transparent_{transparent}_ramp", gif(control(transparent), frame(7, 5, x=3, y=2), colors=ramp(4))
    yield "control_twice", gif(control(3), control(None), frame(7, 5))
    for height in (1, 2, 3, 4, 5, 8, 9, 17):
        yield f"interlaced_{height}", gif(frame(height=height, interlaced=True), height=height)
    yield "interlaced_offset", gif(frame(7, 6, x=2, y=1, interlaced=True))
    for dispose in range(8):
        yield f"dispose_{dispose}", gif(control(None, dispose), frame(7, 5, x=1, y=1), control(2, 2), frame(5, 3))
        yield f"dispose_{dispose}_transparent", gif(control(1, dispose), frame(7, 5, x=1, y=1), frame(5, 3))


def places() -> Iterator[tuple[str, bytes]]:
    for x, y, width, height in [(0, 0, 5, 4), (8, 5, 5, 4), (4, 3, 1, 1), (9, 6, 5, 4), (20, 1, 5, 4), (0, 0, 20, 12), (0, 0, 0, 4), (0, 0, 4, 0)]:
        yield f"frame_{x}_{y}_{width}x{height}", gif(frame(width, height, x=x, y=y))
    yield "background_5_offset", gif(frame(5, 4, x=2, y=2), background=5)
    yield "screen_0x0", gif(frame(), width=0, height=0)
    yield "screen_0x0_offset", gif(frame(x=3, y=1), width=0, height=0)
    yield "screen_large", gif(frame(), width=40, height=30)
    yield "screen_60000", gif(frame(), width=60000, height=60000)


def extensions() -> Iterator[tuple[str, bytes]]:
    yield "comment", gif(COMMENT, frame())
    yield "comment_empty", gif(b"!\xfe\0", frame())
    yield "comment_long", gif(b"!\xfe" + blocks(b"x" * 600), frame())
    yield "loop", gif(LOOP, control(2), frame(), control(2), frame())
    yield "text", gif(TEXT, frame())
    yield "unknown_extension", gif(b"!\x42\x02ab\x01c\0", frame())
    yield "application_empty", gif(b"!\xff\0\0", frame())
    yield "application_empty_at_once", gif(b"!\xff\0", frame())
    yield "control_empty", gif(b"!\xf9\0\0", frame())
    for length in range(1, 7):
        yield f"control_of_{length}", gif(b"!\xf9" + bytes([length]) + b"\1\1\1\1\1\1"[:length] + b"\0", frame())
    yield "control_of_2_opaque", gif(b"!\xf9\x02\0\0\0", frame())
    yield "control_of_3_opaque", gif(b"!\xf9\x03\0\0\0\0", frame())
    yield "junk_before_frame", gif(b"junk\0\0", frame())
    yield "zeros_before_extension", gif(b"\0\0", control(1), frame())
    yield "extension_after", gif(frame(), COMMENT)
    yield "xmp", gif(b"!\xff\x0bXMP DataXMP" + b"<x>" * 50 + b"\1" + bytes(range(255, 0, -1)) + b"\0\0", frame())


def damaged() -> Iterator[tuple[str, bytes]]:
    data, whole = codes(indices(), 4), gif(frame())
    of = lambda data, **more: gif(frame(data=data, **more))
    yield "no_trailer", gif(frame(), end=b"")
    yield "trailing", whole + b"trailing" * 9
    yield "no_block_end", gif(frame(data=blocks(data, end=b"")), end=b"")
    yield "no_end_code", of(blocks(codes(indices(), 4, end=False)))
    yield "no_end_code_no_block_end", gif(frame(data=blocks(codes(indices(), 4, end=False), end=b"")), end=b"")
    yield "no_clear_code", of(blocks(codes(indices(), 4, first_clear=False)))
    yield "blocks_of_1", of(blocks(data, 1))
    yield "blocks_of_7", of(blocks(data, 7))
    yield "empty_block_inside", of(blocks(data[:9], end=b"") + b"\0" + blocks(data[9:]))
    yield "too_few_pixels", of(blocks(codes(indices()[:50], 4)))
    yield "too_few_pixels_two_frames", gif(frame(data=blocks(codes(indices()[:50], 4))), frame(), frame())
    yield "too_many_pixels", of(blocks(codes(indices() + [1, 2, 3] * 40, 4)))
    yield "too_many_pixels_then_bad", of(blocks(codes(indices(), 4, end=False) + b"\xff\xff\xff"))
    yield "last_block_longer", of(blocks(data, end=b"")[:1] + data + b"\0" * 3)
    for bits in (0, 1, 8, 9, 11, 12, 13, 40, 255):
        packed = codes(indices(), bits) if 3 < bits < 12 else data
        yield f"code_bits_{bits}", of(blocks(packed), code_bits=bits)
    for at in (0, 1, 5, 20, 30):
        yield f"flipped_{at}", of(blocks(bytes([*data[:at], data[at] ^ 0x5A, *data[at + 1 :]])))
    noise = [v % 256 for v in numbers(90 * 70, 3).tolist()]
    yield "full_table", gif(frame(90, 70, bits=8, data=blocks(codes(noise, 8))), colors=palette(8), width=90, height=70)
    kept = codes(noise, 8, keep_full=True)
    yield "full_table_kept", gif(frame(90, 70, bits=8, data=blocks(kept)), colors=palette(8), width=90, height=70)
    for cut in (3, 10, 13, 40, 61, 63, 66, 70, 71, 80, len(whole) - 3, len(whole) - 2):
        yield f"cut_{cut}", whole[:cut]
    yield "no_frame", gif()
    yield "trailer_first", gif(b";", frame())
    yield "two_frames", gif(frame(), frame(5, 5))
    yield "pillow_rgb", save(image(), "GIF")
    yield "pillow_grey", save(image().convert("L"), "GIF")
    yield "pillow_bit", save(image().convert("1"), "GIF")
    yield "pillow_interlaced", save(image().quantize(9), "GIF", interlace=1)
    yield "pillow_animated", save(image(), "GIF", save_all=True, append_images=[image(seed=2)], loop=0, duration=50)
    yield "screen_flags", patched(whole, 10, b"\xf3")


def files() -> Iterator[tuple[str, bytes]]:
    for part in (kinds, places, extensions, damaged):
        for name, data in part():
            yield name + ".gif", data
