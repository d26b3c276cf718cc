//! Files that dataset folders hold and that are not decoded here: told by their first bytes, so that an error can say
//! what a file is and what converts it.

/// The name of a file's format (with its article), and what to do about it.
pub(crate) type Foreign = (&'static str, &'static str);

const CONVERT_WITH_PILLOW: &str = "convert it with Pillow";
/// Files with another signature are met in builds that have the feature too.
const JPEG_2000: &str = if cfg!(feature = "jpeg2000") {
    "convert it with opj_decompress or Pillow"
} else {
    "convert it with opj_decompress or Pillow, or build the daemon with --features jpeg2000"
};

/// The kind of file that `bytes` begin with, if it is a known one.
pub(crate) fn detect(bytes: &[u8]) -> Option<Foreign> {
    media(bytes).or_else(|| by_signature(bytes)).or_else(|| text(bytes))
}

/// Files of boxes (ISO base media), told by the brand in their first one.
fn media(bytes: &[u8]) -> Option<Foreign> {
    const BOX_OF_12: [u8; 4] = [0, 0, 0, 12];
    const HEIC: Foreign = ("a HEIC image", "convert it with heif-convert, or Pillow with pillow-heif");
    let (len, kind) = (bytes.first_chunk::<4>()?, bytes.get(4..8)?);
    match kind {
        b"jP  " if *len == BOX_OF_12 => {
            return Some(("a JPEG 2000 image", JPEG_2000));
        }
        b"JXL " if *len == BOX_OF_12 => return Some(("a JPEG XL image", "convert it with djxl")),
        b"ftyp" => {}
        _ => return None,
    }
    let end = (u32::from_be_bytes(*len) as usize).min(bytes.len());
    let brands = bytes.get(8..end)?.as_chunks::<4>().0;
    Some(match brands.first()? {
        b"avif" | b"avis" => ("an AVIF image", "convert it with avifdec or Pillow"),
        b"mif1" | b"msf1" | b"miaf" if brands.iter().any(|brand| brand == b"avif" || brand == b"avis") => {
            ("an AVIF image", "convert it with avifdec or Pillow")
        }
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" | b"miaf" => HEIC,
        b"crx " => ("a raw photograph of a camera (CR3)", "convert it with dcraw_emu or darktable"),
        _ => ("a film (MP4 or a relative)", "extract frames with ffmpeg, or remove it"),
    })
}

fn by_signature(bytes: &[u8]) -> Option<Foreign> {
    const KNOWN: [(&[u8], Foreign); 20] = [
        (b"\xFF\x0A", ("a JPEG XL image", "convert it with djxl")),
        (b"\xFF\x4F\xFF\x51", ("a JPEG 2000 image", JPEG_2000)),
        (b"8BPS", ("a Photoshop document", "convert it with ImageMagick or Pillow")),
        (b"%PDF-", ("a PDF document", "draw it with pdftoppm")),
        (b"%!PS", ("a PostScript document", "draw it with Ghostscript")),
        (b"\0\0\x01\0", ("an icon (ICO)", CONVERT_WITH_PILLOW)),
        (b"\0\0\x02\0", ("a Targa image (TGA) or a cursor (CUR)", CONVERT_WITH_PILLOW)),
        (b"DDS ", ("a DirectDraw surface (DDS)", CONVERT_WITH_PILLOW)),
        (b"icns", ("an icon (ICNS)", CONVERT_WITH_PILLOW)),
        (b"qoif", ("a QOI image", CONVERT_WITH_PILLOW)),
        (b"P7\n", ("a Netpbm image of kind 7 (PAM)", "convert it with pamtopnm")),
        (b"PF\n", ("a Netpbm image of colour floats (PFM)", "convert it with pfmtopam")),
        (b"#?RADIANCE", ("a Radiance image (HDR)", "convert it with ImageMagick")),
        (b"v/1\x01", ("an OpenEXR image", "convert it with ImageMagick")),
        (b"BPG\xFB", ("a BPG image", "convert it with bpgdec")),
        (b"\x93NUMPY", ("an array of numpy", "save it as an image")),
        (b"PK\x03\x04", ("a ZIP archive", "unpack it")),
        (b"\x1F\x8B", ("a gzip archive", "unpack it")),
        (b"\x1A\x45\xDF\xA3", ("a film (Matroska or WebM)", "extract frames with ffmpeg, or remove it")),
        (
            b"version https://git-lfs.github.com/spec/",
            ("a Git LFS pointer instead of the file", "fetch the file with git lfs pull"),
        ),
    ];
    KNOWN.iter().find(|(signature, _)| bytes.starts_with(signature)).map(|(_, foreign)| *foreign)
}

/// Documents, told by their first tag.
fn text(bytes: &[u8]) -> Option<Foreign> {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes).trim_ascii_start();
    let head = bytes[..bytes.len().min(1024)].to_ascii_lowercase();
    let has = |tag: &[u8]| head.windows(tag.len()).any(|window| window == tag);
    if head.starts_with(b"<svg")
        || head.starts_with(b"<?xml") && has(b"<svg")
        || head.starts_with(b"<!doctype svg")
    {
        return Some(("an SVG drawing", "draw it with rsvg-convert"));
    }
    if head.starts_with(b"<!doctype html") || head.starts_with(b"<html") || head.starts_with(b"<head") {
        return Some(("an HTML page, often a server's error page", "download the image again"));
    }
    head.starts_with(b"<?xml")
        .then_some(("an XML document, often a server's error", "download the image again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let what = |bytes: &[u8]| detect(bytes).map(|(what, _)| what);
        assert_eq!(what(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"), Some("an AVIF image"));
        assert_eq!(what(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"), Some("an AVIF image"));
        assert_eq!(what(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Some("a HEIC image"));
        assert_eq!(what(b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"), Some("a film (MP4 or a relative)"));
        assert_eq!(what(b"\0\0\0\x0cjP  \r\n\x87\n"), Some("a JPEG 2000 image"));
        assert_eq!(what(b"\xFF\x0A\xFA\x1F"), Some("a JPEG XL image"));
        assert_eq!(what(b"\xEF\xBB\xBF <?xml version=\"1.0\"?>\n<SVG>"), Some("an SVG drawing"));
        assert_eq!(what(b"<!DOCTYPE html>"), Some("an HTML page, often a server's error page"));
        assert_eq!(
            what(b"version https://git-lfs.github.com/spec/v1\noid sha256:"),
            Some("a Git LFS pointer instead of the file")
        );
        for none in [&b""[..], b"\0\0\0", b"\0\0\0\x08ftyp", b"Paris is a town", b"<b>"] {
            assert_eq!(what(none), None);
        }
    }
}
