//! Folders that hold splits, and folders that only look so.

use bandwise_dataset::{Dataset, DatasetError, LeftOut, NoProgress, OpenOptions, Splits, Warning};

use crate::tree::{Tree, names};

fn open(tree: &Tree) -> Result<Vec<(Option<String>, Dataset)>, DatasetError> {
    Dataset::open_splits(&tree.options(), &NoProgress)
}

#[track_caller]
fn plain(files: &[&str]) -> Dataset {
    let mut opened = open(&Tree::of(files)).unwrap();
    assert_eq!(opened.len(), 1);
    let (name, dataset) = opened.remove(0);
    assert_eq!(name, None);
    dataset
}

/// The names of the splits, and which folders were left out why.
#[track_caller]
fn split(tree: &Tree) -> (Vec<String>, Vec<(String, LeftOut)>) {
    let opened = open(tree).unwrap();
    let of = |dataset: &Dataset| {
        let left_out = dataset.warnings().iter().filter_map(|warning| match warning {
            Warning::LeftOut { folders, reason, .. } => Some((folders.join(","), *reason)),
            _ => None,
        });
        left_out.collect::<Vec<_>>()
    };
    let left_out = of(&opened[0].1);
    assert!(opened.iter().all(|(_, dataset)| of(dataset) == left_out), "each split tells of them");
    (opened.into_iter().map(|(name, _)| name.unwrap()).collect(), left_out)
}

#[test]
fn each_split_is_a_dataset() {
    let tree =
        Tree::of(&["val/a/v.jpg", "val/b/v.jpg", "train/a/t.jpg", "train/b/n/t.jpg", "readme.md", ".git/x"]);
    let opened = open(&tree).unwrap();
    let listed: Vec<_> =
        opened.iter().map(|(name, dataset)| (name.as_deref().unwrap(), names(dataset))).collect();
    let expected = [("train", ["a/t.jpg", "b/n/t.jpg"]), ("val", ["a/v.jpg", "b/v.jpg"])];
    assert_eq!(listed, expected.map(|(name, files)| (name, files.map(String::from).to_vec())));
    assert_eq!(opened[1].1.root(), tree.data().join("val"));
    assert!(opened.iter().all(|(_, dataset)| dataset.warnings().is_empty()));
}

#[test]
fn splits_go_by_several_names_and_keep_their_own() {
    for (files, expected) in [
        (&["test/a/1.jpg", "train/a/1.jpg"][..], &["train", "test"][..]),
        (&["test/a/1.jpg", "train/a/1.jpg", "val/a/1.jpg"], &["train", "val", "test"]),
        (&["train/a/1.jpg", "validation/a/1.jpg"], &["train", "validation"]),
        (&["valid/a/1.jpg", "training/a/1.jpg"], &["training", "valid"]),
        (&["Train/a/1.jpg", "VAL/a/1.jpg"], &["Train", "VAL"]),
        (&["val/a/1.jpg", "test/a/1.jpg"], &["val", "test"]),
        (&["train/a/1.jpg"], &["train"]),
        (&["train/a/1.jpg", "val/a/1.jpg", "sample.png", "README.md", "__MACOSX/1.jpg"], &["train", "val"]),
    ] {
        let (names, left_out) = split(&Tree::of(files));
        assert_eq!(
            (names.iter().map(String::as_str).collect::<Vec<_>>(), left_out),
            (expected.to_vec(), vec![])
        );
    }
}

#[test]
fn what_is_no_split_is_left_out_by_name() {
    for (files, left_out) in [
        (&["val/1.jpg"][..], ("val", LeftOut::Flat)),
        (&["test/1.jpg", "test/a/2.jpg"], ("test", LeftOut::Flat)),
        (&["val/readme.txt"], ("val", LeftOut::Empty)),
        (&["val/a/readme.txt"], ("val", LeftOut::Empty)),
        (&["test/images/1.jpg"], ("test", LeftOut::OtherClasses)),
        (&["Annotations/a/1.xml", "devkit/x.m"], ("Annotations,devkit", LeftOut::NotNamed)),
    ] {
        let tree = Tree::of(&[&["train/a/1.jpg", "train/b/1.jpg"], files].concat());
        let (name, reason) = left_out;
        assert_eq!(split(&tree), (vec!["train".to_owned()], vec![(name.to_owned(), reason)]));
        let text = open(&tree).unwrap()[0].1.warnings()[0].to_string();
        let named = name.replace(',', ", ");
        assert!(text.contains(&format!("not served beside train: {named} (")), "{text}");
        assert!(text.contains("--splits never") && !text.contains(tree.data().to_str().unwrap()), "{text}");
    }
}

#[test]
fn several_reasons_are_told_apart() {
    let tree = Tree::of(&[
        "train/a/1.jpg",
        "val/1.jpg",
        "test/2.jpg",
        "valid/a/1.jpg",
        "extra/a/1.jpg",
        "testing/x",
    ]);
    tree.link("data/validation", "nowhere");
    let left_out = [("test,val", LeftOut::Flat), ("testing", LeftOut::Empty)].into_iter();
    let left_out = left_out.chain([("validation", LeftOut::Broken), ("extra", LeftOut::NotNamed)]);
    let mut expected: Vec<_> = left_out.map(|(name, reason)| (name.to_owned(), reason)).collect();
    expected[0].0 = "val,test".to_owned();
    assert_eq!(split(&tree), (vec!["train".to_owned(), "valid".to_owned()], expected));
}

#[test]
fn splits_may_be_links() {
    let tree = Tree::of(&["train/a/1.jpg"]);
    tree.add("elsewhere/a/v.jpg");
    tree.link("data/val", "../elsewhere");
    assert_eq!(split(&tree), (vec!["train".to_owned(), "val".to_owned()], vec![]));
}

#[test]
fn classes_called_train_and_val_are_classes_with_a_warning() {
    for files in [
        &["train/steam.jpg", "val/1.jpg"][..],
        &["train/1.jpg", "train/n/1.jpg", "val/1.jpg"],
        &["test/1.jpg"],
        &["test/1.jpg", "train/1.jpg", "bus/1.jpg"],
    ] {
        let dataset = plain(files);
        assert_eq!(names(&dataset).len(), files.len());
        assert!(matches!(dataset.warnings(), [Warning::SplitNames { .. }]), "{:?}", dataset.warnings());
        let options = OpenOptions { splits: Splits::Never, ..Tree::of(files).options() };
        assert_eq!(options.splits, Splits::Never);
        let tree = Tree::of(files);
        let options = OpenOptions { path: tree.data(), ..options };
        assert!(Dataset::open_one(&options, &NoProgress).unwrap().warnings().is_empty());
    }
    assert!(plain(&["train/1.jpg", "bus/1.jpg", "boat/1.jpg"]).warnings().is_empty(), "one class of several");
}

#[test]
fn a_class_named_as_a_split_beside_others_is_a_class() {
    for files in [["train/steam/1.jpg", "bus/1.jpg"], ["train/steam/1.jpg", "bus/city/1.jpg"]] {
        let dataset = plain(&files);
        assert_eq!(dataset.classes().len(), 2);
        let [warning @ Warning::OneOfClasses { split, other }] = dataset.warnings() else {
            panic!("{:?}", dataset.warnings())
        };
        assert_eq!((split.as_str(), other.as_str()), ("train", "bus"));
        assert!(warning.to_string().contains("--splits never"), "{warning}");
    }
}

#[test]
fn splits_with_different_classes_are_refused_by_name() {
    let tree = Tree::of(&["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/c/1.jpg", "val/d/1.jpg"]);
    let error = open(&tree).unwrap_err();
    let DatasetError::SplitClassesDiffer { only_first, only_second, .. } = &error else { panic!("{error}") };
    assert_eq!((only_first.as_slice(), only_second.join(",").as_str()), (&["b".to_owned()][..], "c,d"));
    assert!(error.to_string().contains("only in train: b; only in val: c, d"), "{error}");
    assert!(error.to_string().contains(tree.data().join("val").to_str().unwrap()), "{error}");
}

#[test]
fn a_folder_whose_splits_are_all_empty_is_refused() {
    let error = open(&Tree::of(&["train/a/readme.txt", "val/a/readme.txt"])).unwrap_err();
    assert!(matches!(error, DatasetError::NoSamples { .. }), "{error}");
}

#[test]
fn lists_do_not_apply_to_splits() {
    let tree = Tree::of(&["train/a/1.jpg", "val/a/1.jpg"]);
    let options = OpenOptions { keep: Some(tree.path("list")), ..tree.options() };
    let error = Dataset::open_splits(&options, &NoProgress).unwrap_err();
    assert!(matches!(error, DatasetError::SubsetOfSplits { .. }), "{error}");
    for part in ["'keep'", "data/train", "data/val", "--splits never"] {
        assert!(error.to_string().contains(part), "no {part} in: {error}");
    }
}

#[test]
fn opening_as_one_dataset_needs_a_word_for_it() {
    let tree = Tree::of(&["train/a/1.jpg", "val/a/1.jpg"]);
    assert_eq!(names(&tree.open()), ["train/a/1.jpg", "val/a/1.jpg"]);
    let error = Dataset::open_one(&tree.options(), &NoProgress).unwrap_err();
    assert!(
        matches!(&error, DatasetError::HoldsSplits { splits, .. } if *splits == ["train", "val"]),
        "{error}"
    );
    assert!(error.to_string().contains(tree.data().join("train").to_str().unwrap()), "{error}");
    let options = OpenOptions { splits: Splits::Never, ..tree.options() };
    let opened = Dataset::open_splits(&options, &NoProgress).unwrap();
    assert!(opened.len() == 1 && opened[0].0.is_none() && opened[0].1.classes().len() == 2);
}
