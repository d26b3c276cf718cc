//! A small corpus out of the photographs that are part of the daemon.

#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

use std::{fs, path::Path};

use bandwise_benches::corpus::{Corpus, MakeOptions, Summary, make};
use bandwise_decode::{DecodeLimits, Decoder};
use tempfile::TempDir;

const IMAGES: u64 = 50;

fn options(out: &Path, seed: u64) -> MakeOptions {
    MakeOptions {
        from: Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/assets/photos"),
        out: out.join(format!("corpus-{seed}")),
        images: IMAGES,
        classes: 4,
        seed,
        mean_bytes: 50_000.0,
    }
}

fn made(seed: u64) -> (TempDir, Summary, Corpus) {
    let folder = TempDir::new().unwrap();
    let options = options(folder.path(), seed);
    let (summary, passed_over) = make(&options, || {}).unwrap();
    assert_eq!(passed_over, Vec::<String>::new());
    let corpus = Corpus::load(&options.out).unwrap();
    (folder, summary, corpus)
}

#[test]
fn the_summary_says_what_is_there() {
    let (_folder, summary, corpus) = made(1);
    assert_eq!(corpus.summary.as_ref(), Some(&summary));
    assert_eq!((summary.images, corpus.files.len() as u64, summary.photographs), (IMAGES, IMAGES, 12));
    let bytes: usize = corpus.files.iter().map(Vec::len).sum();
    assert!((bytes as f64 / IMAGES as f64 - summary.mean_bytes).abs() < 1e-6);
    let mut decoder = Decoder::new(bandwise_kernels::SimdLevel::detect()).unwrap();
    let mut pixels = 0;
    for file in &corpus.files {
        let header = decoder.header(file, &DecodeLimits::default()).unwrap();
        let whole = bandwise_kernels::Rect::whole(header.width, header.height);
        decoder.decode(file, &header, whole).unwrap();
        pixels += header.pixels();
    }
    assert!((pixels as f64 / IMAGES as f64 - summary.mean_pixels).abs() < 1e-6);
}

#[test]
fn the_mean_size_is_what_was_asked_for() {
    let (_folder, summary, _) = made(1);
    // Fewer files than the trial: the quality was chosen on exactly these.
    assert!((summary.mean_bytes / 50_000.0 - 1.0).abs() < 0.03, "{}", summary.mean_bytes);
}

#[test]
fn equal_options_give_equal_bytes() {
    let ((_a, first, files), (_b, second, other_files), (_c, third, _)) = (made(1), made(1), made(2));
    assert_eq!((&first, files.files), (&second, other_files.files));
    assert_ne!(first.sha256, third.sha256);
}

#[test]
fn folders_with_files_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let options = options(folder.path(), 1);
    fs::create_dir(&options.out).unwrap();
    fs::write(options.out.join("thesis.txt"), "irreplaceable").unwrap();
    let error = make(&options, || {}).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
}

#[test]
fn what_is_no_photograph_is_passed_over_by_name() {
    let folder = TempDir::new().unwrap();
    let from = folder.path().join("photos");
    fs::create_dir(&from).unwrap();
    let mut options = options(folder.path(), 1);
    fs::copy(options.from.join("thing/cup.jpg"), from.join("cup.jpg")).unwrap();
    fs::write(from.join("broken.jpg"), "not a picture").unwrap();
    options.from = from;
    let (summary, passed_over) = make(&options, || {}).unwrap();
    assert_eq!(summary.photographs, 1);
    assert!(passed_over.len() == 1 && passed_over[0].contains("broken.jpg"), "{passed_over:?}");
}

#[test]
fn a_folder_without_photographs_is_an_error() {
    let folder = TempDir::new().unwrap();
    let options = MakeOptions { from: folder.path().to_owned(), ..options(folder.path(), 1) };
    let error = make(&options, || {}).unwrap_err().to_string();
    assert!(error.contains("benches/photos.sh"), "{error}");
    assert!(Corpus::load(folder.path()).unwrap_err().to_string().contains("no JPEGs"));
}
