//! Reading samples: the bytes, and what a server cannot read.

use std::fs;

use bandwise_dataset::{Dataset, ReadError};

use crate::tree::Tree;

const NO_LIMIT: u64 = u64::MAX;

fn read(dataset: &Dataset, sample: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    dataset.read(sample, NO_LIMIT, &mut bytes).map(|()| bytes)
}

#[test]
fn a_buffer_is_filled_anew_each_time_without_growing() {
    let tree = Tree::of(&["a/1.jpg", "a/22.jpg"]);
    tree.write(b"data/a/3.jpg", b"");
    let dataset = tree.open();
    let mut bytes = Vec::with_capacity(100);
    let place = bytes.as_ptr();
    for (sample, expected) in [(1, "data/a/22.jpg"), (0, "data/a/1.jpg"), (2, "")] {
        dataset.read(sample, 13, &mut bytes).unwrap();
        assert_eq!(bytes, expected.as_bytes());
    }
    assert_eq!(bytes.as_ptr(), place);
}

#[test]
fn names_that_are_not_utf8_are_read() {
    let tree = Tree::of(&[]);
    tree.write(b"data/\xff/\x80 \n.jpg", b"content");
    let dataset = tree.open();
    assert_eq!(read(&dataset, 0).unwrap(), b"content");
    assert_eq!(dataset.display_name(0), "\\xff/\\x80 \\n.jpg");
    assert_eq!((dataset.classes()[0].name(), dataset.classes()[0].bytes()), ("\u{fffd}", &b"\xff"[..]));
}

#[test]
fn what_this_server_cannot_read_is_unreadable() {
    let tree = Tree::of(&["a/gone.jpg", "a/grown.jpg", "a/pipe.jpg", "a/folder.jpg", "b/gone too.jpg"]);
    let dataset = tree.open();
    let file = |name: &str| tree.data().join(name);
    let sample = |name: &str| dataset.find(name.as_bytes()).unwrap();

    fs::remove_file(file("a/gone.jpg")).unwrap();
    fs::write(file("a/grown.jpg"), [0; 1000]).unwrap();
    fs::remove_file(file("a/pipe.jpg")).unwrap();
    tree.pipe("data/a/pipe.jpg");
    fs::remove_file(file("a/folder.jpg")).unwrap();
    fs::create_dir(file("a/folder.jpg")).unwrap();
    fs::remove_dir_all(file("b")).unwrap();
    tree.add("data/b");

    let errors = ["a/gone.jpg", "a/grown.jpg", "a/pipe.jpg", "a/folder.jpg", "b/gone too.jpg"].map(|name| {
        let error = read(&dataset, sample(name)).unwrap_err();
        assert!(error.is_unreadable());
        assert!(!error.to_string().contains(name), "clients get the text, beside the name: {error}");
        error
    });
    let expected = "data/a/grown.jpg".len() as u64;
    assert!(matches!(&errors[0], ReadError::Missing { .. }));
    assert!(matches!(&errors[1], ReadError::SizeChanged { expected: e, found: 1000, .. } if *e == expected));
    assert!(matches!(&errors[2], ReadError::NotAFile { .. }));
    assert!(matches!(&errors[3], ReadError::NotAFile { .. }));
    assert!(matches!(&errors[4], ReadError::Missing { .. }));
}

#[test]
fn a_link_that_leads_nowhere_or_to_itself_is_unreadable() {
    let tree = Tree::of(&["a/1.jpg"]);
    tree.link("data/a/broken.jpg", "nowhere");
    tree.link("data/a/itself.jpg", "itself.jpg");
    let dataset = tree.open();
    assert!(matches!(read(&dataset, 1), Err(ReadError::Missing { .. })));
    assert!(matches!(read(&dataset, 2), Err(ReadError::Io { .. })));
}

/// A sparse file of a terabyte costs neither memory nor time.
#[test]
fn a_sample_over_the_limit_is_refused_unread() {
    let tree = Tree::of(&["a/1.jpg"]);
    fs::File::create(tree.data().join("a/huge.jpg")).unwrap().set_len(1 << 40).unwrap();
    let dataset = tree.open();
    let mut bytes = Vec::new();
    let error = dataset.read(1, 64 << 20, &mut bytes).unwrap_err();
    assert!(matches!(error, ReadError::OverLimit { encoded_bytes: 0x100_0000_0000, .. }), "{error}");
    assert!(!error.is_unreadable());
    assert_eq!(bytes.capacity(), 0);
    dataset.read(0, 12, &mut bytes).unwrap();
    assert!(matches!(dataset.read(0, 11, &mut bytes), Err(ReadError::OverLimit { .. })));
}

#[test]
fn a_file_that_became_huge_is_not_read() {
    let tree = Tree::of(&["a/1.jpg"]);
    let dataset = tree.open();
    fs::File::create(tree.data().join("a/1.jpg")).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(read(&dataset, 0), Err(ReadError::SizeChanged { found: 0x100_0000_0000, .. })));
}
