"""Pillow's side of the golden files: its verdict on a file, and files that it writes."""

import hashlib
import io
import warnings

from PIL import Image


def verdict(data: bytes) -> str:
    """Pillow's verdict: `ok WIDTH HEIGHT SHA256` or `no`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rgb = Image.open(io.BytesIO(data)).convert("RGB")
    except Exception:  # Pillow raises half a dozen types for bad files; each of them means "undecodable".
        return "no"
    return f"ok {rgb.width} {rgb.height} {hashlib.sha256(rgb.tobytes()).hexdigest()}"


def save(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
