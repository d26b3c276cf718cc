//! Odd variants of every format against Pillow's pixels and verdicts, as `golden/variants/make.py` wrote them down.
//!
//! Allowed are: the same pixels, both refuse, or we refuse with the reason that the documentation lists
//! (`src/refused.md` and those of the feature `jpeg2000`, which are part of the crate's documentation and are read here).

// Functions beside the tests may fail a test, as the tests themselves may.
#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bandwise_decode::{DecodeLimits, Decoder};
use bandwise_kernels::{Rect, SimdLevel};
use common::{packed, verdict, whole};

/// For all builds, and for this one.
const REFUSED: [&str; 2] = [
    include_str!("../src/refused.md"),
    #[cfg(feature = "jpeg2000")]
    include_str!("../src/jpeg2000/refused.md"),
    #[cfg(not(feature = "jpeg2000"))]
    include_str!("../src/jpeg2000/refused_without.md"),
];

#[test]
fn every_variant_as_pillow_has_it() {
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    let (refusals, variants) = (refusals(), variants());
    let mut failures = String::new();
    for variant in &variants {
        let ours = verdict(&mut decoder, &variant.bytes);
        let refusal = refusals.iter().find(|refusal| refusal.is_for(&variant.name));
        let expected = match refusal {
            Some(refusal) if variant.pillow != "no" => format!("no {} ", refusal.reason),
            _ => variant.pillow.clone(),
        };
        if !ours.starts_with(&expected) {
            writeln!(failures, "{}: expected {expected}, got {ours}", variant.name).unwrap();
        }
        assert!(part_agrees(&mut decoder, &variant.bytes), "{}: a part differs", variant.name);
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// A row of the list stands for files that Pillow decodes: what nothing shows is not claimed.
#[test]
fn every_listed_refusal_has_a_file() {
    let variants = variants();
    for refusal in refusals() {
        let shown = variants.iter().any(|variant| variant.pillow != "no" && refusal.is_for(&variant.name));
        assert!(shown, "no file that Pillow decodes is refused as {}", refusal.pattern);
    }
}

/// No prefix of any variant panics, and each one has one verdict, whatever part of it is wanted.
#[test]
fn prefixes_of_every_variant() {
    let mut decoder = Decoder::new(SimdLevel::detect()).unwrap();
    for variant in variants() {
        for len in (0..variant.bytes.len()).step_by(1 + variant.bytes.len() / 8) {
            assert!(part_agrees(&mut decoder, &variant.bytes[..len]), "{} cut to {len}", variant.name);
        }
    }
}

/// A row of `refused.md`.
struct Refusal {
    /// `FORMAT/NAME`, where one `*` stands for any text.
    pattern: String,
    reason: String,
}

impl Refusal {
    fn is_for(&self, name: &str) -> bool {
        match self.pattern.split_once('*') {
            Some((start, end)) => {
                name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
            }
            None => name == self.pattern,
        }
    }
}

fn refusals() -> Vec<Refusal> {
    let rows = REFUSED.iter().flat_map(|list| list.lines()).filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split(" | ").map(|cell| cell.replace('`', "")).collect::<Vec<_>>());
    cells.map(|cells| Refusal { pattern: cells[0].clone(), reason: cells[1].clone() }).collect()
}

/// A file of a pack.
struct Variant {
    /// `FORMAT/NAME`.
    name: String,
    bytes: Vec<u8>,
    pillow: String,
}

fn variants() -> Vec<Variant> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let table = entry.unwrap().path();
        if table.extension().is_some_and(|extension| extension == "tsv") {
            read_pack(&table, &mut found);
        }
    }
    assert!(found.len() >= 600, "only {} variants", found.len());
    found
}

fn read_pack(table: &Path, found: &mut Vec<Variant>) {
    let format = table.file_stem().unwrap().to_str().unwrap();
    let pack = std::fs::read(table.with_extension("pack")).unwrap();
    let mut rest = &pack[..];
    for line in std::fs::read_to_string(table).unwrap().lines() {
        let [name, len, pillow] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("a line of three columns, not {line:?}")
        };
        let (bytes, behind) = rest.split_at(len.parse().unwrap());
        rest = behind;
        let name = format!("{format}/{name}");
        found.push(Variant { name, bytes: bytes.to_vec(), pillow: pillow.to_owned() });
    }
    assert!(rest.is_empty(), "{format}: the pack is longer than its table");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/variants")
}

/// Whether a part from the middle, and the last pixel, have the verdict and the pixels of the whole.
fn part_agrees(decoder: &mut Decoder, bytes: &[u8]) -> bool {
    let Ok(header) = decoder.header(bytes, &DecodeLimits::default()) else { return true };
    let (width, height) = (header.width.div_ceil(3), header.height.div_ceil(3));
    let middle =
        Rect { x: width.min(header.width - width), y: height.min(header.height - height), width, height };
    let last = Rect { x: header.width - 1, y: header.height - 1, width: 1, height: 1 };
    [middle, last].into_iter().all(|region| {
        let part = decoder.decode(bytes, &header, region).map(packed).ok();
        let expected = whole(decoder, bytes).map(|view| packed(view.crop(region))).ok();
        part == expected
    })
}
