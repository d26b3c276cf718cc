//! Raw names: bytes as the file system gives them, joined to paths and shown to people.
//!
//! Names are bytes all the way through, since a Linux file name need not be UTF-8.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The extensions that torchvision's `ImageFolder` lists, in lower case.
const IMAGE_EXTENSIONS: [&[u8]; 9] =
    [b".jpg", b".jpeg", b".png", b".ppm", b".bmp", b".pgm", b".tif", b".tiff", b".webp"];

/// The extensions of JPEG 2000, as Pillow lists them, for builds that read it.
const MORE_EXTENSIONS: &[&[u8]] =
    if cfg!(feature = "jpeg2000") { &[b".jp2", b".j2k", b".jpc", b".jpf", b".jpx", b".j2c"] } else { &[] };

/// Whether torchvision takes a file of this name for an image, or this build does beyond that.
///
/// ASCII case is enough, though Python lowers all of Unicode: no character outside ASCII lowers to a letter of
/// these extensions alone (U+0130 lowers to `i` and a combining dot, U+212A to `k`).
pub(crate) fn is_image(name: &[u8]) -> bool {
    IMAGE_EXTENSIONS.iter().chain(MORE_EXTENSIONS).any(|extension| {
        let start = name.len().checked_sub(extension.len());
        start.is_some_and(|start| name[start..].eq_ignore_ascii_case(extension))
    })
}

/// The path of a name that is relative to `root`.
pub(crate) fn join(root: &Path, name: &[u8]) -> PathBuf {
    root.join(OsStr::from_bytes(name))
}

/// Appends `/name` to a relative path.
pub(crate) fn child(folder: &[u8], name: &[u8]) -> Vec<u8> {
    [folder, b"/", name].concat()
}

/// A name on one line, without loss: control characters and backslashes are escaped as in Rust, bytes that are
/// not UTF-8 as `\xNN`.
pub(crate) fn display(name: &[u8]) -> String {
    let mut shown = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_escaped(&mut shown, c));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

fn push_escaped(shown: &mut String, c: char) {
    if c.is_control() || c == '\\' {
        shown.extend(c.escape_default());
    } else {
        shown.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_match_without_case_and_need_no_stem() {
        for name in ["a.jpg", "A.JPG", "b.JpEg", ".png", "x.tar.webp", "é.TIFF"] {
            assert!(is_image(name.as_bytes()), "{name}");
        }
        for name in ["", "jpg", "a.gif", "a.jpg ", "a.jpg.txt", "a.t\u{130}f", "a.jp"] {
            assert!(!is_image(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn names_of_jpeg_2000_are_for_builds_with_its_feature() {
        for name in ["a.jp2", "B.J2K", ".jpx"] {
            assert_eq!(is_image(name.as_bytes()), cfg!(feature = "jpeg2000"), "{name}");
        }
    }

    #[test]
    fn names_are_shown_on_one_line_without_loss() {
        assert_eq!(display(b"a/b c.jpg"), "a/b c.jpg");
        assert_eq!(display("é\n\\.jpg".as_bytes()), "é\\n\\\\.jpg");
        assert_eq!(display(b"a\xff\x80.jpg"), "a\\xff\\x80.jpg");
    }
}
