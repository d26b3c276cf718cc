"""JPEG: processes, samplings, colours and markers, restarts, scans, metadata, and files that lack or have too much.

Needs cjpeg (Debian: libjpeg-turbo-progs) for samplings and processes that Pillow cannot write.
"""

import itertools
import struct
import subprocess
import tempfile
from collections.abc import Iterator

from common import image, numbers, patched, picture, save
from PIL import Image

W, H = 21, 19


def cjpeg(img: Image.Image, *options: str, scans: str | None = None) -> bytes:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        if scans is not None:
            file.write(scans)
            file.flush()
            options = (*options, "-scans", file.name)
        command = ["cjpeg", "-quality", "75", *(() if "-arithmetic" in options else ("-optimize",)), *options]
        return subprocess.run(command, input=save(img, "PPM"), capture_output=True, check=True).stdout


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def segments(jpeg: bytes) -> list[tuple[int, int, int]]:
    """(marker, start, end) up to and with the first scan header."""
    found, at = [], 2
    while True:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found.append((jpeg[at + 1], at, at + 2 + length))
        at += 2 + length
        if found[-1][0] == 0xDA:
            return found


def without(jpeg: bytes, *markers: int) -> bytes:
    for marker, start, end in reversed(segments(jpeg)):
        if marker in markers:
            jpeg = jpeg[:start] + jpeg[end:]
    return jpeg


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + segment(marker, body) + jpeg[2:]


def before_scan(jpeg: bytes, more: bytes) -> bytes:
    at = segments(jpeg)[-1][1]
    return jpeg[:at] + more + jpeg[at:]


def frame_at(jpeg: bytes) -> int:
    return next(start for marker, start, _ in segments(jpeg) if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC))


def with_ids(jpeg: bytes, ids: bytes) -> bytes:
    out, frame, scan = bytearray(jpeg), frame_at(jpeg), segments(jpeg)[-1][1]
    for i, identifier in enumerate(ids):
        out[frame + 10 + 3 * i] = identifier
        out[scan + 5 + 2 * i] = identifier
    return bytes(out)


def adobe(transform: int) -> bytes:
    return b"Adobe\0\x64\0\0\0\0" + bytes([transform])


def lossless(channels: int, predictor: int = 1, shift: int = 0, ids: bytes = b"\1\2\3\4", bits: int = 8, sof: int = 0xC3, restart: int = 0) -> bytes:
    """A file of process 14: differences from a neighbour, categories 0..9 in codes of 4 bits."""
    pixels = (picture(W, H, channels).astype(int) >> shift).tolist()
    stream = ""
    if predictor == 0:
        predictor = 1
    for y, x, c in itertools.product(range(H), range(W), range(channels)):
        left = pixels[y][x - 1][c] if x else 0
        up = pixels[y - 1][x][c] if y else 0
        corner = pixels[y - 1][x - 1][c] if x and y else 0
        forms = [0, left, up, corner, left + up - corner, left + (up - corner >> 1), up + (left - corner >> 1), left + up >> 1]
        guess = (1 << bits - shift - 1) if not x and not y else left if not y else up if not x else forms[predictor]
        difference = pixels[y][x][c] - guess
        size = abs(difference).bit_length()
        stream += format(size, "04b")
        if size:
            stream += format(difference if difference > 0 else difference + (1 << size) - 1, f"0{size}b")
    stream += "1" * (-len(stream) % 8)
    packed = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB", bits, H, W, channels) + b"".join(bytes([ids[c], 0x11, 0]) for c in range(channels))
    scan = bytes([channels]) + b"".join(bytes([ids[c], 0]) for c in range(channels)) + bytes([predictor, 0, shift])
    table = b"\0" + bytes([0, 0, 0, 10] + [0] * 12) + bytes(range(10))
    return b"\xff\xd8" + segment(sof, frame) + segment(0xC4, table) + segment(0xDA, scan) + packed + b"\xff\xd9"


def processes() -> Iterator[tuple[str, bytes]]:
    p, grey = image(W, H), image(W, H).convert("L")
    for sampling in ("1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "4x4", "3x1", "1x3", "3x3", "3x2", "2x3", "4x3"):
        for name, options in (("baseline", ()), ("progressive", ("-progressive",)), ("arithmetic", ("-arithmetic",)), ("restarts", ("-restart", "1B"))):
            try:
                yield f"{name}_{sampling}", cjpeg(p, "-sample", sampling, *options)
            except subprocess.CalledProcessError:
                pass
    for sampling in ("2x2,2x1,2x1", "2x2,1x2,1x2", "2x2,2x2,1x1", "2x1,2x1,2x1", "2x1,1x1,2x1", "1x1,2x2,2x2", "1x1,2x1,1x2", "2x2,2x1,1x2", "3x1,1x1,3x1", "4x1,2x1,1x1", "2x2,1x1,2x2"):
        for name, options in (("mixed", ()), ("mixed_progressive", ("-progressive",))):
            yield f"{name}_{sampling.replace(',', '_')}", cjpeg(p, "-sample", sampling, *options)
    for width, height in [(1, 1), (1, 9), (9, 1), (2, 2), (7, 8), (8, 7), (16, 16), (17, 15), (33, 2)]:
        for subsampling in (0, 1, 2):
            yield f"size_{width}x{height}_{subsampling}", save(image(width, height), "JPEG", subsampling=subsampling)
    for quality in (1, 20, 60, 90, 100):
        yield f"quality_{quality}", save(p, "JPEG", quality=quality)
    yield "optimised", save(p, "JPEG", optimize=True)
    for method in ("int", "fast", "float"):
        yield f"dct_{method}", cjpeg(p, "-dct", method)
    for rows in (1, 2, 3):
        yield f"restart_rows_{rows}", cjpeg(p, "-restart", str(rows))
        yield f"restart_blocks_{rows}_progressive", cjpeg(p, "-progressive", "-restart", f"{rows}B")
    for name, scans in {
        "one_each": "0;\n1;\n2;\n", "luma_then_chroma": "0;\n1 2;\n", "chroma_first": "1 2;\n0;\n", "one_missing": "0;\n1;\n",
        "spectral": "0 1 2: 0-0, 0, 0;\n0: 1-63, 0, 0;\n1: 1-63, 0, 0;\n2: 1-63, 0, 0;\n",
        "approximation": "0 1 2: 0-0, 0, 1;\n0: 1-63, 0, 2;\n1: 1-63, 0, 1;\n2: 1-63, 0, 1;\n0 1 2: 0-0, 1, 0;\n0: 1-63, 2, 1;\n0: 1-63, 1, 0;\n1: 1-63, 1, 0;\n2: 1-63, 1, 0;\n",
        "incomplete": "0 1 2: 0-0, 0, 0;\n0: 1-5, 0, 2;\n",
    }.items():
        try:
            yield f"scans_{name}", cjpeg(p, scans=scans)
        except subprocess.CalledProcessError:
            pass
    for name, options in (("", ()), ("_progressive", ("-progressive",)), ("_arithmetic", ("-arithmetic",)), ("_2x2", ("-sample", "2x2")), ("_restarts", ("-restart", "2B"))):
        yield f"grey{name}", cjpeg(grey, "-grayscale", *options)


def colours() -> Iterator[tuple[str, bytes]]:
    p = image(W, H)
    ycc, rgb, inks = save(p, "JPEG", subsampling=0), save(p, "JPEG", keep_rgb=True), save(p.convert("CMYK"), "JPEG")
    bare, bare_rgb, bare_inks = without(ycc, 0xE0), without(rgb, 0xEE, 0xE0), without(inks, 0xEE, 0xE0)
    for transform in (0, 1, 2, 3, 255):
        for name, file in (("ycc", bare), ("rgb", bare_rgb), ("inks", bare_inks)):
            yield f"{name}_adobe_{transform}", with_segment(file, 0xEE, adobe(transform))
    for ids in (b"\1\2\3", b"RGB", b"rgb", b"\0\1\2", b"\1\2\4", b"YCC", b"\3\2\1"):
        yield f"ids_{ids.hex()}", with_ids(bare, ids)
        yield f"ids_{ids.hex()}_jfif", with_ids(ycc, ids)
    yield "rgb_bare", bare_rgb
    yield "inks_bare", bare_inks
    yield "inks_jfif", with_segment(bare_inks, 0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    yield "inks_progressive", save(p.convert("CMYK"), "JPEG", progressive=True)
    yield "inks_ids", with_ids(bare_inks, b"CMYK")
    yield "ycck_sampled", with_segment(without(save(p.convert("CMYK"), "JPEG", subsampling=2), 0xEE), 0xEE, adobe(2))
    yield "jfif_and_adobe_0", with_segment(ycc, 0xEE, adobe(0))
    yield "adobe_short", with_segment(bare, 0xEE, b"Adobe\0\x64\0\0")
    yield "adobe_of_5", with_segment(bare, 0xEE, b"Adobe")
    yield "adobe_long", with_segment(bare, 0xEE, adobe(0) + b"more")
    yield "jfif_short", with_segment(bare, 0xE0, b"JFIF\0")
    yield "jfif_version_9", with_segment(bare, 0xE0, b"JFIF\0\x09\x09\0\0\1\0\1\0\0")
    yield "jfif_late", before_scan(bare, segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"))


def lossless_files() -> Iterator[tuple[str, bytes]]:
    for channels in (1, 3, 4):
        for predictor in range(1, 8):
            yield f"lossless_{channels}_predictor_{predictor}", lossless(channels, predictor)
        yield f"lossless_{channels}_shift_1", lossless(channels, 1, 1)
        yield f"lossless_{channels}_cut", lossless(channels)[:-60]
        yield f"lossless_{channels}_no_end", lossless(channels)[:-2]
        yield f"lossless_{channels}_flipped", patched(lossless(channels), 150, b"\x5a")
    yield "lossless_rgb_ids", lossless(3, ids=b"RGB\0")
    yield "lossless_jfif", with_segment(lossless(3), 0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    yield "lossless_adobe_0", with_segment(lossless(3), 0xEE, adobe(0))
    yield "lossless_adobe_1", with_segment(lossless(3), 0xEE, adobe(1))
    yield "lossless_inks_adobe_0", with_segment(lossless(4), 0xEE, adobe(0))
    yield "lossless_inks_adobe_2", with_segment(lossless(4), 0xEE, adobe(2))
    yield "lossless_12_bits", lossless(1, bits=12)
    yield "lossless_arithmetic", lossless(1, sof=0xCB)
    yield "lossless_hierarchical", lossless(1, sof=0xC7)


def metadata() -> Iterator[tuple[str, bytes]]:
    p = image(W, H)
    plain = save(p, "JPEG")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation_{orientation}", save(p, "JPEG", exif=exif)
    yield "exif_damaged", with_segment(plain, 0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")
    yield "exif_empty", with_segment(plain, 0xE1, b"Exif\0\0")
    yield "exif_no_dpi", with_segment(without(plain, 0xE0), 0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x1a\0\5\0\0\0\1\0\0\0\x1a\0\0\0\0\0\0\0\0\0\0\0\0")
    yield "icc", save(p, "JPEG", icc_profile=b"not a profile" * 9)
    yield "icc_part_2_of_3", with_segment(plain, 0xE2, b"ICC_PROFILE\0\2\3abc")
    yield "icc_short", with_segment(plain, 0xE2, b"ICC_PROFILE\0")
    yield "icc_without_count", with_segment(plain, 0xE2, b"ICC_PROFILE\0\1")
    yield "photoshop", with_segment(plain, 0xED, b"Photoshop 3.0\0008BIM\x04\x04\0\0\0\0\0\2ab")
    yield "photoshop_cut", with_segment(plain, 0xED, b"Photoshop 3.0\0008BIM\x04")
    yield "photoshop_no_name", with_segment(plain, 0xED, b"Photoshop 3.0\0008BIM\x04\x04")
    yield "photoshop_resolution_short", with_segment(plain, 0xED, b"Photoshop 3.0\0008BIM\x03\xed\0\0\0\0\0\2ab")
    yield "xmp", with_segment(plain, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    yield "comment", with_segment(plain, 0xFE, b"hello \xff\xd9 there")
    yield "comments_many", plain[:2] + segment(0xFE, b"x") * 40 + plain[2:]
    yield "mpo", save(p, "MPO", save_all=True, append_images=[image(W, H, 4)])
    mpf = b"MPF\0II*\0\x08\0\0\0"
    yield "mpf_damaged", with_segment(plain, 0xE2, mpf + b"\xff\xff")
    yield "mpf_empty", with_segment(plain, 0xE2, b"MPF\0")
    yield "mpf_no_entries", with_segment(plain, 0xE2, mpf + b"\0\0\0\0\0\0")


def odd() -> Iterator[tuple[str, bytes]]:
    p = image(W, H)
    plain, progressive, restarts = save(p, "JPEG"), save(p, "JPEG", progressive=True), cjpeg(p, "-restart", "1B")
    frame, scan = frame_at(plain), segments(plain)[-1]
    yield "trailing", plain + b"trailing \xff\xd8\xff"
    yield "trailing_jpeg", plain + progressive
    yield "no_end", plain[:-2]
    yield "no_end_progressive", progressive[:-2]
    yield "end_cut", plain[:-1]
    for part in (2, 4, 20, frame + 3, frame + 12, scan[1] + 3, scan[2], scan[2] + 1, scan[2] + 30, len(plain) - 10):
        yield f"cut_{part}", plain[:part]
        yield f"cut_{part}_ended", plain[:part] + b"\xff\xd9"
    for part in (len(progressive) // 2, len(progressive) - 30):
        yield f"progressive_cut_{part}", progressive[:part]
        yield f"progressive_cut_{part}_ended", progressive[:part] + b"\xff\xd9"
    for bits in (2, 12, 16):
        yield f"bits_{bits}", patched(plain, frame + 4, bytes([bits]))
    for marker in range(0xC1, 0xD0):
        if marker not in (0xC4, 0xC8, 0xCC):
            yield f"frame_marker_{marker:02x}", patched(plain, frame + 1, bytes([marker]))
    for height, width in [(0, W), (H, 0), (H + 8, W), (H - 8, W), (65535, 65535)]:
        yield f"size_{width}x{height}", patched(plain, frame + 5, struct.pack(">HH", height, width))
    yield "dnl", patched(plain, frame + 5, b"\0\0")[:-2] + segment(0xDC, struct.pack(">H", H)) + b"\xff\xd9"
    yield "dnl_beside_height", plain[:-2] + segment(0xDC, struct.pack(">H", H)) + b"\xff\xd9"
    yield "dnl_before_scan", before_scan(plain, segment(0xDC, struct.pack(">H", H)))
    for marker, name in ((0xC4, "huffman"), (0xDB, "quantisation"), (0xE0, "jfif")):
        yield f"no_{name}", without(plain, marker)
    yield "no_frame", without(plain, 0xC0)
    yield "two_frames", plain[:2] + plain[frame : frame + 19] + plain[2:]
    yield "components_2", patched(plain, frame + 9, b"\2")
    yield "sampling_0", patched(plain, frame + 11, b"\0")
    yield "sampling_5", patched(plain, frame + 11, b"\x51")
    yield "table_missing", patched(plain, frame + 12, b"\3")
    for gap in (b"\xff\xff\xff", b"junk", b"\0\0", b"\xff\0", b"\xff\x01", b"\xff\xd0", b"\xff\xd8", b"\xff\xd9", b"\xff\xf0", b"\xff\xc8"):
        yield f"between_{gap.hex()}", plain[:20] + gap + plain[20:]
        yield f"before_scan_{gap.hex()}", before_scan(plain, gap)
        yield f"in_scan_{gap.hex()}", plain[: scan[2] + 40] + gap + plain[scan[2] + 40 :]
    yield "restart_interval_only", before_scan(plain, segment(0xDD, b"\0\1"))
    yield "restart_interval_0", before_scan(plain, segment(0xDD, b"\0\0"))
    yield "restart_interval_wrong", restarts.replace(b"\xff\xdd\0\4\0\1", b"\xff\xdd\0\4\0\2")
    yield "restart_missing", restarts.replace(b"\xff\xd1", b"", 1)
    yield "restart_out_of_order", restarts.replace(b"\xff\xd1", b"\xff\xd5", 1)
    yield "restart_doubled", restarts.replace(b"\xff\xd1", b"\xff\xd1\xff\xd1", 1)
    for i, at in enumerate((numbers(12, 9) % (len(plain) - scan[2] - 4)).tolist()):
        yield f"flipped_{i}", patched(plain, scan[2] + at, bytes([plain[scan[2] + at] ^ 1 << i % 8]))
    yield "dac", before_scan(cjpeg(p, "-arithmetic"), segment(0xCC, b"\0\x10"))
    yield "exp", before_scan(plain, segment(0xDF, b"\0"))
    yield "dhp", before_scan(plain, segment(0xDE, plain[frame + 4 : frame + 19]))


def files() -> Iterator[tuple[str, bytes]]:
    for part in (processes, colours, lossless_files, metadata, odd):
        for name, data in part():
            yield name + ".jpg", data
