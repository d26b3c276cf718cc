"""Files of types that are not decoded, and others that are no images, as folders hold them."""

from collections.abc import Iterator

from common import image, save


def files() -> Iterator[tuple[str, bytes]]:
    p = image(32, 24)
    yield "avif.avif", save(p, "AVIF")
    yield "jpeg_2000.jp2", save(p, "JPEG2000")
    yield "jpeg_2000_stream.j2k", save(p, "JPEG2000", no_jp2=True)
    yield "icon.ico", save(p, "ICO", sizes=[(16, 16)])
    yield "surface.dds", save(p, "DDS")
    yield "qoi.qoi", save(p, "QOI")
    yield "pcx.pcx", save(p, "PCX")
    yield "sgi.sgi", save(p, "SGI")
    yield "targa.tga", save(p, "TGA")
    yield "document.pdf", b"%PDF-1.4 and so forth"
    yield "heic.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    yield "heif_of_avif.heif", b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(40)
    yield "jpeg_xl.jxl", b"\xff\x0a" + bytes(40)
    yield "jpeg_xl_boxes.jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)
    yield "photoshop.psd", b"8BPS\0\1" + bytes(40)
    yield "drawing.svg", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'
    yield "error_page.jpg", b"<!DOCTYPE html>\n<html><body>404</body></html>"
    yield "error.xml.jpg", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'
    yield "pointer.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    yield "film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(40)
    yield "empty.jpg", b""
    yield "zeros.jpg", bytes(100)
    yield "text.jpg", b"no image"
    yield "one_byte.jpg", b"\xff"
    yield "two_bytes.jpg", b"\xff\xd8"
    yield "json.jpg", b'{"error": 404}'
