"""JPEG 2000 in boxes (JP2) and bare (J2K): Pillow's own, opj_compress's, and both with their headers edited or damaged.

Needs opj_compress (Debian: libopenjp2-tools) for depths, signs and subsampled components that Pillow cannot write.
"""

import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import numbers, patched, picture, save
from PIL import Image

WIDTH, HEIGHT = 11, 7
ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


def of_mode(mode: str, width: int = WIDTH, height: int = HEIGHT, seed: int = 1) -> Image.Image:
    if mode == "I;16":
        grey = picture(width, height, 1, seed)[..., 0].astype(np.uint16)
        return Image.fromarray(grey * 3)  # both below and above 255, where Pillow clamps
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    array = picture(width, height, channels, seed)
    return Image.fromarray(array[..., 0] if channels == 1 else array, mode)


def pillow(image: Image.Image, **options) -> bytes:
    return save(image, "JPEG2000", **options)


def opj(planes: list[np.ndarray], depth: int, signed: bool, subsampling: str, size: tuple[int, int], *options: str, kind: str = "jp2") -> bytes:
    """Encodes planes of one depth, `subsampling` as `1x1:2x2:2x2`. Nothing where its buffer does not hold the result."""
    wide = depth > 8
    raw = b"".join(plane.astype(("<i2" if signed else "<u2") if wide else ("i1" if signed else "u1")).tobytes() for plane in planes)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.rawl"), Path(folder, f"a.{kind}")
        source.write_bytes(raw)
        form = f"{size[0]},{size[1]},{len(planes)},{depth},{'s' if signed else 'u'}@{subsampling}"
        command = ["opj_compress", "-i", str(source), "-o", str(target), "-F", form, "-n", "2", *options]
        done = subprocess.run(command, check=False, capture_output=True)
        return target.read_bytes() if done.returncode == 0 else b""


def planes(depth: int, signed: bool, subsampling: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[np.ndarray]:
    """A picture's channels, each of the size that its subsampling leaves (rounded up)."""
    out = []
    for channel, text in enumerate(subsampling.split(":")):
        dx, dy = map(int, text.split("x"))
        width, height = -(-size[0] // dx), -(-size[1] // dy)
        plane = picture(width, height, 4, 1)[..., channel].astype(np.int64)
        noise = numbers(width * height, 7 + channel).reshape(height, width).astype(np.int64)
        plane = (plane << 8 | noise & 255) >> (16 - depth) if depth <= 16 else plane
        out.append(plane - (1 << depth - 1) if signed else plane)
    return out


# --- boxes ----------------------------------------------------------------------------------------------------


def box(kind: bytes, body: bytes, form: str = "short") -> bytes:
    if form == "long":
        return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
    return struct.pack(">I4s", 0 if form == "open" else len(body) + 8, kind) + body


SIGNATURE = box(b"jP  ", b"\r\n\x87\n")
FTYP = box(b"ftyp", b"jp2 \0\0\0\0jp2 ")


def ihdr(width: int, height: int, components: int, depth: int = 8, kind: int = 7, unknown: int = 0) -> bytes:
    return box(b"ihdr", struct.pack(">IIHBBBB", height, width, components, depth - 1, kind, unknown, 0))


def colr(space: int) -> bytes:
    return box(b"colr", struct.pack(">BBBI", 1, 0, 0, space))


def icc(length: int = 40) -> bytes:
    return box(b"colr", bytes([2, 0, 0]) + bytes(range(length)))


def pclr(colors: list[tuple[int, ...]], depth: int = 8) -> bytes:
    columns = len(colors[0]) if colors else 3
    body = struct.pack(">HB", len(colors), columns) + bytes([depth - 1] * columns)
    return box(b"pclr", body + b"".join(bytes(color) for color in colors))


def cmap(columns: int = 3) -> bytes:
    return box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, column) for column in range(columns)))


def jp2(stream: bytes, *header: bytes, before: bytes = b"", form: str = "short", ftyp: bytes = FTYP) -> bytes:
    return SIGNATURE + ftyp + before + box(b"jp2h", b"".join(header)) + box(b"jp2c", stream, form)


# --- groups ---------------------------------------------------------------------------------------------------


def saved() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "LA", "RGB", "RGBA", "I;16"):
        name, image = mode.replace(";", ""), of_mode(mode)
        for bare in (False, True):
            suffix = "j2k" if bare else "jp2"
            yield f"{name}.{suffix}", pillow(image, no_jp2=bare)
            yield f"{name}_97.{suffix}", pillow(image, no_jp2=bare, irreversible=True, quality_mode="rates", quality_layers=[4])
            yield f"{name}_signed.{suffix}", pillow(image, no_jp2=bare, signed=True)
        yield f"{name}_tiles.jp2", pillow(image, tile_size=(6, 5))
    p = of_mode("RGB")
    for mct in (0, 1):
        yield f"mct_{mct}.jp2", pillow(p, mct=mct)
        yield f"mct_{mct}_97.jp2", pillow(p, mct=mct, irreversible=True)
        yield f"mct_{mct}_rgba.jp2", pillow(of_mode("RGBA"), mct=mct)
    for order in ORDERS:
        yield f"order_{order}.jp2", pillow(p, progression=order, quality_layers=[30, 10, 1], tile_size=(8, 8), precinct_size=(16, 16))
        yield f"order_{order}_97.j2k", pillow(p, progression=order, quality_layers=[30, 10], irreversible=True, no_jp2=True)
    for layers in ([80], [40, 20], [60, 30, 15, 5, 1], [0]):
        yield f"layers_{'_'.join(map(str, layers))}.jp2", pillow(p, quality_layers=layers)
    for quality in ([20], [30, 45]):
        yield f"decibels_{quality[-1]}.jp2", pillow(p, quality_mode="dB", quality_layers=quality, irreversible=True)
    for count in (1, 2, 3, 6):
        yield f"resolutions_{count}.jp2", pillow(of_mode("RGB", 34, 33), num_resolutions=count)
    for size in ((4, 4), (16, 64), (64, 4)):
        yield f"codeblock_{size[0]}_{size[1]}.jp2", pillow(p, codeblock_size=size)
    for side in (16, 32, 64):
        yield f"precinct_{side}.jp2", pillow(of_mode("RGB", 20, 19), precinct_size=(side, side), num_resolutions=2)
    for width, height in ((1, 1), (1, 40), (40, 1), (2, 3), (32, 16), (17, 9)):
        yield f"size_{width}x{height}.jp2", pillow(of_mode("RGB", width, height))
        yield f"size_{width}x{height}_97.j2k", pillow(of_mode("L", width, height), no_jp2=True, irreversible=True)
    yield "plt.jp2", pillow(p, plt=True)
    yield "comment.jp2", pillow(p, comment="a comment")
    yield "comment.j2k", pillow(p, comment="a comment", no_jp2=True)


def encoded() -> Iterator[tuple[str, bytes]]:
    size = (WIDTH, HEIGHT)
    for count in (1, 2, 3, 4):
        for depth in (1, 2, 4, 7, 8, 9, 10, 12, 16):
            for signed in (False, True):
                sub = ":".join(["1x1"] * count)
                data = planes(depth, signed, sub)
                kind = "j2k" if (count + depth + signed) % 2 else "jp2"
                yield f"depth_{count}_{depth}_{'s' if signed else 'u'}.{kind}", opj(data, depth, signed, sub, size, kind=kind)
        for kind in ("j2k", "jp2"):
            sub = ":".join(["1x1"] * count)
            yield f"depth_{count}_12_97.{kind}", opj(planes(12, False, sub), 12, False, sub, size, "-I", "-r", "3", kind=kind)
    subs = ["1x1:2x2:2x2", "1x1:2x1:2x1", "1x1:1x2:1x2", "1x1:4x1:4x1", "2x2:1x1:1x1", "2x2:2x2:2x2", "1x1:1x1:2x2", "1x1:3x3:3x3", "1x1:2x1:1x2"]
    subs += ["1x1:2x2:2x2:1x1", "1x1:1x1:1x1:2x2", "2x2:1x1:1x1:1x1", "2x2", "1x1:2x2", "2x1:2x1", "2x2:2x2:2x2:2x2"]
    for sub in subs:
        for width, height in ((12, 8), (11, 7), (9, 6)):
            for kind in ("j2k", "jp2")[: 2 if width == 11 else 1]:
                name = f"sub_{sub.replace(':', '_')}_{width}x{height}.{kind}"
                yield name, opj(planes(8, False, sub, (width, height)), 8, False, sub, (width, height), "-mct", "0", kind=kind)
    for sub in ("1x1:2x2:2x2", "1x1:2x1:2x1", "1x1:2x2:2x2:1x1"):
        for depth, signed in ((12, False), (8, True), (16, False)):
            data = planes(depth, signed, sub, (12, 8))
            yield f"sub_{sub.replace(':', '_')}_{depth}{'s' if signed else 'u'}.jp2", opj(data, depth, signed, sub, (12, 8), "-mct", "0")
        for tiles in ("8,8", "6,5", "7,9"):
            data = planes(8, False, sub, (12, 8))
            yield f"sub_{sub.replace(':', '_')}_tiles_{tiles.replace(',', '_')}.j2k", opj(data, 8, False, sub, (12, 8), "-mct", "0", "-t", tiles, kind="j2k")
        yield f"sub_{sub.replace(':', '_')}_97.jp2", opj(planes(8, False, sub, (12, 8)), 8, False, sub, (12, 8), "-mct", "0", "-I", "-r", "4")
    for sub, left, tile in (("1x1:2x2:2x2", 1, 2), ("1x1:4x1:4x1", 5, 6), ("4x1:1x1:1x1", 5, 6)):
        data, options = planes(8, False, sub, (12, 8)), ("-mct", "0", "-d", f"{left},0", "-t", f"{tile},8", "-n", "1")
        yield f"empty_{sub.replace(':', '_')}.j2k", opj(data, 8, False, sub, (12, 8), *options, kind="j2k")
    rgb = "1x1:1x1:1x1"
    data = planes(8, False, rgb)
    for mode in (1, 2, 4, 8, 16, 32, 63):
        yield f"modes_{mode}.j2k", opj(data, 8, False, rgb, size, "-M", str(mode), kind="j2k")
    for x, y in ((1, 0), (3, 5), (9, 4)):
        yield f"offset_{x}_{y}.jp2", opj(data, 8, False, rgb, size, "-d", f"{x},{y}")
        for side in (7, 10):
            options = ("-d", f"{x},{y}", "-T", f"{x // 2},{y // 2}", "-t", f"{side},{side}")
            yield f"offset_{x}_{y}_tiles_{side}.j2k", opj(data, 8, False, rgb, size, *options, kind="j2k")
    for name, options in {
        "sop_eph": ("-SOP", "-EPH"),
        "tile_parts_r": ("-TP", "R"),
        "tile_parts_l": ("-TP", "L", "-r", "20,5,1"),
        "tile_parts_c": ("-TP", "C", "-p", "CPRL"),
        "roi": ("-ROI", "c=0,U=5"),
        "poc": ("-POC", "T1=0,0,1,1,3,CPRL/T1=0,0,1,2,3,RPCL"),
        "poc_tiles": ("-POC", "T1=0,0,1,1,3,CPRL/T1=0,0,1,2,3,RPCL", "-t", "8,8"),
        "tlm": ("-TLM", "-t", "8,8"),
        "offsets": ("-d", "5,3", "-T", "2,1", "-t", "7,5"),
        "guard": ("-GuardBits", "4"),
        "precincts": ("-c", "[16,16],[8,8]"),
    }.items():
        yield f"{name}.j2k", opj(data, 8, False, rgb, size, *options, kind="j2k")
        yield f"{name}_97.jp2", opj(data, 8, False, rgb, size, "-I", "-r", "3", *[o for o in options if o not in ("-r", "20,5,1")])


def stream(mode: str, **options) -> bytes:
    return pillow(of_mode(mode), no_jp2=True, **options)


def boxes() -> Iterator[tuple[str, bytes]]:
    size = (WIDTH, HEIGHT)
    for mode, count in (("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)):
        for space in (0, 12, 14, 15, 16, 17, 18, 20, 24, 99):
            yield f"colr_{count}_{space}.jp2", jp2(stream(mode, mct=0), ihdr(*size, count), colr(space))
        yield f"colr_{count}_icc.jp2", jp2(stream(mode), ihdr(*size, count), icc())
        yield f"colr_{count}_none.jp2", jp2(stream(mode), ihdr(*size, count))
        yield f"colr_{count}_first.jp2", jp2(stream(mode), colr(16 if count > 2 else 17), ihdr(*size, count))
        yield f"colr_{count}_two.jp2", jp2(stream(mode), ihdr(*size, count), icc(), colr(16 if count > 2 else 17))
        for stated in (1, 2, 3, 4, 5):
            if stated != count:
                yield f"ihdr_{count}_says_{stated}.jp2", jp2(stream(mode), ihdr(*size, stated), colr(16 if stated > 2 else 17))
                yield f"ihdr_{count}_says_{stated}_bare.jp2", jp2(stream(mode), ihdr(*size, stated))
    for stated in ((12, 8), (10, 7), (11, 6), (0, 7), (40, 30)):
        yield f"ihdr_size_{stated[0]}_{stated[1]}.jp2", jp2(stream("RGB"), ihdr(*stated, 3), colr(16))
    for depth in (1, 7, 9, 10, 12, 16, 256):
        yield f"ihdr_depth_{depth}_of_8.jp2", jp2(stream("L"), ihdr(*size, 1, depth), colr(17))
    for depth in (8, 9, 16):
        yield f"ihdr_depth_{depth}_of_16.jp2", jp2(stream("I;16"), ihdr(*size, 1, depth), colr(17))
    yield "ihdr_kind_8.jp2", jp2(stream("L"), ihdr(*size, 1, kind=8), colr(17))
    yield "ihdr_none.jp2", jp2(stream("L"), colr(17))
    yield "ihdr_two.jp2", jp2(stream("L"), ihdr(*size, 1), ihdr(*size, 1), colr(17))
    yield "ihdr_short.jp2", jp2(stream("L"), box(b"ihdr", bytes(8)), colr(17))
    rgb, head = stream("RGB"), (ihdr(*size, 3), colr(16))
    yield "header_empty.jp2", jp2(rgb)
    yield "stream_to_the_end.jp2", jp2(rgb, *head, form="open")
    yield "stream_long_box.jp2", jp2(rgb, *head, form="long")
    yield "box_before.jp2", jp2(rgb, *head, before=box(b"xml ", b"<a/>"))
    yield "box_before_long.jp2", jp2(rgb, *head, before=box(b"uuid", bytes(20), "long"))
    yield "box_before_open.jp2", jp2(rgb, *head, before=box(b"free", b"", "open"))
    yield "box_inside.jp2", jp2(rgb, *head, box(b"res ", box(b"resc", struct.pack(">HHHHBB", 300, 1, 300, 1, 2, 2))))
    yield "box_inside_unknown.jp2", jp2(rgb, *head, box(b"what", b"12345"))
    yield "box_inside_too_long.jp2", jp2(rgb, *head, struct.pack(">I4s", 100, b"what"))
    yield "box_behind.jp2", jp2(rgb, *head) + box(b"xml ", b"<a/>")
    yield "bytes_behind.jp2", jp2(rgb, *head) + b"some more bytes"
    yield "stream_first.jp2", SIGNATURE + FTYP + box(b"jp2c", rgb) + box(b"jp2h", b"".join(head))
    yield "no_stream.jp2", SIGNATURE + FTYP + box(b"jp2h", b"".join(head))
    yield "no_ftyp.jp2", jp2(rgb, *head, ftyp=b"")
    yield "ftyp_jpx.jp2", jp2(rgb, *head, ftyp=box(b"ftyp", b"jpx \0\0\0\0jp2 "))
    yield "ftyp_short.jp2", jp2(rgb, *head, ftyp=box(b"ftyp", b"jp"))
    yield "bpcc.jp2", jp2(rgb, ihdr(*size, 3, 256), box(b"bpcc", bytes([7, 7, 7])), colr(16))
    yield "cdef_rgba.jp2", jp2(stream("RGBA"), ihdr(*size, 4), colr(16), box(b"cdef", struct.pack(">H" + "HHH" * 4, 4, 0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 1, 0)))
    yield "cdef_bgr.jp2", jp2(rgb, *head, box(b"cdef", struct.pack(">H" + "HHH" * 3, 3, 0, 0, 3, 1, 0, 2, 2, 0, 1)))
    yield "cmyk.jp2", jp2(stream("RGBA", mct=0), ihdr(*size, 4), colr(12))
    yield "cmyk_first.jp2", jp2(stream("RGBA", mct=0), colr(12), ihdr(*size, 4))


def palettes() -> Iterator[tuple[str, bytes]]:
    size = (WIDTH, HEIGHT)
    index = Image.fromarray((picture(WIDTH, HEIGHT, 1)[..., 0] % 24).astype(np.uint8))
    grey = pillow(index, no_jp2=True)
    pale = pillow(Image.merge("LA", (index, of_mode("L", seed=3))), no_jp2=True)
    colors = [tuple(int(v) for v in row) for row in numbers(24 * 3, 5).reshape(24, 3) % 256]
    alpha = [(*color, 255 - i) for i, color in enumerate(colors)]
    twice = colors[:9] + colors[:3] + colors[12:]
    many = [(i % 256, i // 256, 7) for i in range(300)]
    for name, table in {"rgb": colors, "rgba": alpha, "twice": twice, "short": colors[:5], "many": many, "many_twice": colors * 11, "none": []}.items():
        columns = len(table[0]) if table else 3
        for space in (12, 14, 15, 16, 17, 18):
            yield f"palette_{name}_{space}.jp2", jp2(grey, ihdr(*size, 1), colr(space), pclr(table), cmap(columns))
        yield f"palette_{name}_icc.jp2", jp2(grey, ihdr(*size, 1), icc(), pclr(table), cmap(columns))
        yield f"palette_{name}_before_colr.jp2", jp2(grey, ihdr(*size, 1), pclr(table), cmap(columns), colr(16))
        yield f"palette_{name}_alpha.jp2", jp2(pale, ihdr(*size, 2), colr(16), pclr(table), cmap(columns))
    for columns in (1, 2, 5):
        table = [tuple((color + color)[:columns]) for color in colors]
        yield f"palette_columns_{columns}.jp2", jp2(grey, ihdr(*size, 1), colr(16), pclr(table), cmap(columns))
    for depth in (9, 10, 12):
        yield f"palette_depth_{depth}.jp2", jp2(grey, ihdr(*size, 1), colr(16), pclr(colors, depth), cmap())
    yield "palette_two.jp2", jp2(grey, ihdr(*size, 1), colr(16), pclr(colors), pclr(colors[::-1]), cmap())
    yield "palette_cut.jp2", jp2(grey, ihdr(*size, 1), colr(16), pclr(colors)[:-5], cmap())
    yield "palette_of_rgb.jp2", jp2(stream("RGB"), ihdr(*size, 3), colr(16), pclr(colors), cmap())
    yield "palette_first.jp2", jp2(grey, pclr(colors), ihdr(*size, 1), colr(16), cmap())
    yield "palette_of_8_bits.jp2", jp2(stream("L"), ihdr(*size, 1), colr(16), pclr(colors), cmap())


def edited() -> Iterator[tuple[str, bytes]]:
    """Fields of SIZ and COD with other values: sizes, components and counts that the rest of the file does not have."""
    bare = stream("RGB")
    siz = bare.index(b"\xff\x51") + 2
    for name, at, form, values in (
        ("length", 0, ">H", (37, 38, 40, 50)),
        ("capabilities", 2, ">H", (1, 2, 0x4000)),
        ("width", 4, ">I", (0, 10, 12, 100)),
        ("height", 8, ">I", (0, 6, 8)),
        ("left", 12, ">I", (1, 11, 12)),
        ("tile_width", 20, ">I", (0, 6, 10, 1000, 0xFFFFFFFF)),
        ("tile_height", 24, ">I", (0, 1)),
        ("tile_left", 28, ">I", (1, 11)),
        ("components", 36, ">H", (0, 1, 2, 4, 5)),
        ("depth_0", 38, ">B", (0, 0x87, 15, 24, 37, 38)),
        ("depth_2", 44, ">B", (3, 15, 24)),
        ("dx_0", 39, ">B", (0, 2, 255)),
        ("dy_1", 43, ">B", (0, 2)),
    ):
        for value in values:
            yield f"siz_{name}_{value}.j2k", patched(bare, siz + at, struct.pack(form, value))
    cod = bare.index(b"\xff\x52") + 2
    for name, at, values in (("order", 3, (5, 255)), ("layers", 4, (0, 255)), ("mct", 6, (0, 1, 2)), ("levels", 7, (0, 4, 6, 33)), ("block", 8, (3, 9, 255)), ("style", 10, (1, 8, 64, 255)), ("wavelet", 11, (0, 1, 2))):
        for value in values:
            yield f"cod_{name}_{value}.j2k", patched(bare, cod + at, bytes([value]))
    sot = bare.index(b"\xff\x90") + 2
    for name, at, form, values in (("length", 0, ">H", (9, 11)), ("tile", 2, ">H", (1, 65535)), ("part_length", 4, ">I", (0, 1, 14, 100, 10**6)), ("part", 8, ">B", (1, 254)), ("parts", 9, ">B", (0, 2, 255))):
        for value in values:
            yield f"sot_{name}_{value}.j2k", patched(bare, sot + at, struct.pack(form, value))
    unknown = b"\xff\x30\xff\x65\0\4ab\xff\x64\0\2"
    yield "markers_unknown.j2k", bare[: siz + 49 - 2] + unknown + bare[siz + 49 - 2 :]
    yield "no_end.j2k", bare[:-2]
    yield "no_end.jp2", jp2(bare[:-2], ihdr(WIDTH, HEIGHT, 3), colr(16))
    yield "twice.j2k", bare + bare
    yield "behind.j2k", bare + b"more"


def damaged() -> Iterator[tuple[str, bytes]]:
    """Cut, and with bytes flipped, in a way that depends on nothing but the position in the list."""
    wholes = {
        "rgb": pillow(of_mode("RGB")),
        "tiles": stream("RGB", tile_size=(8, 8), quality_layers=[20, 1], progression="RPCL"),
        "grey_97": stream("L", irreversible=True, quality_layers=[3]),
        "deep": pillow(of_mode("I;16")),
    }
    for number, (name, whole) in enumerate(wholes.items()):
        for part in range(2, 12, 2):
            yield f"cut_{name}_{part}", whole[: len(whole) * part // 12]
        yield f"cut_{name}_end", whole[:-1]
        where = numbers(3 * 24, 100 + number)
        for i in range(20):
            at, bit = int(where[3 * i]) % len(whole), int(where[3 * i + 1]) % 8
            yield f"flip_{name}_{i}", patched(whole, at, bytes([whole[at] ^ 1 << bit]))
        for i in range(6):
            at = int(where[3 * i + 2]) % len(whole)
            yield f"lost_{name}_{i}", whole[:at] + whole[at + 3 :]


def files() -> Iterator[tuple[str, bytes]]:
    for group in (saved, encoded, boxes, palettes, edited, damaged):
        yield from ((name, data) for name, data in group() if data)
