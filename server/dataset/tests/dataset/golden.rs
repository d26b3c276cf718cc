//! The list and order of torchvision's `ImageFolder`, on the tree that `golden/make.py` describes.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::Value;

use crate::tree::Tree;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Undoes percent-encoding.
fn decoded(value: &Value) -> Vec<u8> {
    let mut parts = text(value).split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn build(golden: &Value) -> Tree {
    let tree = Tree::of(&[]);
    for file in list(&golden["files"]) {
        tree.write(&decoded(&file[0]), &vec![b'x'; file[1].as_u64().unwrap() as usize]);
    }
    for folder in list(&golden["folders"]) {
        fs::create_dir_all(tree.path(text(folder))).unwrap();
    }
    for link in list(&golden["links"]) {
        let (path, target) = (decoded(&link[0]), decoded(&link[1]));
        std::os::unix::fs::symlink(OsStr::from_bytes(&target), tree.path(OsStr::from_bytes(&path))).unwrap();
    }
    tree
}

#[test]
fn classes_samples_order_sizes_and_digest_are_pythons() {
    let golden: Value = serde_json::from_str(include_str!("../golden/tree.json")).unwrap();
    let tree = build(&golden);
    let dataset = tree.open();
    let classes: Vec<_> = dataset.classes().iter().map(|class| class.bytes().to_vec()).collect();
    assert_eq!(classes, list(&golden["classes"]).iter().map(decoded).collect::<Vec<_>>());

    let samples = list(&golden["samples"]);
    for (sample, expected) in samples.iter().enumerate() {
        let sample = sample as u64;
        let name = decoded(&expected[0]);
        assert_eq!(dataset.display_name(sample), shown_by_hand(&name), "sample {sample}");
        assert_eq!(dataset.name(sample), name);
        assert_eq!(u64::from(dataset.label(sample)), expected[1].as_u64().unwrap(), "label of {name:?}");
        assert_eq!(dataset.encoded_len(sample), expected[2].as_u64().unwrap(), "size of {name:?}");
        assert_eq!(dataset.find(&name), Some(sample));
    }
    assert_eq!(dataset.len(), samples.len() as u64);
    assert_eq!(dataset.digest().to_string(), text(&golden["digest"]));
    // The broken link and the link to itself are listed, as Python lists them.
    assert_eq!(dataset.warnings().len(), 2, "{:?}", dataset.warnings());
}

/// A naive twin of the crate's display form.
fn shown_by_hand(name: &[u8]) -> String {
    let mut shown = String::new();
    let mut rest = name;
    while !rest.is_empty() {
        let length = (1..=rest.len().min(4)).find(|&n| std::str::from_utf8(&rest[..n]).is_ok());
        let (head, tail) = rest.split_at(length.unwrap_or(1));
        match std::str::from_utf8(head) {
            Ok("\n") => shown.push_str("\\n"),
            Ok("\t") => shown.push_str("\\t"),
            Ok("\\") => shown.push_str("\\\\"),
            Ok(c) => shown.push_str(c),
            Err(_) => write!(shown, "\\x{:02x}", head[0]).unwrap(),
        }
        rest = tail;
    }
    shown
}
