//! Arguments that commands which open a dataset share: its layout, and whether its cached index is trusted.

use std::path::PathBuf;

use bandwise_dataset::{Dataset, DatasetError, OpenOptions, Splits};
use bandwise_server::config::user_cache_dir;

use crate::{
    choices::{self, choice},
    progress,
};

/// Use of a cached index.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct IndexArgs {
    /// Scan the dataset again instead of using its cached index.
    #[arg(long)]
    pub(crate) rescan: bool,
    /// Check only the folders of a cached index, not each file (a stat call each: 2 s for 1.28 million files on a local
    /// disk, minutes on some network file systems). A file that is overwritten in place is then detected when it is
    /// read, and the next start checks all files.
    #[arg(long, conflicts_with = "rescan")]
    pub(crate) no_verify: bool,
    /// Folder for cached indexes. [default: bandwise in the user's cache folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// Layout of a folder.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LayoutArgs {
    #[arg(long, hide_possible_values = true, value_parser = choice::<Splits>(),
        help = format!("{} [default: auto]", choices::help::<Splits>("Treatment of folders that hold splits")))]
    pub(crate) splits: Option<Splits>,
    /// Accept class folders without images.
    #[arg(long)]
    pub(crate) allow_empty_classes: bool,
}

impl IndexArgs {
    pub(crate) fn apply(&self, options: &mut OpenOptions) {
        options.rescan = self.rescan;
        options.verify_index = !self.no_verify;
        options.cache_dir = self.cache_dir.clone().or_else(user_cache_dir);
    }

    /// Opens the one dataset at `path`.
    pub(crate) fn open_one(&self, path: &PathBuf) -> Result<Dataset, DatasetError> {
        let mut options = OpenOptions::new(path);
        self.apply(&mut options);
        let scan = progress::scan("the dataset");
        let dataset = Dataset::open_one(&options, scan.as_ref())?;
        drop(scan);
        for warning in dataset.warnings().iter().filter(|warning| warning.is_about_data()) {
            eprintln!("warning: {warning}");
        }
        Ok(dataset)
    }
}

impl LayoutArgs {
    pub(crate) fn apply(&self, options: &mut OpenOptions) {
        options.splits = self.splits.unwrap_or_default();
        options.allow_empty_classes = self.allow_empty_classes;
    }
}
