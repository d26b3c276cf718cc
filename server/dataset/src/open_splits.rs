//! Opens folders that may hold splits, one dataset for each.

use std::collections::HashSet;
use std::path::Path;

use crate::dataset::Dataset;
use crate::error::DatasetError;
use crate::index::Class;
use crate::open::dataset_folder;
use crate::options::OpenOptions;
use crate::paths::display;
use crate::progress::Progress;
use crate::sentence::NAMES_SHOWN;
use crate::splits::{self, FolderKind};
use crate::warning::{LeftOut, Warning};

impl Dataset {
    /// Opens the one dataset at `options.path`, as [`Dataset::open`] does.
    ///
    /// # Errors
    /// As [`Dataset::open`]; also [`DatasetError::HoldsSplits`] for a folder that holds splits.
    pub fn open_one(options: &OpenOptions, progress: &dyn Progress) -> Result<Self, DatasetError> {
        let root = dataset_folder(&options.path)?;
        match splits::folder_kind(&root, options.splits)? {
            FolderKind::Plain(warning) => {
                let mut dataset = Self::open(options, progress)?;
                dataset.warn(warning.as_slice());
                Ok(dataset)
            }
            FolderKind::Splits { splits, .. } => {
                Err(DatasetError::HoldsSplits { path: options.path.clone(), splits })
            }
        }
    }

    /// Opens the folder at `options.path`, which may hold splits: `train`, `val`, `test`, each with class folders and no
    /// image directly in it. The result is one dataset for each split, with the name of its folder, or one without a
    /// name if the folder holds no splits or `options.splits` says so. Folders beside splits that cannot be one are left
    /// out, with a warning on each dataset. The head of `splits.rs` has the rules.
    ///
    /// # Errors
    /// As [`Dataset::open`]; also if the splits have different classes, or if a list of samples is given for them.
    pub fn open_splits(
        options: &OpenOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<(Option<String>, Self)>, DatasetError> {
        let root = dataset_folder(&options.path)?;
        match splits::folder_kind(&root, options.splits)? {
            FolderKind::Plain(_) => Ok(vec![(None, Self::open_one(options, progress)?)]),
            FolderKind::Splits { splits, left_out } => {
                let opened = open_each(&root, splits, left_out, options, progress)?;
                Ok(opened.into_iter().map(|(split, dataset)| (Some(split), dataset)).collect())
            }
        }
    }
}

/// Opens each split of `root`; those that turn out to be none are left out as the others are.
fn open_each(
    root: &Path,
    splits: Vec<String>,
    mut left_out: Vec<(String, LeftOut)>,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Vec<(String, Dataset)>, DatasetError> {
    if options.keep.is_some() || options.leave_out.is_some() {
        return Err(DatasetError::SubsetOfSplits { path: options.path.clone(), splits });
    }
    let (mut opened, mut empty) = (Vec::<(String, Dataset)>::new(), None);
    for split in splits {
        let options = OpenOptions { path: root.join(&split), ..options.clone() };
        match Dataset::open(&options, progress) {
            Ok(dataset) if opened.first().is_some_and(|(_, first)| are_disjoint(first, &dataset)) => {
                left_out.push((split, LeftOut::OtherClasses));
            }
            Ok(dataset) => opened.push((split, dataset)),
            Err(error @ DatasetError::NoSamples { .. }) => {
                left_out.push((split, LeftOut::Empty));
                empty = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    if let (true, Some(error)) = (opened.is_empty(), empty) {
        return Err(error);
    }
    check_classes(root, &opened)?;
    let served: Vec<String> = opened.iter().map(|(split, _)| split.clone()).collect();
    let warnings = warnings(&left_out, &served);
    for (_, dataset) in &mut opened {
        dataset.warn(&warnings);
    }
    Ok(opened)
}

/// One warning for each reason to leave folders out.
fn warnings(left_out: &[(String, LeftOut)], served: &[String]) -> Vec<Warning> {
    use LeftOut::{Broken, Empty, Flat, NotNamed, OtherClasses};
    let because_of = |reason: LeftOut| {
        let all = || left_out.iter().filter(move |(_, why)| *why == reason).map(|(name, _)| name.clone());
        let (count, folders) = (all().count() as u64, all().take(NAMES_SHOWN).collect());
        (count > 0).then(|| Warning::LeftOut { folders, count, reason, served: served.to_vec() })
    };
    [Flat, Empty, Broken, OtherClasses, NotNamed].into_iter().filter_map(because_of).collect()
}

fn are_disjoint(first: &Dataset, second: &Dataset) -> bool {
    let (only_first, _) = only_in(first.classes(), second.classes());
    only_first == first.classes().len() as u64
}

/// Checks that all splits have the classes of the first.
fn check_classes(root: &Path, splits: &[(String, Dataset)]) -> Result<(), DatasetError> {
    let Some(((first, first_dataset), others)) = splits.split_first() else { return Ok(()) };
    for (second, second_dataset) in others {
        let (only_first_count, only_first) = only_in(first_dataset.classes(), second_dataset.classes());
        let (only_second_count, only_second) = only_in(second_dataset.classes(), first_dataset.classes());
        if only_first_count + only_second_count > 0 {
            return Err(DatasetError::SplitClassesDiffer {
                path: root.into(),
                first: first.as_str().into(),
                second: second.as_str().into(),
                only_first_count,
                only_first,
                only_second_count,
                only_second,
            });
        }
    }
    Ok(())
}

/// The number of classes that only `these` has, and the first of them.
fn only_in(these: &[Class], those: &[Class]) -> (u64, Vec<String>) {
    let those: HashSet<&[u8]> = those.iter().map(Class::bytes).collect();
    let only: Vec<_> = these.iter().filter(|class| !those.contains(class.bytes())).collect();
    (only.len() as u64, only.iter().take(NAMES_SHOWN).map(|class| display(class.bytes())).collect())
}
