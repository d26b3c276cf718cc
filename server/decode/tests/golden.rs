//! Every kind of file against Pillow's pixels and verdicts, as written down by `golden/make.py`.

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bandwise_decode::{DecodeLimits, Decoder};
use bandwise_kernels::{Rect, SimdLevel};
use common::{packed, verdict, whole};

#[test]
fn every_kind_of_file_as_pillow_has_it() {
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let table = read_text("expected.tsv");
    let mut failures = String::new();
    for line in table.lines() {
        let (name, pillow) = line.split_once('\t').unwrap();
        let ours = verdict(&mut decoder, &read_file(name));
        if !ours.starts_with(pillow) {
            writeln!(failures, "{name}: expected {pillow}, got {ours}").unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn damaged_files_as_pillow_has_them() {
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let table = read_text("damaged.tsv");
    let (mut n_lines, mut n_only_we_refuse, mut failures) = (0, 0, String::new());
    for line in table.lines() {
        let [name, offset, delete, insert, pillow] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a line of five columns, not {line:?}")
        };
        let damaged =
            damage(&read_file(name), offset.parse().unwrap(), delete.parse().unwrap(), &unhex(insert));
        let ours = verdict(&mut decoder, &damaged);
        assert!(part_agrees(&mut decoder, &damaged), "{line}: a part differs from the whole");
        n_lines += 1;
        if pillow.starts_with("ok") && ours.starts_with("no") {
            n_only_we_refuse += 1;
        } else if !ours.starts_with(pillow) {
            writeln!(failures, "{line}: got {ours}").unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    // The crate's documentation says which these are.
    assert!(
        n_lines > 500 && 100 * n_only_we_refuse <= n_lines,
        "{n_only_we_refuse} of {n_lines} refused only here"
    );
}

/// libjpeg keeps tables between images if it is let; an image must not see its predecessor.
#[test]
fn no_image_influences_a_later_one() {
    let mut used = Decoder::new(SimdLevel::detect()).unwrap();
    let names =
        ["no_huffman_tables.jpg", "no_quantisation_tables.jpg", "420.jpg", "two_frames.jpg", "grey.jpg"];
    for before in names.iter().chain(&["420_quality_5.jpg", "cmyk_adobe.jpg", "rgb.png", "text.txt"]) {
        for name in names {
            let fresh = verdict(&mut Decoder::new(SimdLevel::detect()).unwrap(), &read_file(name));
            let _ = verdict(&mut used, &read_file(before));
            assert_eq!(verdict(&mut used, &read_file(name)), fresh, "{name} after {before}");
        }
    }
}

/// Whether a part from the middle has the verdict and the pixels of the whole.
fn part_agrees(decoder: &mut Decoder, bytes: &[u8]) -> bool {
    let Ok(header) = decoder.header(bytes, &DecodeLimits::default()) else { return true };
    let (width, height) = (header.width.div_ceil(3), header.height.div_ceil(3));
    // A third, from the middle, as far as there is one.
    let (x, y) = (width.min(header.width - width), height.min(header.height - height));
    let region = Rect { x, y, width, height };
    let part = decoder.decode(bytes, &header, region).map(packed).ok();
    let expected = whole(decoder, bytes).map(|view| packed(view.crop(region))).ok();
    part == expected
}

/// The bytes with `delete` of them at `offset` replaced, as Python's slices do it beyond the end.
fn damage(bytes: &[u8], offset: usize, delete: usize, insert: &[u8]) -> Vec<u8> {
    let from = offset.min(bytes.len());
    let to = (offset + delete).min(bytes.len());
    [&bytes[..from], insert, &bytes[to..]].concat()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn read_file(name: &str) -> Vec<u8> {
    let path = folder().join("files").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}
