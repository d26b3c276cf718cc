//! `bandwise index`: builds the index of a dataset ahead, the hashes of its content, and the seek points of its JPEGs.

mod seek;

use std::{path::PathBuf, thread, time::Duration};

use bandwise_dataset::{Dataset, IndexSource, OpenOptions, Warning};
use serde::Serialize;

use crate::{
    Failure,
    dataset_args::{IndexArgs, LayoutArgs},
    format::{bytes, grouped, json_line},
    output::outln,
    progress, usage,
};
use seek::{SeekArgs, SeekResult};

/// Time after which a further change of a file or folder is sure to show in its times.
const SETTLES: Duration = Duration::from_millis(2200);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bandwise index /data/imagenet/train\n  \
    bandwise index /data/imagenet --content --seek --cache-dir /var/cache/bandwise\n\n\
    Later starts check the size and times of each file and scan only what has changed. With --content every file is\n\
    read once; later starts read those whose size or times differ. With --seek every file is read once too; a file that\n\
    has changed gets new seek points when it is next decoded.")]
pub(crate) struct Args {
    /// Folder of class folders, or of the splits train, val and test.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Hash the content of every sample (SHA-256), and print the digest that covers it, as served with content = true
    /// or --content.
    #[arg(long)]
    content: bool,
    /// File that lists the samples to keep, one class/file.jpg on each line.
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// File that lists samples to leave out, in the same form.
    #[arg(long, value_name = "FILE")]
    leave_out: Option<PathBuf>,
    #[command(flatten)]
    seek: SeekArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    index: IndexArgs,
    /// Print JSON, one object for each dataset.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    path: String,
    split: Option<String>,
    samples: u64,
    classes: usize,
    digest: String,
    /// Whether the digest covers the content.
    content: bool,
    /// Samples whose content was read for it just now.
    hashed: u64,
    encoded_bytes: u64,
    index_from_cache: bool,
    index_bytes: u64,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seek: Option<SeekResult>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    crate::log("error")?;
    let mut options = OpenOptions::new(&args.path);
    args.layout.apply(&mut options);
    args.index.apply(&mut options);
    options.content = args.content;
    options.keep.clone_from(&args.keep);
    options.leave_out.clone_from(&args.leave_out);
    let Some(cache_dir) = options.cache_dir.clone() else {
        return Err(usage(anyhow::anyhow!(
            "there is no home folder to keep the index in: give --cache-dir FOLDER"
        )));
    };
    let mut datasets = open(&options)?;
    let mut hashed = Vec::new();
    if datasets.iter().any(|(_, dataset)| !dataset.is_settled()) {
        thread::sleep(SETTLES);
        // Hashes that are kept are not made again.
        options.rescan = false;
        hashed = datasets.iter().map(|(_, dataset)| dataset.hashed()).collect();
        datasets = open(&options)?;
    }
    let mut trouble = None;
    for (i, (split, dataset)) in datasets.iter().enumerate() {
        let seek = args.seek.seek.then(|| seek::make(dataset, &cache_dir, &args.seek)).transpose()?;
        trouble = trouble.or_else(|| seek.as_ref()?.trouble.clone());
        let before = hashed.get(i).copied().unwrap_or(0);
        let report = Report { seek, ..Report::new(split.clone(), dataset, args.content, before) };
        if args.json { json_line(&report)? } else { report.print(dataset.is_settled()) }
    }
    let kept = |dataset: &Dataset| {
        !dataset.warnings().iter().any(|warning| matches!(warning, Warning::CacheNotWritten { .. }))
    };
    if !datasets.iter().all(|(_, dataset)| kept(dataset)) {
        let text = "the index could not be kept; give another --cache-dir FOLDER";
        return Err(Failure::Failed(anyhow::anyhow!(text)));
    }
    trouble.map_or(Ok(()), |trouble| Err(Failure::Failed(anyhow::anyhow!(trouble))))
}

type Datasets = Vec<(Option<String>, Dataset)>;

fn open(options: &OpenOptions) -> Result<Datasets, Failure> {
    let scan = progress::scan("the dataset");
    Ok(Dataset::open_splits(options, scan.as_ref())?)
}

impl Report {
    /// `hashed_before` is how many samples were hashed by an earlier opening.
    fn new(split: Option<String>, dataset: &Dataset, content: bool, hashed_before: u64) -> Self {
        Self {
            path: dataset.root().display().to_string(),
            split,
            samples: dataset.len(),
            classes: dataset.classes().len(),
            digest: dataset.digest().to_string(),
            content,
            hashed: dataset.hashed().max(hashed_before),
            encoded_bytes: (0..dataset.len()).map(|sample| dataset.encoded_len(sample)).sum(),
            index_from_cache: dataset.index_source() == IndexSource::Cache,
            index_bytes: dataset.index_bytes(),
            warnings: dataset.warnings().iter().map(ToString::to_string).collect(),
            seek: None,
        }
    }

    fn print(&self, is_settled: bool) {
        outln!("dataset     {}", self.path);
        outln!(
            "samples     {} in {} classes, {}",
            grouped(self.samples),
            grouped(self.classes as u64),
            bytes(self.encoded_bytes)
        );
        let covers = if self.content { "names, classes, sizes, content" } else { "names, classes, sizes" };
        outln!("digest      {} ({covers})", self.digest);
        if self.content {
            outln!("hashed      {} now; the other hashes were cached", grouped(self.hashed));
        }
        if let Some(seek) = &self.seek {
            seek.print();
        }
        for warning in &self.warnings {
            outln!("warning     {warning}");
        }
        if !is_settled {
            outln!(
                "note        the next start scans or hashes again: a file has a time in the future, or many links are broken"
            );
        }
        outln!("");
    }
}
