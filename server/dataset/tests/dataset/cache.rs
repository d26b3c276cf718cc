//! The index cache: when it is used, when not, and what a damaged one does.

use std::fs;
use std::path::PathBuf;

use bandwise_dataset::IndexSource::{Cache, Scan};
use bandwise_dataset::{Dataset, DatasetError, IndexSource, OpenOptions, Warning};

use crate::tree::{Tree, names, open};

const FILES: [&str; 4] = ["a/1.jpg", "a/n/1.jpg", "b/1.jpg", "b/2.jpg"];

/// A dataset a day old whose index is cached.
fn cached() -> Tree {
    let tree = Tree::of(&FILES);
    tree.age(1);
    assert_eq!(opened(&tree).1, Scan);
    tree
}

fn opened(tree: &Tree) -> (Dataset, IndexSource) {
    let dataset = open(&tree.cached_options()).unwrap();
    let source = dataset.index_source();
    (dataset, source)
}

fn cache_file(tree: &Tree) -> PathBuf {
    let mut files = fs::read_dir(tree.path("cache")).unwrap().map(|entry| entry.unwrap().path());
    let file = files.next().unwrap();
    assert_eq!(files.next(), None, "one file a dataset, and no temporary one left");
    file
}

#[track_caller]
fn same(a: &Dataset, b: &Dataset) {
    assert_eq!((names(a), a.digest(), a.classes()), (names(b), b.digest(), b.classes()));
    assert_eq!(a.warnings(), b.warnings());
    for sample in 0..a.len() {
        assert_eq!((a.label(sample), a.encoded_len(sample)), (b.label(sample), b.encoded_len(sample)));
    }
}

#[test]
fn a_second_opening_comes_from_the_cache_and_is_the_same() {
    let tree = cached();
    tree.link("data/a/broken.jpg", "nowhere");
    tree.link("data/a/loop", ".");
    tree.age(2);
    let (scanned, source) = opened(&tree);
    assert_eq!((source, scanned.warnings().len()), (Scan, 2));
    let (again, source) = opened(&tree);
    assert_eq!(source, Cache);
    same(&again, &scanned);
    cache_file(&tree);
}

#[test]
fn every_change_of_a_folder_is_seen() {
    type Change = (&'static str, fn(&Tree));
    let changes: [Change; 7] = [
        ("add a file", |tree| tree.add("data/a/n/2.jpg")),
        ("remove a file", |tree| fs::remove_file(tree.data().join("b/2.jpg")).unwrap()),
        ("rename a file", |tree| {
            fs::rename(tree.data().join("b/2.jpg"), tree.data().join("b/0.jpg")).unwrap();
        }),
        ("replace a file", |tree| {
            tree.add("new content of another length.jpg");
            let new = tree.path("new content of another length.jpg");
            fs::rename(new, tree.data().join("b/2.jpg")).unwrap();
        }),
        ("rename a class", |tree| fs::rename(tree.data().join("b"), tree.data().join("c")).unwrap()),
        ("add a class", |tree| tree.add("data/0/1.jpg")),
        ("swap two folders", |tree| {
            fs::rename(tree.data().join("a/n"), tree.path("n")).unwrap();
            fs::rename(tree.data().join("b"), tree.data().join("a/n")).unwrap();
            fs::rename(tree.path("n"), tree.data().join("b")).unwrap();
            // The times are as they were, so only the inodes tell.
            tree.age(1);
        }),
    ];
    for (name, change) in changes {
        let tree = cached();
        change(&tree);
        let (dataset, source) = opened(&tree);
        assert_eq!(source, Scan, "{name}");
        same(&dataset, &tree.open());
    }
}

#[test]
fn a_link_whose_target_appears_is_seen() {
    let tree = cached();
    tree.link("data/later", "../elsewhere");
    tree.age(2);
    assert_eq!(opened(&tree).1, Scan);
    assert_eq!(opened(&tree).1, Cache);
    tree.add("elsewhere/1.jpg");
    let (dataset, source) = opened(&tree);
    assert_eq!((source, dataset.classes().len()), (Scan, 3));
}

#[test]
fn a_folder_changed_just_now_is_not_cached() {
    let tree = Tree::of(&FILES);
    tree.age(1);
    tree.add("data/a/3.jpg");
    assert_eq!(opened(&tree).1, Scan);
    assert_eq!(opened(&tree).1, Scan);
    tree.age(2);
    assert_eq!(opened(&tree).1, Scan);
    assert_eq!(opened(&tree).1, Cache);
}

#[test]
fn a_damaged_file_is_never_used() {
    let tree = cached();
    let (expected, file) = (tree.open(), cache_file(&tree));
    let good = fs::read(&file).unwrap();
    let flip = |position: usize, bit: u8| {
        let mut bad = good.clone();
        bad[position] ^= bit;
        bad
    };
    let flips = (0..good.len()).step_by(3).map(|position| flip(position, 1 << (position % 8)));
    let cuts = (0..good.len()).step_by(41).map(|length| good[..length].to_vec());
    let longer = [good.as_slice(), b"x"].concat();
    for (case, bad) in flips.chain(cuts).chain([longer]).enumerate() {
        fs::write(&file, bad).unwrap();
        let (dataset, source) = opened(&tree);
        assert_eq!(source, Scan, "case {case}");
        same(&dataset, &expected);
        assert!(fs::read(&file).unwrap() == good, "the scan puts a good file in its place");
    }
}

#[test]
fn a_file_that_is_none_is_replaced_or_reported() {
    let tree = cached();
    let file = cache_file(&tree);
    fs::remove_file(&file).unwrap();
    tree.pipe(file.strip_prefix(tree.path("")).unwrap().to_str().unwrap());
    assert_eq!(opened(&tree).1, Scan);
    assert_eq!(opened(&tree).1, Cache);

    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let (dataset, source) = opened(&tree);
    assert_eq!(source, Scan);
    assert!(matches!(dataset.warnings(), [Warning::CacheNotWritten { path, .. }] if *path == file));
    cache_file(&tree);
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning() {
    let tree = Tree::of(&FILES);
    tree.age(2);
    let options = OpenOptions { cache_dir: Some(tree.data().join("a/1.jpg")), ..tree.options() };
    let dataset = open(&options).unwrap();
    assert!(matches!(dataset.warnings(), [Warning::CacheNotWritten { .. }]), "{:?}", dataset.warnings());
}

#[test]
fn each_path_has_its_own_file_and_a_moved_dataset_is_scanned() {
    let tree = cached();
    fs::rename(tree.data(), tree.path("moved")).unwrap();
    let options = OpenOptions { path: tree.path("moved"), ..tree.cached_options() };
    assert_eq!(open(&options).unwrap().index_source(), Scan);
    assert_eq!(fs::read_dir(tree.path("cache")).unwrap().count(), 2);
    let copied = fs::read(cache_file_of(&tree, "moved")).unwrap();
    fs::rename(tree.path("moved"), tree.data()).unwrap();
    fs::write(cache_file_of(&tree, "data"), copied).unwrap();
    assert_eq!(opened(&tree).1, Scan, "the file names another path");
}

/// The file of the dataset at `name`, known by the path inside.
fn cache_file_of(tree: &Tree, name: &str) -> PathBuf {
    let root = tree.path(name).to_str().unwrap().to_owned();
    let mut files = fs::read_dir(tree.path("cache")).unwrap().map(|entry| entry.unwrap().path());
    let holds = |file: &PathBuf| {
        let content = fs::read(file).unwrap();
        content.windows(root.len()).any(|window| window == root.as_bytes())
    };
    files.find(holds).unwrap()
}

#[test]
fn empty_classes_are_checked_on_a_cached_index_too() {
    let tree = cached();
    fs::create_dir(tree.data().join("empty")).unwrap();
    tree.age(2);
    let allowing = OpenOptions { allow_empty_classes: true, ..tree.cached_options() };
    assert_eq!(open(&allowing).unwrap().index_source(), Scan);
    assert_eq!(open(&allowing).unwrap().index_source(), Cache);
    assert!(matches!(open(&tree.cached_options()), Err(DatasetError::EmptyClasses { .. })));
}
