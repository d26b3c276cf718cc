//! `bandwise index --seek`: seek points that decoders find and that fit the bytes of the files.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{fs, path::Path, process::Command};

use bandwise_dataset::{NoProgress, OpenOptions};
use bandwise_jpeg::{Crop, Decoder, Frame, SeekTable, SimdLevel};
use bandwise_seek::{SeekStore, content_hash};
use common::Dataset;
use serde_json::Value;
use tempfile::TempDir;

const PHOTOS: [(&str, &str); 3] =
    [("a/1.jpg", "nature/cat.jpg"), ("a/2.jpg", "thing/cup.jpg"), ("b/1.jpg", "nature/cat.jpg")];

/// Photographs, one of them twice, half of one, and a file that is no JPEG.
fn dataset() -> Dataset {
    let dataset = Dataset::new();
    for (name, photo) in PHOTOS {
        dataset.photo(name, photo);
    }
    let whole = fs::read(dataset.path().join("a/1.jpg")).unwrap();
    dataset.file("b/half.jpg", &whole[..whole.len() / 2]);
    dataset.file("b/none.png", b"not an image");
    dataset
}

/// Both outputs and the exit code.
fn index(dataset: &Dataset, cache: &Path, more: &[&str]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bandwise"));
    command.arg("index").arg(dataset.path()).arg("--cache-dir").arg(cache).args(more);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// The part of the report about seek points.
fn seek(dataset: &Dataset, cache: &Path, more: &[&str]) -> Value {
    let (said, errors, code) = index(dataset, cache, &[&["--seek", "--json"], more].concat());
    assert_eq!(code, 0, "{errors}");
    serde_json::from_str::<Value>(&said).unwrap()["seek"].take()
}

/// The file of seek points, as a daemon opens it.
fn store(dataset: &Dataset, cache: &Path) -> SeekStore {
    let options = OpenOptions::new(dataset.path());
    let opened = bandwise_dataset::Dataset::open(&options, &NoProgress).unwrap();
    let (store, trouble) = SeekStore::open(&opened.seek_options(cache).unwrap());
    assert!(trouble.is_none(), "{trouble:?}");
    store
}

#[test]
fn seek_points_are_made_once_and_fit() {
    let (dataset, cache) = (dataset(), TempDir::new().unwrap());
    let made = seek(&dataset, cache.path(), &["--threads", "1"]);
    let without = &made["without"];
    assert_eq!((&made["made"], &made["kept"], &made["entries"]), (&3.into(), &0.into(), &2.into()), "{made}");
    assert_eq!(without.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 2);
    assert_eq!((&made["unreadable"], &made["trouble"]), (&0.into(), &Value::Null));
    let again = seek(&dataset, cache.path(), &["--threads", "3"]);
    assert_eq!((&again["made"], &again["kept"], &again["entries"]), (&0.into(), &3.into(), &2.into()));
    assert_eq!(again["file_bytes"], made["file_bytes"]);
    assert_eq!(made["file_bytes"], fs::metadata(made["file"].as_str().unwrap()).unwrap().len());
    let store = store(&dataset, cache.path());
    for (name, _) in PHOTOS {
        let (bytes, mut points) = (fs::read(dataset.path().join(name)).unwrap(), Vec::new());
        assert!(store.get_waiting(content_hash(&bytes), &mut points), "{name}");
        assert_eq!(points[0], 1, "the version, which is the kind of the records of the file");
        fits(&bytes, &points);
    }
}

/// Points are those of the decoder, and a crop with them has the pixels of one without.
fn fits(bytes: &[u8], points: &[u8]) {
    let (frame, mut decoder) = (Frame::read(bytes).unwrap(), Decoder::new(SimdLevel::detect()));
    let table = SeekTable::read(&frame, points).unwrap();
    assert_eq!(points, decoder.index(bytes, &frame, table.spacing()).unwrap());
    let crop = Crop { x: 60, y: 70, width: 80, height: 90 };
    let (mut with, mut without) = (vec![0; 3 * 80 * 90], vec![1; 3 * 80 * 90]);
    decoder.crop_with(bytes, &frame, &table, crop, &mut with).unwrap();
    decoder.crop(bytes, &frame, crop, &mut without).unwrap();
    assert!(with == without);
}

#[test]
fn a_file_that_has_changed_gets_new_seek_points() {
    let (dataset, cache) = (dataset(), TempDir::new().unwrap());
    seek(&dataset, cache.path(), &[]);
    dataset.photo("a/2.jpg", "nature/flower.jpg");
    let changed = seek(&dataset, cache.path(), &["--seek-spacing", "2"]);
    assert_eq!((&changed["made"], &changed["kept"], &changed["entries"]), (&1.into(), &2.into(), &3.into()));
    let (store, mut points) = (store(&dataset, cache.path()), Vec::new());
    let bytes = fs::read(dataset.path().join("a/2.jpg")).unwrap();
    assert!(store.get_waiting(content_hash(&bytes), &mut points));
    assert_eq!(SeekTable::read(&Frame::read(&bytes).unwrap(), &points).unwrap().spacing(), 2);
    fits(&bytes, &points);
}

#[test]
fn people_read_what_was_made_and_where() {
    let (dataset, cache) = (dataset(), TempDir::new().unwrap());
    let (said, _, code) = index(&dataset, cache.path(), &["--seek"]);
    assert!(code == 0 && said.contains("seek        3 images made in "), "{said}");
    assert!(said.contains(" of 2 images in ") && said.contains(".seek\n"), "{said}");
    assert!(said.contains("without     1 images: damaged entropy-coded data"), "{said}");
    let (said, _, _) = index(&dataset, cache.path(), &[]);
    assert!(!said.contains("seek"), "{said}");
}

#[test]
fn a_file_that_takes_no_more_is_a_failure() {
    let (dataset, cache) = (dataset(), TempDir::new().unwrap());
    let file = store(&dataset, cache.path());
    file.put(1, &vec![0; 1 << 20]);
    assert!(file.flush(std::time::Duration::from_mins(1)));
    let (said, errors, code) = index(&dataset, cache.path(), &["--seek", "--seek-mib", "1"]);
    assert!(code == 1 && errors.contains("has reached its limit of 1048576 bytes"), "{errors}");
    assert!(said.contains("seek        ") && said.contains("digest"), "{said}");
    // And it is none once there is room.
    assert_eq!(seek(&dataset, cache.path(), &["--seek-mib", "3"])["entries"], 3);
}

#[test]
fn options_for_seek_points_need_them() {
    let (dataset, cache) = (dataset(), TempDir::new().unwrap());
    for wrong in [
        &["--threads", "2"][..],
        &["--seek-mib", "5"],
        &["--seek", "--seek-spacing", "0"],
        &["--seek", "--seek-mib", "0"],
    ] {
        let (_, errors, code) = index(&dataset, cache.path(), wrong);
        assert_eq!(code, 2, "{wrong:?}: {errors}");
    }
}
