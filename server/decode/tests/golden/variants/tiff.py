"""TIFF: kinds of samples, byte orders, strips and tiles, planes, codecs, predictors, orientations and odd directories.

Files are put together here from bytes; Pillow lends its encoders for LZW, fax and JPEG only.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from common import numbers, picture
from PIL import Image

# Smaller than the other formats' pictures: there are many of them.
WIDTH, HEIGHT = 7, 6

# Numbers of the tags that are written.
WIDTH_TAG, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL, OFFSETS, ORIENTATION = 256, 257, 258, 259, 262, 266, 273, 274
SAMPLES, ROWS, COUNTS, PLANAR, OPTIONS3, OPTIONS4, PREDICTOR, COLOURS = 277, 278, 279, 284, 292, 293, 317, 320
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS, EXTRA, FORMAT, TABLES, XMP = 322, 323, 324, 325, 338, 339, 347, 700
SUBSAMPLING = 530

NONE, RLE, G3, G4, LZW, OLD_JPEG, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 2, 3, 4, 5, 6, 7, 8, 32946, 32773
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, LONG8: 8}
CODES = {SHORT: "H", LONG: "I", LONG8: "Q"}

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCC, LAB = 0, 1, 2, 3, 5, 6, 8


# --- The file -------------------------------------------------------------------------------------------------


def write(tags: dict, parts: list[bytes], *, order="<", big=False, tiled=False, magic=None, counts=True) -> bytes:
    """A file of one directory: `tags` maps a number to (type, values or bytes); the parts are strips or tiles."""
    head = (b"II" if order == "<" else b"MM") if magic is None else magic[:2]
    size = 8 if big else 4
    word = order + ("Q" if big else "I")
    start = struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)
    out = bytearray(head + (start if magic is None else magic[2:] + bytes(4)))
    places = []
    for part in parts:
        places.append(len(out))
        out += part + bytes(len(part) % 2)
    kind = LONG8 if big else LONG
    tags = dict(tags)
    tags.setdefault(TILE_OFFSETS if tiled else OFFSETS, (kind, places))
    if counts:
        tags.setdefault(TILE_COUNTS if tiled else COUNTS, (kind, [len(part) for part in parts]))
    entries = []
    for tag, (kind, values) in sorted(tags.items()):
        data = values if isinstance(values, bytes) else struct.pack(f"{order}{len(values)}{CODES[kind]}", *values)
        count = len(data) // SIZES[kind]
        if len(data) > size:
            place = struct.pack(word, len(out))
            out += data + bytes(len(data) % 2)
            data = place
        entries.append(struct.pack(order + "HH", tag, kind) + struct.pack(word, count) + data.ljust(size, b"\0"))
    out[len(start) + 2 - size : len(start) + 2] = struct.pack(word, len(out))
    out += struct.pack(order + ("Q" if big else "H"), len(entries)) + b"".join(entries) + bytes(size)
    return bytes(out)


# --- Codecs ---------------------------------------------------------------------------------------------------


def strip_of(image: Image.Image, compression: str, **options) -> bytes:
    """The one strip of a file that Pillow writes."""
    out = io.BytesIO()
    image.save(out, "TIFF", compression=compression, tiffinfo={ROWS: image.height}, **options)
    data = out.getvalue()
    tags = Image.open(io.BytesIO(data)).tag_v2
    (offset,), (count,) = tags[OFFSETS], tags[COUNTS]
    return data[offset : offset + count]


def pack_bits(data: bytes) -> bytes:
    out = b""
    for _, run in itertools.groupby(enumerate(data), lambda pair: (pair[1], pair[0] // 100)):
        value, length = (run := list(run))[0][1], len(run)
        out += bytes([257 - length, value]) if length > 1 else bytes([0, value])
    return out


def saved(image: Image.Image, compression: str) -> bytes:
    out = io.BytesIO()
    image.save(out, "TIFF", compression=compression)
    return out.getvalue()


def fax(rows: np.ndarray, compression: int, options: int = 0) -> bytes:
    """Rows of bits, a set one for black."""
    name = {RLE: "tiff_ccitt", G3: "group3", G4: "group4"}[compression]
    info = {ROWS: rows.shape[0]} | ({OPTIONS3: options} if compression == G3 else {})
    out = io.BytesIO()
    Image.fromarray(rows == 0).save(out, "TIFF", compression=name, tiffinfo=info)
    data = out.getvalue()
    tags = Image.open(io.BytesIO(data)).tag_v2
    strip = data[tags[OFFSETS][0] :][: tags[COUNTS][0]]
    # Pillow writes black as zero, and libtiff codes bits as they are; one more round turns them.
    return strip


def packed(data: bytes, row_len: int, compression: int) -> bytes:
    if compression == LZW:
        return strip_of(Image.frombytes("L", (row_len, len(data) // row_len), data), "tiff_lzw")
    if compression in (DEFLATE, OLD_DEFLATE):
        return zlib.compress(data, 9)
    if compression == PACKBITS:
        return pack_bits(data)
    return data


def predicted(part: np.ndarray, predictor: int, order: str) -> bytes:
    """Rows of samples, of shape (height, width, samples), as bytes of differences."""
    if predictor == 2:
        part = np.concatenate([part[:, :1], np.diff(part, axis=1)], axis=1)
        return part.astype(part.dtype.newbyteorder(order)).tobytes()
    height, width, samples = part.shape
    # Highest bytes first, whatever the byte order of the file.
    planes = part.astype(part.dtype.newbyteorder(">")).view(np.uint8).reshape(height, width * samples, -1)
    planes = planes.transpose(0, 2, 1).reshape(height, -1)
    rest = np.concatenate([planes[:, :samples], planes[:, samples:] - planes[:, :-samples]], axis=1)
    return rest.astype(np.uint8).tobytes()


def stored(part: np.ndarray, bits: int, order: str) -> tuple[bytes, int]:
    """Rows of samples, of shape (height, width, samples), as bytes, and the bytes of a row."""
    height = part.shape[0]
    flat = part.reshape(height, -1)
    if bits in (8, 16, 32, 64):
        data = flat.astype(flat.dtype.newbyteorder(order)).tobytes()
    else:
        digits = (flat[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
        data = np.packbits(digits.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    return data, len(data) // height


def flipped(data: bytes) -> bytes:
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)


def samples_of(bits: int, samples: int, fmt: int = 1, size=(WIDTH, HEIGHT), seed: int = 1) -> np.ndarray:
    """Samples of shape (height, width, samples): 8 bits as a picture, others so that clamping shows."""
    width, height = size
    if bits == 8 and fmt == 1:
        return picture(width, height, samples, seed)
    raw = numbers(width * height * samples, seed).reshape(height, width, samples)
    if fmt == 3:
        values = raw.astype(np.int64) % 400 - 60 + (raw >> 9) % 4 / 4
        return values.astype({16: np.float16, 32: np.float32, 64: np.float64}[bits])
    if bits < 8:
        return raw % 2**bits
    near = (raw % 3 > 0) & (samples == 1)
    values = np.where(near, raw % 300, raw >> (32 - min(bits, 32))).astype(np.uint64)
    if fmt == 2:
        return (values.astype(np.int64) - 40).astype({8: np.int8, 16: np.int16, 32: np.int32}[bits])
    return values.astype({12: np.uint16, 16: np.uint16, 32: np.uint32, 64: np.uint64}[bits])


def cut(pixels: np.ndarray, tile, rows) -> Iterator[np.ndarray]:
    height, width = pixels.shape[:2]
    if tile is None:
        yield from (pixels[y : y + rows] for y in range(0, height, rows))
        return
    for y, x in itertools.product(range(0, height, tile[1]), range(0, width, tile[0])):
        part = pixels[y : y + tile[1], x : x + tile[0]]
        yield np.pad(part, ((0, tile[1] - part.shape[0]), (0, tile[0] - part.shape[1]), (0, 0)))


def tiff(
    photometric: int | None,
    bits: int,
    samples: int = 1,
    *,
    fmt: int = 1,
    extra: list[int] | None = None,
    compression: int = NONE,
    predictor: int = 1,
    planar: int = 1,
    tile: tuple[int, int] | None = None,
    rows: int = HEIGHT,
    order: str = "<",
    big: bool = False,
    fill: int = 1,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    seed: int = 1,
    tags: dict | None = None,
    without: tuple[int, ...] = (),
    extra_parts: int = 0,
    **options,
) -> bytes:
    """A file of one image. `tags` come on top, `without` names tags to leave out."""
    pixels = samples_of(bits, samples, fmt, size, seed)
    planes = [pixels] if planar == 1 else [pixels[:, :, i : i + 1] for i in range(samples)]
    parts = []
    for part in itertools.chain.from_iterable(cut(plane, tile, rows) for plane in planes):
        data, row_len = stored(part, bits, order)
        if predictor > 1:
            data = predicted(part, predictor, order)
        if compression in (RLE, G3, G4):
            data = fax(part[:, :, 0], compression, options.get("fax", 0))
        data = packed(data, row_len, compression)
        parts.append(flipped(data) if fill == 2 else data)
    parts += parts[:extra_parts]
    entries = {
        WIDTH_TAG: (SHORT, [size[0]]),
        LENGTH: (SHORT, [size[1]]),
        BITS: (SHORT, [bits] * samples),
        COMPRESSION: (SHORT, [compression]),
        SAMPLES: (SHORT, [samples]),
    }
    if photometric is not None:
        entries[PHOTOMETRIC] = (SHORT, [photometric])
    if extra is not None:
        entries[EXTRA] = (SHORT, extra)
    if fmt != 1:
        entries[FORMAT] = (SHORT, [fmt] * samples)
    if predictor > 1:
        entries[PREDICTOR] = (SHORT, [predictor])
    if planar > 1:
        entries[PLANAR] = (SHORT, [planar])
    if fill > 1:
        entries[FILL] = (SHORT, [fill])
    if photometric == PALETTE:
        entries[COLOURS] = (SHORT, [int(n) % 65536 for n in numbers(3 * 2 ** min(bits, 6), 7)])
    if options.get("fax"):
        entries[OPTIONS3] = (LONG, [options["fax"]])
    if tile is None:
        entries[ROWS] = (LONG, [rows])
    else:
        entries |= {TILE_WIDTH: (SHORT, [tile[0]]), TILE_LENGTH: (SHORT, [tile[1]])}
    entries |= tags or {}
    for tag in without:
        del entries[tag]
    return write(entries, parts, order=order, big=big, tiled=tile is not None, magic=options.get("magic"))


# --- JPEG inside ----------------------------------------------------------------------------------------------


def jpeg_parts(parts: list[Image.Image], **options) -> tuple[bytes, list[bytes]]:
    """Tables, and parts that are JPEGs without them."""
    tables, strips = b"", []
    for part in parts:
        out = io.BytesIO()
        part.save(out, "JPEG", **options)
        data = out.getvalue()
        at, shared, rest = 2, b"", b""
        while data[at + 1] != 0xDA:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if data[at + 1] in (0xC4, 0xDB):
                shared += data[at:end]
            elif not 0xE0 <= data[at + 1] <= 0xEF:
                rest += data[at:end]
            at = end
        tables = b"\xff\xd8" + shared + b"\xff\xd9"
        strips.append(b"\xff\xd8" + rest + data[at:])
    return tables, strips


def jpeg(mode: str, photometric: int, *, rows=16, tile=None, shared=True, planar=1, size=(21, 19), tags=None, **options) -> bytes:
    """A file whose strips or tiles are JPEGs."""
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    pixels = picture(*size, channels)
    planes = [pixels] if planar == 1 else [pixels[:, :, i : i + 1] for i in range(channels)]
    image = lambda part: Image.fromarray(part[:, :, 0] if part.shape[2] == 1 else part, mode if planar == 1 else "L")
    parts = [image(np.ascontiguousarray(part)) for plane in planes for part in cut(plane, tile, rows)]
    tables, strips = jpeg_parts(parts, **{"quality": 80} | options)
    if not shared:
        strips = [jpeg_file(part, **{"quality": 80} | options) for part in parts]
    entries = {
        WIDTH_TAG: (SHORT, [size[0]]),
        LENGTH: (SHORT, [size[1]]),
        BITS: (SHORT, [8] * channels),
        COMPRESSION: (SHORT, [JPEG]),
        PHOTOMETRIC: (SHORT, [photometric]),
        SAMPLES: (SHORT, [channels]),
    }
    if shared:
        entries[TABLES] = (UNDEFINED, tables)
    if planar > 1:
        entries[PLANAR] = (SHORT, [planar])
    if tile is None:
        entries[ROWS] = (SHORT, [rows])
    else:
        entries |= {TILE_WIDTH: (SHORT, [tile[0]]), TILE_LENGTH: (SHORT, [tile[1]])}
    return write(entries | (tags or {}), strips, tiled=tile is not None)


def jpeg_file(image: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def old_jpeg() -> bytes:
    """A file whose strip is a whole JPEG, as before the specification of JPEG in TIFF was mended."""
    data = jpeg_file(Image.fromarray(picture(16, 16)), subsampling=0)
    entries = {
        WIDTH_TAG: (SHORT, [16]),
        LENGTH: (SHORT, [16]),
        BITS: (SHORT, [8, 8, 8]),
        COMPRESSION: (SHORT, [OLD_JPEG]),
        PHOTOMETRIC: (SHORT, [YCC]),
        SAMPLES: (SHORT, [3]),
        ROWS: (SHORT, [16]),
        SUBSAMPLING: (SHORT, [1, 1]),
        513: (LONG, [8]),
        514: (LONG, [len(data)]),
    }
    return write(entries, [data])


# --- The set --------------------------------------------------------------------------------------------------

# Name, photometric, bits, samples, extra samples, sample format.
KINDS = [
    ("white1", WHITE_IS_ZERO, 1, 1, None, 1),
    ("black1", BLACK_IS_ZERO, 1, 1, None, 1),
    ("white2", WHITE_IS_ZERO, 2, 1, None, 1),
    ("black2", BLACK_IS_ZERO, 2, 1, None, 1),
    ("white4", WHITE_IS_ZERO, 4, 1, None, 1),
    ("black4", BLACK_IS_ZERO, 4, 1, None, 1),
    ("white8", WHITE_IS_ZERO, 8, 1, None, 1),
    ("black8", BLACK_IS_ZERO, 8, 1, None, 1),
    ("signed8", BLACK_IS_ZERO, 8, 1, None, 2),
    ("black12", BLACK_IS_ZERO, 12, 1, None, 1),
    ("white16", WHITE_IS_ZERO, 16, 1, None, 1),
    ("black16", BLACK_IS_ZERO, 16, 1, None, 1),
    ("signed16", BLACK_IS_ZERO, 16, 1, None, 2),
    ("half16", BLACK_IS_ZERO, 16, 1, None, 3),
    ("black32", BLACK_IS_ZERO, 32, 1, None, 1),
    ("signed32", BLACK_IS_ZERO, 32, 1, None, 2),
    ("float32", BLACK_IS_ZERO, 32, 1, None, 3),
    ("white_float32", WHITE_IS_ZERO, 32, 1, None, 3),
    ("float64", BLACK_IS_ZERO, 64, 1, None, 3),
    ("grey_alpha", BLACK_IS_ZERO, 8, 2, [2], 1),
    ("grey_associated", BLACK_IS_ZERO, 8, 2, [1], 1),
    ("grey_alpha16", BLACK_IS_ZERO, 16, 2, [2], 1),
    ("rgb", RGB, 8, 3, None, 1),
    ("rgba_unsaid", RGB, 8, 4, None, 1),
    ("rgbx", RGB, 8, 4, [0], 1),
    ("rgb_associated", RGB, 8, 4, [1], 1),
    ("rgba", RGB, 8, 4, [2], 1),
    ("rgba_corel", RGB, 8, 4, [999], 1),
    ("rgbxx", RGB, 8, 5, [0, 0], 1),
    ("rgb_associated_x", RGB, 8, 5, [1, 0], 1),
    ("rgbax", RGB, 8, 5, [2, 0], 1),
    ("rgbxxx", RGB, 8, 6, [0, 0, 0], 1),
    ("rgb_associated_xx", RGB, 8, 6, [1, 0, 0], 1),
    ("rgbaxx", RGB, 8, 6, [2, 0, 0], 1),
    ("rgb16", RGB, 16, 3, None, 1),
    ("rgba16_unsaid", RGB, 16, 4, None, 1),
    ("rgbx16", RGB, 16, 4, [0], 1),
    ("rgb_associated16", RGB, 16, 4, [1], 1),
    ("rgba16", RGB, 16, 4, [2], 1),
    ("rgb4", RGB, 4, 3, None, 1),
    ("rgb32f", RGB, 32, 3, None, 3),
    ("palette1", PALETTE, 1, 1, None, 1),
    ("palette2", PALETTE, 2, 1, None, 1),
    ("palette4", PALETTE, 4, 1, None, 1),
    ("palette8", PALETTE, 8, 1, None, 1),
    ("palette_x", PALETTE, 8, 2, [0], 1),
    ("palette_alpha", PALETTE, 8, 2, [2], 1),
    ("palette16", PALETTE, 16, 1, None, 1),
    ("cmyk", CMYK, 8, 4, None, 1),
    ("cmykx", CMYK, 8, 5, [0], 1),
    ("cmykxx", CMYK, 8, 6, [0, 0], 1),
    ("cmyka", CMYK, 8, 5, [2], 1),
    ("cmyk16", CMYK, 16, 4, None, 1),
    ("ycc_grey", YCC, 8, 1, None, 1),
    ("ycc", YCC, 8, 3, None, 1),
    ("lab", LAB, 8, 3, None, 1),
]


def kinds() -> Iterator[tuple[str, bytes]]:
    """Every kind of sample: in both byte orders raw, in one of the usual codecs, in planes, in tiles."""
    for i, (name, photometric, bits, samples, extra, fmt) in enumerate(KINDS):
        kind = {"photometric": photometric, "bits": bits, "samples": samples, "extra": extra, "fmt": fmt, "seed": i + 1}
        codec = (LZW, DEFLATE, PACKBITS)[i % 3]
        yield f"{name}.le", tiff(**kind)
        yield f"{name}.be", tiff(**kind, order=">", rows=4)
        yield f"{name}.codec", tiff(**kind, compression=codec, rows=4)
        yield f"{name}.codec_be", tiff(**kind, compression=(DEFLATE, LZW, PACKBITS)[i % 3], order=">")
        yield f"{name}.tiles", tiff(**kind, tile=(8, 4), size=(11, 6))
        if samples > 1:
            yield f"{name}.planes", tiff(**kind, planar=2, rows=5)
            yield f"{name}.planes_codec", tiff(**kind, planar=2, rows=5, compression=codec)
        else:
            yield f"{name}.tiles_codec", tiff(**kind, tile=(8, 4), size=(11, 6), compression=codec)


def codecs() -> Iterator[tuple[str, bytes]]:
    """Codecs with predictors, in all arrangements."""
    shapes = {"black8": (1, 8, 1, 1), "rgb": (2, 8, 3, 1), "rgb16": (2, 16, 3, 1), "black16": (1, 16, 1, 1), "black32": (1, 32, 1, 1)}
    for (name, (photometric, bits, samples, fmt)), codec in itertools.product(shapes.items(), (LZW, DEFLATE)):
        kind = {"photometric": photometric, "bits": bits, "samples": samples, "fmt": fmt, "compression": codec}
        yield f"{name}.predictor_{codec}", tiff(**kind, predictor=2, rows=4)
        yield f"{name}.predictor_be_{codec}", tiff(**kind, predictor=2, order=">")
        yield f"{name}.predictor_tiles_{codec}", tiff(**kind, predictor=2, tile=(16, 16), size=(19, 10))
        yield f"{name}.predictor_planes_{codec}", tiff(**kind, predictor=2, planar=2, rows=4)
    float32 = {"photometric": 1, "bits": 32, "fmt": 3}
    for codec, predictor in itertools.product((LZW, DEFLATE), (2, 3)):
        as_int = {} if predictor == 3 else {"without": ()}
        if predictor == 3:
            yield f"float32.predictor3_{codec}", tiff(**float32, compression=codec, predictor=3, rows=4, **as_int)
            yield f"float32.predictor3_be_{codec}", tiff(**float32, compression=codec, predictor=3, order=">")
            yield f"float32.predictor3_tiles_{codec}", tiff(**float32, compression=codec, predictor=3, tile=(16, 16), size=(21, 18))
    yield "bits4.predictor", tiff(1, 4, compression=LZW, tags={PREDICTOR: (SHORT, [2])})
    yield "predictor_9", tiff(1, 8, compression=LZW, tags={PREDICTOR: (SHORT, [9])})
    yield "predictor_of_packbits", tiff(1, 8, compression=PACKBITS, tags={PREDICTOR: (SHORT, [2])})
    yield "predictor3_of_integers", tiff(1, 8, compression=LZW, tags={PREDICTOR: (SHORT, [3])})
    yield "old_deflate", tiff(RGB, 8, 3, compression=OLD_DEFLATE)
    yield "long_lzw", tiff(1, 8, compression=LZW, size=(90, 60), seed=5)
    image = Image.fromarray(picture(WIDTH, HEIGHT))
    for name in ("lzma", "zstd", "jpeg", "tiff_lzw", "tiff_adobe_deflate"):
        for mode in ("RGB", "RGBA", "CMYK", "LA", "YCbCr"):
            if (mode, name) != ("RGBA", "jpeg"):
                yield f"saved_{name}.{mode}", saved(image.convert(mode), name)
    yield "saved_runs_of_words", saved(image.convert("1"), "tiff_raw_16")
    yield "old_jpeg", old_jpeg()
    for name, codec in {"old_jpeg": 6, "thunderscan": 32809, "lzma": 34925, "zstd": 50000, "webp": 50001, "none_such": 4711}.items():
        yield f"{name}.codec", tiff(RGB, 8, 3, tags={COMPRESSION: (SHORT, [codec])})


def faxes() -> Iterator[tuple[str, bytes]]:
    for photometric, (name, codec, option) in itertools.product(
        (0, 1), [("runs", RLE, 0), ("g3", G3, 0), ("g3_2d", G3, 1), ("g3_filled", G3, 4), ("g3_2d_filled", G3, 5), ("g4", G4, 0)]
    ):
        kind = {"photometric": photometric, "bits": 1, "compression": codec, "fax": option}
        yield f"{name}.{photometric}", tiff(**kind)
        yield f"{name}.{photometric}_strips", tiff(**kind, rows=4, size=(100, 19))
        yield f"{name}.{photometric}_reversed", tiff(**kind, fill=2, size=(64, 7))
    yield "g4.tiles", tiff(0, 1, compression=G4, tile=(32, 16), size=(50, 20))
    yield "g4.wide", tiff(0, 1, compression=G4, size=(6000, 3), rows=3)
    yield "g4.be", tiff(0, 1, compression=G4, order=">")
    yield "g4.of_bytes", tiff(0, 8, compression=NONE, tags={COMPRESSION: (SHORT, [G4])})


def jpegs() -> Iterator[tuple[str, bytes]]:
    for name, sampling in {"444": 0, "422": 1, "420": 2}.items():
        factors = {0: [1, 1], 1: [2, 1], 2: [2, 2]}[sampling]
        tags = {SUBSAMPLING: (SHORT, factors)}
        for arrangement, options in {"strips": {}, "tiles": {"tile": (32, 16)}, "own_tables": {"shared": False}}.items():
            yield f"jpeg_ycc_{name}.{arrangement}", jpeg("RGB", YCC, subsampling=sampling, tags=tags, **options)
        yield f"jpeg_ycc_{name}.untold", jpeg("RGB", YCC, subsampling=sampling)
    tags = {SUBSAMPLING: (SHORT, [1, 1])}
    yield "jpeg_ycc_420.told_wrong", jpeg("RGB", YCC, subsampling=2, tags=tags)
    yield "jpeg_ycc_progressive", jpeg("RGB", YCC, subsampling=2, shared=False, progressive=True)
    yield "jpeg_ycc_restarts", jpeg("RGB", YCC, subsampling=2, restart_marker_blocks=1)
    yield "jpeg_ycc_one_strip", jpeg("RGB", YCC, subsampling=2, rows=19)
    yield "jpeg_ycc_planes", jpeg("RGB", YCC, planar=2)
    yield "jpeg_ycc_marked_rgb", jpeg("RGB", YCC, keep_rgb=True, shared=False)
    yield "jpeg_rgb", jpeg("RGB", RGB, keep_rgb=True)
    yield "jpeg_rgb_tiles", jpeg("RGB", RGB, keep_rgb=True, tile=(16, 16))
    yield "jpeg_rgb_own_tables", jpeg("RGB", RGB, keep_rgb=True, shared=False)
    yield "jpeg_rgb_planes", jpeg("RGB", RGB, planar=2)
    yield "jpeg_rgb_of_ycc", jpeg("RGB", RGB, subsampling=0, shared=False)
    yield "jpeg_rgb_of_420", jpeg("RGB", RGB, subsampling=2)
    yield "jpeg_grey", jpeg("L", BLACK_IS_ZERO)
    yield "jpeg_grey_tiles", jpeg("L", BLACK_IS_ZERO, tile=(16, 32))
    yield "jpeg_white", jpeg("L", WHITE_IS_ZERO)
    yield "jpeg_cmyk", jpeg("CMYK", CMYK)
    yield "jpeg_cmyk_own_tables", jpeg("CMYK", CMYK, shared=False)
    yield "jpeg_as_ycc_grey", jpeg("L", YCC)
    yield "jpeg_rotated", jpeg("RGB", YCC, tags={ORIENTATION: (SHORT, [6])})


def directories() -> Iterator[tuple[str, bytes]]:
    """Orientations, header kinds, and tags that are missing, odd or of another type."""
    for value in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9):
        yield f"orientation.{value}", tiff(RGB, 8, 3, tags={ORIENTATION: (SHORT, [value])})
        packet = b'<x tiff:Orientation="%d"/>' % value
        yield f"orientation_xmp.{value}", tiff(RGB, 8, 3, compression=LZW, tags={XMP: (BYTE, packet)})
    both = {ORIENTATION: (SHORT, [1]), XMP: (BYTE, b"<tiff:Orientation>6</tiff:Orientation>")}
    yield "orientation_both", tiff(RGB, 8, 3, tags=both)
    yield "orientation_element", tiff(RGB, 8, 3, tags={XMP: (UNDEFINED, b"tiff:Orientation <tiff:Orientation>8</")})
    yield "orientation_text", tiff(RGB, 8, 3, tags={XMP: (ASCII, b"<tiff:Orientation>8</")})
    yield "orientation_long", tiff(RGB, 8, 3, tags={ORIENTATION: (LONG, [6])})
    yield "orientation_lzw", tiff(BLACK_IS_ZERO, 1, compression=LZW, tags={ORIENTATION: (SHORT, [7])})
    for name, (photometric, bits, samples) in {"rgb": (RGB, 8, 3), "black1": (1, 1, 1), "black16": (1, 16, 1), "palette8": (3, 8, 1)}.items():
        yield f"big.{name}", tiff(photometric, bits, samples, big=True, rows=4)
        yield f"big_lzw.{name}", tiff(photometric, bits, samples, big=True, compression=LZW)
        yield f"big_be.{name}", tiff(photometric, bits, samples, big=True, order=">")
        yield f"big_tiles.{name}", tiff(photometric, bits, samples, big=True, tile=(16, 16))
    for bits, photometric, codec in itertools.product((1, 2, 4, 8), (0, 1, 3), (NONE, DEFLATE)):
        yield f"reversed.{photometric}_{bits}_{codec}", tiff(photometric, bits, compression=codec, fill=2)
    yield "reversed.rgb", tiff(RGB, 8, 3, fill=2)
    yield "reversed.rgb_lzw", tiff(RGB, 8, 3, fill=2, compression=LZW)
    yield "reversed.rgba", tiff(RGB, 8, 4, extra=[2], fill=2)
    yield "reversed.16", tiff(1, 16, fill=2)
    yield "reversed.16_lzw", tiff(1, 16, fill=2, compression=LZW)
    yield "reversed.packbits", tiff(1, 8, fill=2, compression=PACKBITS)
    yield "start.mixed_big", tiff(RGB, 8, 3, order=">", magic=b"MM\x2a\x00")
    yield "start.mixed_little", tiff(RGB, 8, 3, magic=b"II\x00\x2a")
    yield "start.mixed_lzw", tiff(RGB, 8, 3, magic=b"II\x00\x2a", compression=LZW)
    for tag in (WIDTH_TAG, BITS, COMPRESSION, SAMPLES, ROWS):
        yield f"without.{tag}", tiff(1, 8, without=(tag,))
        yield f"without_rgb.{tag}", tiff(RGB, 8, 3, without=(tag,))
        yield f"without_lzw.{tag}", tiff(RGB, 8, 3, compression=LZW, without=(tag,))
    yield "without.photometric", tiff(None, 8)
    yield "without.colours", tiff(PALETTE, 8, without=(COLOURS,))
    yield "colours.all", tiff(PALETTE, 8, tags={COLOURS: (SHORT, [int(n) % 65536 for n in numbers(3 * 256)])})
    yield "colours.short", tiff(PALETTE, 8, tags={COLOURS: (SHORT, [int(n) % 65536 for n in numbers(60)])})
    yield "colours.many", tiff(PALETTE, 4, tags={COLOURS: (SHORT, [int(n) % 65536 for n in numbers(3 * 256)])})
    yield "bits.one_for_all", tiff(RGB, 8, 3, tags={BITS: (SHORT, [8])})
    yield "bits.one_for_all_lzw", tiff(RGB, 8, 3, tags={BITS: (SHORT, [8])}, compression=LZW)
    yield "bits.too_many", tiff(1, 8, tags={BITS: (SHORT, [8, 8, 8])})
    yield "bits.too_many_lzw", tiff(1, 8, tags={BITS: (SHORT, [8, 8, 8])}, compression=LZW)
    yield "bits.uneven", tiff(RGB, 8, 3, tags={BITS: (SHORT, [8, 8, 4])})
    yield "format.one_for_all", tiff(RGB, 8, 3, tags={FORMAT: (SHORT, [1])})
    yield "format.all", tiff(RGB, 8, 3, tags={FORMAT: (SHORT, [1, 1, 1])}, compression=LZW)
    yield "format.void", tiff(1, 8, tags={FORMAT: (SHORT, [4])})
    yield "planar.3", tiff(RGB, 8, 3, tags={PLANAR: (SHORT, [3])})
    yield "fill.3", tiff(1, 8, tags={FILL: (SHORT, [3])})
    yield "bits.bytes", tiff(1, 8, tags={BITS: (BYTE, b"\x08")})
    yield "compression.long", tiff(1, 8, tags={COMPRESSION: (LONG, [1])})
    yield "rows.huge", tiff(RGB, 8, 3, tags={ROWS: (LONG, [2**32 - 1])})
    yield "rows.huge_lzw", tiff(RGB, 8, 3, tags={ROWS: (LONG, [2**32 - 1])}, compression=LZW)
    yield "rows.zero", tiff(RGB, 8, 3, tags={ROWS: (LONG, [0])})
    yield "rows.more_lzw", tiff(RGB, 8, 3, tags={ROWS: (LONG, [100])}, compression=LZW)
    yield "strips.missing", tiff(RGB, 8, 3, rows=4, tags={ROWS: (LONG, [2])})
    yield "strips.missing_lzw", tiff(RGB, 8, 3, rows=4, tags={ROWS: (LONG, [2])}, compression=LZW)
    yield "strips.too_many", tiff(RGB, 8, 3, rows=4, extra_parts=1)
    yield "strips.two_of_all", tiff(RGB, 8, 3, extra_parts=1)
    yield "strips.two_of_all_lzw", tiff(RGB, 8, 3, extra_parts=1, compression=LZW)
    yield "strips.shorts", tiff(RGB, 8, 3, tags={OFFSETS: (SHORT, [8])})
    yield "counts.wrong", tiff(RGB, 8, 3, tags={COUNTS: (LONG, [7])})
    yield "counts.zero_lzw", tiff(RGB, 8, 3, tags={COUNTS: (LONG, [0])}, compression=LZW)
    yield "counts.short_lzw", tiff(RGB, 8, 3, tags={COUNTS: (LONG, [60])}, compression=LZW)
    yield "counts.beyond_lzw", tiff(RGB, 8, 3, tags={COUNTS: (LONG, [60000])}, compression=LZW)
    yield "tiles.odd", tiff(RGB, 8, 3, tile=(7, 5))
    yield "tiles.odd_lzw", tiff(RGB, 8, 3, tile=(7, 5), compression=LZW)
    yield "tiles.odd_bits", tiff(1, 1, tile=(12, 5))
    yield "tiles.odd_bits_lzw", tiff(1, 1, tile=(12, 5), compression=LZW)
    yield "tiles.large", tiff(RGB, 8, 3, tile=(24, 16))
    yield "tiles.planes", tiff(RGB, 8, 3, tile=(16, 16), planar=2, size=(21, 18))
    yield "tiles.planes_lzw", tiff(RGB, 8, 3, tile=(16, 16), planar=2, size=(21, 18), compression=LZW)
    yield "tiles.planes_unsaid", tiff(RGB, 8, 4, tile=(16, 16), planar=2, size=(21, 18))
    two_pages = tiff(RGB, 8, 3, seed=3)
    yield "pages", two_pages[:-4] + struct.pack("<I", 8) + tiff(1, 8)
    yield "tag.twice", twice(tiff(RGB, 8, 3))
    yield "tag.outside", outside(tiff(RGB, 8, 3))
    yield "tag.outside_lzw", outside(tiff(RGB, 8, 3, compression=LZW))
    yield "tag.resolution", tiff(RGB, 8, 3, tags={282: (RATIONAL, struct.pack("<II", 72, 1)), 296: (SHORT, [3])})
    yield "tag.private", tiff(RGB, 8, 3, compression=LZW, tags={65000: (UNDEFINED, b"something of ours")})
    yield "trailing", tiff(RGB, 8, 3) + b"what follows"
    for part in (3, 2):
        data = tiff(RGB, 8, 3)
        yield f"cut.{part}", data[: len(data) * (part - 1) // part]


def twice(data: bytes) -> bytes:
    """The file with its first entry repeated as another value in place of the last one."""
    at = int.from_bytes(data[4:8], "little")
    last = at + 2 + 12 * (int.from_bytes(data[at : at + 2], "little") - 1)
    return data[:last] + data[at + 2 : at + 10] + b"\x05\0\0\0" + data[last + 12 :]


def outside(data: bytes) -> bytes:
    """The file whose last entry lies outside of it."""
    at = int.from_bytes(data[4:8], "little")
    last = at + 2 + 12 * (int.from_bytes(data[at : at + 2], "little") - 1)
    return data[:last] + struct.pack("<HHII", 65000, UNDEFINED, 100, 1 << 30) + data[last + 12 :]


def files() -> Iterator[tuple[str, bytes]]:
    for group in (kinds, codecs, faxes, jpegs, directories):
        yield from ((f"{name}.tif", data) for name, data in group())
