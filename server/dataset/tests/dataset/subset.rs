//! Subsets by list file.

use std::fs;

use bandwise_dataset::{Dataset, DatasetError, OpenOptions};

use crate::tree::{Tree, names, open};

const FILES: [&str; 5] = ["a/1.jpg", "a/n/2.jpg", "b/1.jpg", "b/2 x.jpg", "c/1.jpg"];

fn subset(tree: &Tree, keep: Option<&str>, leave_out: Option<&str>) -> Result<Dataset, DatasetError> {
    let write = |name: &str, content: &str| {
        fs::write(tree.path(name), content).unwrap();
        tree.path(name)
    };
    let keep = keep.map(|content| write("keep.txt", content));
    let leave_out = leave_out.map(|content| write("leave_out.txt", content));
    open(&OpenOptions { keep, leave_out, ..tree.cached_options() })
}

#[test]
fn keep_takes_the_named_samples_in_index_order() {
    let tree = Tree::of(&FILES);
    let list = "# chosen\r\nb/2 x.jpg\r\n\r\na/n/2.jpg\nb/2 x.jpg\n./a/1.jpg";
    let dataset = subset(&tree, Some(list), None).unwrap();
    assert_eq!(names(&dataset), ["a/1.jpg", "a/n/2.jpg", "b/2 x.jpg"]);
    assert_eq!((dataset.label(2), dataset.classes().len()), (1, 3));
    let mut bytes = Vec::new();
    dataset.read(2, 1000, &mut bytes).unwrap();
    assert_eq!(bytes, b"data/b/2 x.jpg");
}

#[test]
fn leave_out_is_the_complement_of_keep() {
    let tree = Tree::of(&FILES);
    let left = subset(&tree, None, Some("b/1.jpg\nc/1.jpg\n")).unwrap();
    let kept = subset(&tree, Some("b/2 x.jpg\na/1.jpg\na/n/2.jpg"), None).unwrap();
    assert_eq!(names(&left), names(&kept));
    assert_eq!(left.digest(), kept.digest());
    let both = subset(&tree, Some("b/2 x.jpg\na/1.jpg"), Some("a/1.jpg\nc/1.jpg")).unwrap();
    assert_eq!(names(&both), ["b/2 x.jpg"]);
}

#[test]
fn the_digest_is_the_subsets_own() {
    let tree = Tree::of(&FILES);
    let whole = tree.open();
    assert_ne!(subset(&tree, None, Some("c/1.jpg")).unwrap().digest(), whole.digest());
    assert_eq!(subset(&tree, None, Some("# none\n")).unwrap().digest(), whole.digest());
}

#[test]
fn names_that_do_not_exist_are_counted_and_shown() {
    let tree = Tree::of(&FILES);
    let list: String = (0..15).map(|n| format!("a/missing{n}.jpg\n")).chain(["a/1.jpg\n".into()]).collect();
    let DatasetError::UnknownSamples { count, names, list } = subset(&tree, Some(&list), None).unwrap_err()
    else {
        panic!("another error")
    };
    assert_eq!((count, names.len(), names[0].as_str()), (15, 10, "a/missing0.jpg"));
    assert_eq!(list, tree.path("keep.txt"));
    for stranger in ["1.jpg", "/a/1.jpg", "a/1.jpg ", "a//1.jpg", "a", "../data/a/1.jpg"] {
        let error = subset(&tree, None, Some(stranger)).unwrap_err();
        assert!(matches!(error, DatasetError::UnknownSamples { count: 1, .. }), "{stranger}: {error}");
    }
}

#[test]
fn an_empty_subset_is_an_error() {
    let tree = Tree::of(&FILES);
    for (keep, leave_out) in [(Some("# nothing\n"), None), (Some("a/1.jpg"), Some("a/1.jpg"))] {
        let error = subset(&tree, keep, leave_out).unwrap_err();
        assert!(matches!(error, DatasetError::EmptySubset { .. }), "{error}");
    }
}

#[test]
fn a_list_that_is_none_is_refused() {
    let tree = Tree::of(&FILES);
    let options = OpenOptions { keep: Some(tree.path("no such list")), ..tree.options() };
    assert!(matches!(open(&options), Err(DatasetError::ListUnreadable { .. })));
    let error = subset(&tree, Some(&format!("a/1.jpg\n{}", "x".repeat(100_000))), None).unwrap_err();
    assert!(matches!(error, DatasetError::ListLineTooLong { line: 2, .. }), "{error}");
}
