//! Opening a folder: what is refused, what is warned of, what is told on the way.

use std::fs;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bandwise_dataset::{Dataset, DatasetError, IndexSource, OpenOptions, Progress, Warning};

use crate::tree::{Tree, names, open};

#[test]
fn a_dataset_tells_what_it_holds() {
    let tree = Tree::of(&["b/2.png", "b/1.jpg", "a/n/1.jpg", "a/notes.txt"]);
    let dataset = tree.open();
    assert_eq!(names(&dataset), ["a/n/1.jpg", "b/1.jpg", "b/2.png"]);
    let classes: Vec<_> = dataset.class_to_idx().map(|(class, label)| (class.name(), label)).collect();
    assert_eq!(classes, [("a", 0), ("b", 1)]);
    assert_eq!((dataset.label(0), dataset.label(2), dataset.is_empty()), (0, 1, false));
    assert_eq!(dataset.source().location(1), tree.data().join("b/1.jpg"));
    assert_eq!(dataset.encoded_len(1), "data/b/1.jpg".len() as u64);
    assert_eq!((dataset.root(), dataset.index_source()), (tree.data().as_path(), IndexSource::Scan));
    assert!(dataset.warnings().is_empty());
    assert!(dataset.index_bytes() > 0);
}

#[test]
fn a_dataset_may_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Dataset>();
    shared::<DatasetError>();
}

#[test]
fn the_digest_does_not_depend_on_place_time_or_threads() {
    let (here, there) = (Tree::of(&["a/1.jpg", "b/1.jpg"]), Tree::of(&["b/1.jpg", "a/1.jpg"]));
    there.age(1);
    let one_thread = OpenOptions { scan_threads: NonZeroUsize::MIN, ..there.options() };
    assert_eq!(here.open().digest(), open(&one_thread).unwrap().digest());
    there.write(b"data/a/1.jpg", b"longer than it was before");
    assert_ne!(here.open().digest(), there.open().digest());
}

#[test]
fn a_path_that_is_no_folder_is_refused() {
    let tree = Tree::of(&["a/1.jpg"]);
    let error = open(&OpenOptions::new(tree.path("nothing"))).unwrap_err();
    assert!(matches!(&error, DatasetError::NotFound { path } if *path == tree.path("nothing")), "{error}");
    for file in ["data/a/1.jpg", "data/a/1.jpg/below"] {
        let error = open(&OpenOptions::new(tree.path(file))).unwrap_err();
        assert!(matches!(error, DatasetError::NotAFolder { .. }), "{error}");
    }
}

#[test]
fn a_folder_without_class_folders_says_what_lies_in_it() {
    let error = open(&Tree::of(&["1.jpg", "2.JPG", "x.txt"]).options()).unwrap_err();
    assert!(matches!(error, DatasetError::NoClassFolders { images: 2, .. }), "{error}");
    assert!(error.to_string().contains("2 images lie directly in it"), "{error}");
    let error = open(&Tree::of(&["x.txt"]).options()).unwrap_err();
    assert!(matches!(error, DatasetError::NoClassFolders { images: 0, .. }), "{error}");
}

#[test]
fn empty_classes_are_refused_by_name_unless_allowed() {
    let tree = Tree::of(&["full/1.jpg"]);
    for n in 0..12 {
        tree.add(&format!("data/empty{n:02}/readme.txt"));
    }
    let DatasetError::EmptyClasses { count, classes, .. } = open(&tree.options()).unwrap_err() else {
        panic!("another error")
    };
    assert_eq!((count, classes.len(), classes[9].as_str()), (12, 10, "empty09"));
    let dataset = open(&OpenOptions { allow_empty_classes: true, ..tree.options() }).unwrap();
    assert_eq!((dataset.len(), dataset.classes().len(), dataset.label(0)), (1, 13, 12));
}

#[test]
fn no_image_at_all_is_refused_even_if_empty_classes_are_allowed() {
    let tree = Tree::of(&["a/readme.txt"]);
    let error = open(&OpenOptions { allow_empty_classes: true, ..tree.options() }).unwrap_err();
    assert!(matches!(error, DatasetError::NoSamples { .. }), "{error}");
}

#[test]
fn loops_are_not_followed_and_reported() {
    let tree = Tree::of(&["a/n/1.jpg", "b/1.jpg"]);
    tree.link("data/a/n/up", "../../a");
    tree.link("data/b/root", "..");
    tree.link("data/b/same", ".");
    let dataset = tree.open();
    assert_eq!(names(&dataset), ["a/n/1.jpg", "b/1.jpg"]);
    let mut loops: Vec<_> = dataset.warnings().iter().map(ToString::to_string).collect();
    loops.sort();
    assert_eq!(loops.len(), 3);
    assert!(loops[0].starts_with("folder a/n/up leads back"), "{loops:?}");
}

#[test]
fn a_folder_linked_twice_is_no_loop() {
    let tree = Tree::of(&["a/1.jpg"]);
    tree.add("shared/s.jpg");
    tree.link("data/a/x", "../../shared");
    tree.link("data/a/y", "../../shared");
    let dataset = tree.open();
    assert_eq!(names(&dataset), ["a/1.jpg", "a/x/s.jpg", "a/y/s.jpg"]);
    assert!(dataset.warnings().is_empty());
}

#[test]
fn what_has_no_size_stays_in_the_list() {
    let tree = Tree::of(&["a/2.jpg"]);
    tree.link("data/a/1.jpg", "nowhere.jpg");
    tree.pipe("data/a/3.jpg");
    let dataset = tree.open();
    assert_eq!(names(&dataset), ["a/1.jpg", "a/2.jpg", "a/3.jpg"]);
    assert_eq!((dataset.encoded_len(0), dataset.encoded_len(2)), (0, 0));
    let [Warning::BrokenSample { name, .. }, Warning::NotAFile { name: pipe }] = dataset.warnings() else {
        panic!("{:?}", dataset.warnings())
    };
    assert_eq!((name.as_str(), pipe.as_str()), ("a/1.jpg", "a/3.jpg"));
}

#[test]
fn thousands_of_broken_links_are_counted_not_listed() {
    let tree = Tree::of(&["a/x.jpg"]);
    for n in 0..1500 {
        tree.link(&format!("data/a/{n:04}.jpg"), "nowhere");
    }
    let dataset = tree.open();
    assert_eq!(dataset.len(), 1501);
    assert_eq!(dataset.warnings().len(), 101);
    assert_eq!(dataset.warnings()[100], Warning::More { count: 1400 });
}

#[test]
fn a_folder_that_may_not_be_read_is_an_error() {
    let tree = Tree::of(&["a/1.jpg", "b/secret/1.jpg"]);
    let secret = tree.data().join("b/secret");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    // Root may read everything, so there is nothing to see for it.
    if fs::read_dir(&secret).is_err() {
        let error = open(&tree.options()).unwrap_err();
        assert!(matches!(&error, DatasetError::PermissionDenied { path } if *path == secret), "{error}");
    }
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
}

#[derive(Default)]
struct Counts {
    found: AtomicU64,
    sized: AtomicU64,
}

impl Progress for Counts {
    fn update(&self, found: u64, sized: u64) {
        self.found.fetch_max(found, Relaxed);
        self.sized.fetch_max(sized, Relaxed);
    }
}

#[test]
fn progress_reaches_the_number_of_samples() {
    let tree = Tree::of(&["a/1.jpg", "a/n/2.jpg", "b/3.jpg", "b/x.txt"]);
    let counts = Counts::default();
    Dataset::open(&tree.options(), &counts).unwrap();
    assert_eq!((counts.found.into_inner(), counts.sized.into_inner()), (3, 3));
}
