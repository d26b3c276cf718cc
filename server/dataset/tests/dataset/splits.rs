//! Folders that hold splits, and folders that only look so.

use bandwise_dataset::{Dataset, DatasetError, NoProgress, OpenOptions, Warning};

use crate::tree::{Tree, names};

fn open(tree: &Tree) -> Result<Vec<(Option<&'static str>, Dataset)>, DatasetError> {
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

#[test]
fn each_split_is_a_dataset() {
    let tree =
        Tree::of(&["val/a/v.jpg", "val/b/v.jpg", "train/a/t.jpg", "train/b/n/t.jpg", "readme.md", ".git/x"]);
    let opened = open(&tree).unwrap();
    let listed: Vec<_> = opened.iter().map(|(name, dataset)| (name.unwrap(), names(dataset))).collect();
    let expected = [("train", ["a/t.jpg", "b/n/t.jpg"]), ("val", ["a/v.jpg", "b/v.jpg"])];
    assert_eq!(listed, expected.map(|(name, files)| (name, files.map(String::from).to_vec())));
    assert_eq!(opened[1].1.root(), tree.data().join("val"));
}

#[test]
fn test_counts_as_a_split() {
    let names_of =
        |files: &[&str]| open(&Tree::of(files)).unwrap().into_iter().map(|(name, _)| name).collect();
    let names: Vec<_> = names_of(&["test/a/1.jpg", "train/a/1.jpg"]);
    assert_eq!(names, [Some("train"), Some("test")]);
    let names: Vec<_> = names_of(&["test/a/1.jpg", "train/a/1.jpg", "val/a/1.jpg"]);
    assert_eq!(names, [Some("train"), Some("val"), Some("test")]);
}

#[test]
fn classes_called_train_and_val_are_classes() {
    let dataset = plain(&["train/steam.jpg", "val/1.jpg"]);
    assert_eq!(names(&dataset), ["train/steam.jpg", "val/1.jpg"]);
    assert!(dataset.warnings().is_empty());
    assert!(plain(&["train/1.jpg", "train/n/1.jpg", "val/1.jpg"]).warnings().is_empty());
}

#[test]
fn other_class_folders_loose_images_or_no_pair_mean_one_dataset() {
    assert_eq!(plain(&["train/a/1.jpg", "val/a/1.jpg", "bus/1.jpg"]).classes().len(), 3);
    assert_eq!(plain(&["train/a/1.jpg", "val/a/1.jpg", "loose.png"]).classes().len(), 2);
    assert_eq!(plain(&["train/a/1.jpg"]).classes().len(), 1);
    assert_eq!(plain(&["val/a/1.jpg", "test/a/1.jpg"]).classes().len(), 2);
    assert_eq!(plain(&["Train/a/1.jpg", "Val/a/1.jpg"]).classes().len(), 2);
}

#[test]
fn a_flat_val_beside_a_sorted_train_is_warned_of() {
    let dataset = plain(&["train/a/1.jpg", "train/b/1.jpg", "val/1.jpg"]);
    let [Warning::HalfSplit { like_splits, unlike_splits, .. }] = dataset.warnings() else {
        panic!("{:?}", dataset.warnings())
    };
    assert_eq!((like_splits.as_slice(), unlike_splits.as_slice()), (&["train"][..], &["val"][..]));
}

#[test]
fn splits_with_different_classes_are_refused_by_name() {
    let tree = Tree::of(&["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "val/c/1.jpg", "val/d/1.jpg"]);
    let error = open(&tree).unwrap_err();
    let DatasetError::SplitClassesDiffer { only_first, only_second, .. } = &error else { panic!("{error}") };
    assert_eq!((only_first.as_slice(), only_second.join(",").as_str()), (&["b".to_owned()][..], "c,d"));
    assert!(error.to_string().contains("only in train: b; only in val: c, d"), "{error}");
}

#[test]
fn lists_do_not_apply_to_splits() {
    let tree = Tree::of(&["train/a/1.jpg", "val/a/1.jpg"]);
    let options = OpenOptions { keep: Some(tree.path("list")), ..tree.options() };
    let error = Dataset::open_splits(&options, &NoProgress).unwrap_err();
    assert!(matches!(error, DatasetError::SubsetOfSplits { .. }), "{error}");
}

#[test]
fn opening_as_one_dataset_ignores_the_splits() {
    let tree = Tree::of(&["train/a/1.jpg", "val/a/1.jpg"]);
    assert_eq!(names(&tree.open()), ["train/a/1.jpg", "val/a/1.jpg"]);
}
