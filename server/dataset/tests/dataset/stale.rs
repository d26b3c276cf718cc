//! An index that is older than the data: what shows it, and what the next start makes of it.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use bandwise_dataset::IndexSource::{Cache, Scan};
use bandwise_dataset::{Dataset, OpenOptions, ReadError, Warning};

use crate::tree::{Tree, names, open};

const FILES: [&str; 3] = ["a/1.jpg", "a/2.jpg", "b/1.jpg"];

/// A dataset a day old whose index is cached.
fn cached(options: impl Fn(&Tree) -> OpenOptions) -> Tree {
    let tree = Tree::of(&FILES);
    tree.age(1);
    open(&options(&tree)).unwrap();
    tree
}

fn unverified(tree: &Tree) -> OpenOptions {
    OpenOptions { verify_index: false, ..tree.cached_options() }
}

fn read(dataset: &Dataset, name: &str) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    dataset.read(dataset.find(name.as_bytes()).unwrap(), 1000, &mut bytes).map(|()| bytes)
}

#[test]
fn a_file_repaired_in_place_is_read_at_the_next_start() {
    let tree = cached(Tree::cached_options);
    let before = open(&tree.cached_options()).unwrap();
    tree.write(b"data/a/2.jpg", b"repaired in place, and longer than before");
    let error = read(&before, "a/2.jpg").unwrap_err();
    assert!(matches!(error, ReadError::SizeChanged { .. }), "{error}");
    assert!(error.to_string().contains("restart"), "{error}");
    for _ in 0..2 {
        let after = open(&tree.cached_options()).unwrap();
        assert_eq!(after.index_source(), Cache, "no folder has changed");
        assert_eq!(read(&after, "a/2.jpg").unwrap(), b"repaired in place, and longer than before");
        assert_eq!((after.digest(), names(&after)), (tree.open().digest(), names(&before)));
        assert!(after.warnings().is_empty(), "{:?}", after.warnings());
    }
}

#[test]
fn a_file_written_over_at_the_same_size_is_told_once() {
    let tree = cached(Tree::cached_options);
    let before = open(&tree.cached_options()).unwrap().digest();
    tree.write(b"data/a/2.jpg", b"data/a/X.jpg");
    let after = open(&tree.cached_options()).unwrap();
    let [warning @ Warning::Rewritten { count: 1, name }] = after.warnings() else {
        panic!("{:?}", after.warnings())
    };
    assert_eq!((name.as_str(), after.digest()), ("a/2.jpg", before));
    assert!(warning.to_string().contains("content = true"), "{warning}");
    assert!(open(&tree.cached_options()).unwrap().warnings().is_empty());
}

#[test]
fn times_set_back_do_not_hide_a_change_of_size_and_other_rights_are_none() {
    use std::os::unix::fs::PermissionsExt as _;
    let tree = cached(Tree::cached_options);
    let file = tree.data().join("a/2.jpg");
    let times = fs::metadata(&file).unwrap().modified().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(open(&tree.cached_options()).unwrap().warnings().is_empty());
    fs::write(&file, "longer than it was before, by far").unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(times).unwrap();
    assert_eq!(open(&tree.cached_options()).unwrap().digest(), tree.open().digest());
}

#[test]
fn a_link_whose_target_goes_and_comes_back_is_seen() {
    let tree = cached(Tree::cached_options);
    tree.add("elsewhere.jpg");
    tree.link("data/b/2.jpg", "../../elsewhere.jpg");
    tree.age(2);
    assert!(open(&tree.cached_options()).unwrap().warnings().is_empty());
    fs::remove_file(tree.path("elsewhere.jpg")).unwrap();
    for source in [Cache, Cache] {
        let broken = open(&tree.cached_options()).unwrap();
        assert!(matches!(broken.warnings(), [Warning::BrokenSample { .. }]), "{:?}", broken.warnings());
        assert_eq!(broken.index_source(), source);
    }
    tree.add("elsewhere.jpg");
    let whole = open(&tree.cached_options()).unwrap();
    assert!(whole.warnings().is_empty() && whole.digest() == tree.open().digest());
}

#[test]
fn without_a_look_at_the_files_a_read_that_meets_a_change_asks_for_one() {
    let tree = cached(unverified);
    tree.write(b"data/a/2.jpg", b"repaired in place, and longer than before");
    let stale = open(&unverified(&tree)).unwrap();
    assert!(read(&stale, "a/1.jpg").is_ok());
    assert!(read(&open(&unverified(&tree)).unwrap(), "a/2.jpg").is_err(), "nobody has met it yet");
    // Another process is as blind until it meets it too, and both ask for the same.
    assert!(read(&stale, "a/2.jpg").is_err());
    let after = open(&unverified(&tree)).unwrap();
    assert!(read(&after, "a/2.jpg").is_ok());
    assert_eq!(fs::read_dir(tree.path("cache")).unwrap().count(), 1, "the mark is gone");
}

#[test]
fn a_known_broken_sample_asks_for_nothing() {
    let tree = Tree::of(&FILES);
    tree.link("data/a/broken.jpg", "nowhere");
    tree.age(1);
    let dataset = open(&tree.cached_options()).unwrap();
    assert!(read(&dataset, "a/broken.jpg").is_err());
    assert_eq!(fs::read_dir(tree.path("cache")).unwrap().count(), 1);
}

#[test]
fn a_rescan_lists_again() {
    let tree = cached(Tree::cached_options);
    let rescan = OpenOptions { rescan: true, ..tree.cached_options() };
    assert_eq!(open(&rescan).unwrap().index_source(), Scan);
    assert_eq!(open(&tree.cached_options()).unwrap().index_source(), Cache);
}

/// Files whose hashes are kept: changed long enough ago that any further change shows.
fn with_content() -> (Tree, OpenOptions) {
    let tree = Tree::of(&FILES);
    tree.age(1);
    std::thread::sleep(Duration::from_millis(150));
    let options = OpenOptions { content: true, ..tree.cached_options() };
    (tree, options)
}

#[test]
fn a_digest_with_content_changes_with_every_byte_and_only_then() {
    let (tree, options) = with_content();
    let before = open(&options).unwrap();
    assert_ne!(before.digest(), tree.open().digest());
    assert_eq!((before.hashed(), open(&options).unwrap().hashed()), (3, 0));
    let same = Tree::of(&FILES);
    let elsewhere = OpenOptions { content: true, ..same.options() };
    assert_eq!(open(&elsewhere).unwrap().digest(), before.digest(), "place and times do not enter");
    tree.write(b"data/a/2.jpg", b"data/a/X.jpg");
    let after = open(&options).unwrap();
    assert_eq!((after.hashed(), after.warnings()), (1, &[][..]));
    assert_ne!(after.digest(), before.digest());
    tree.write(b"data/a/2.jpg", b"data/a/2.jpg");
    assert_eq!(open(&options).unwrap().digest(), before.digest());
}

#[test]
fn a_time_set_back_does_not_hide_other_content() {
    let (tree, options) = with_content();
    let before = open(&options).unwrap().digest();
    let file = tree.data().join("a/2.jpg");
    let times = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, "data/a/X.jpg").unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(times).unwrap();
    assert_ne!(open(&options).unwrap().digest(), before);
}

#[test]
fn hashes_survive_a_scan_and_openings_without_content() {
    let (tree, options) = with_content();
    open(&options).unwrap();
    tree.add("data/b/2.jpg");
    assert_eq!(open(&tree.cached_options()).unwrap().index_source(), Scan);
    let rescan = OpenOptions { rescan: true, ..tree.cached_options() };
    open(&rescan).unwrap();
    assert_eq!(open(&options).unwrap().hashed(), 1, "the new one");
    assert_eq!(
        open(&OpenOptions { rescan: true, ..options }).unwrap().hashed(),
        4,
        "all, where all is asked for"
    );
}

#[test]
fn lists_choose_among_hashed_samples() {
    let (tree, options) = with_content();
    tree.write(b"list", b"a/2.jpg\nb/1.jpg\n");
    let part = OpenOptions { keep: Some(tree.path("list")), ..options.clone() };
    let both = [open(&part).unwrap().digest(), open(&options).unwrap().digest()];
    assert_ne!(both[0], both[1]);
    tree.write(b"data/a/1.jpg", b"data/a/X.jpg");
    assert_eq!(open(&part).unwrap().digest(), both[0], "the changed file is not in it");
    tree.write(b"data/a/2.jpg", b"data/a/X.jpg");
    assert_ne!(open(&part).unwrap().digest(), both[0]);
}

#[test]
fn content_that_cannot_be_read_is_an_error_unless_it_is_left_out() {
    let (tree, options) = with_content();
    tree.link("data/a/broken.jpg", "nowhere");
    tree.pipe("data/b/pipe.jpg");
    let error = open(&options).unwrap_err().to_string();
    for part in
        ["2 samples of", "a/broken.jpg (", "b/pipe.jpg (not a regular file)", "'leave_out'", "--content"]
    {
        assert!(error.contains(part), "no {part} in: {error}");
    }
    tree.write(b"list", b"a/broken.jpg\nb/pipe.jpg\n");
    let rest = OpenOptions { leave_out: Some(tree.path("list")), ..options };
    assert_eq!(open(&rest).unwrap().len(), 3);
}

#[test]
fn a_folder_from_the_future_is_scanned_each_time_and_its_hashes_are_kept() {
    let (tree, options) = with_content();
    let future = UNIX_EPOCH + Duration::from_hours(24 * 365 * 200);
    File::open(tree.data().join("a")).unwrap().set_modified(future).unwrap();
    for hashed in [3, 0] {
        let dataset = open(&options).unwrap();
        assert_eq!((dataset.index_source(), dataset.hashed(), dataset.is_settled()), (Scan, hashed, false));
    }
}
