//! `bandwise check`: reads and decodes every sample of a dataset and reports what is wrong.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use bandwise_dataset::{Dataset, IndexSource, OpenOptions};
use bandwise_decode::{DecodeError, DecodeLimits, Decoder, Format, Header};
use bandwise_kernels::{Rect, SimdLevel};
use bandwise_server::config::user_cache_dir;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use parking_lot::Mutex;
use serde::Serialize;

use crate::{
    Failure,
    dataset_args::LayoutArgs,
    format::{bytes, grouped, json_line, table},
    output::outln,
    progress,
};

/// Largest number that a quantile can be: a terabyte, or a terapixel.
const LARGEST: u64 = 1 << 40;

/// Bad samples that are printed by name for people; JSON has all.
const MAX_NAMED: usize = 50;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  bandwise check /data/imagenet/train\n\n\
    It always scans and reads the whole dataset; a cached index is not used.\n\
    The exit code is 0 if every sample can be used, 1 if some cannot.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Args {
    /// Folder of class folders, or of the splits train, val and test.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// List the samples without reading them.
    #[arg(long)]
    index_only: bool,
    /// Print the digest that covers the content of every sample (a SHA-256 each), as served with content = true.
    #[arg(long)]
    content: bool,
    #[command(flatten)]
    layout: LayoutArgs,
    /// For other commands: this one never uses a cached index.
    #[arg(long, hide = true)]
    rescan: bool,
    /// Folder for the new index. [default: bandwise in the user's cache folder]
    #[arg(long, value_name = "FOLDER")]
    cache_dir: Option<PathBuf>,
    /// Threads that decode; 0: one for each core that the process may use.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
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
    smallest_class_samples: u64,
    largest_class_samples: u64,
    digest: String,
    /// Whether the digest covers the content.
    digest_has_content: bool,
    index_from_cache: bool,
    index_bytes: u64,
    warnings: Vec<String>,
    /// Formats that this build reads.
    readable_formats: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
}

/// The results of reading all samples.
#[derive(Debug, Serialize)]
struct Content {
    decoded: u64,
    formats: BTreeMap<&'static str, u64>,
    width: Quantiles,
    height: Quantiles,
    pixels: Quantiles,
    encoded_bytes: Quantiles,
    undecodable: BTreeMap<&'static str, u64>,
    unreadable: u64,
    /// All of them, in order.
    bad_samples: Vec<BadSample>,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    min: u64,
    p50: u64,
    mean: f64,
    p99: u64,
    max: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct BadSample {
    sample: u64,
    name: String,
    reason: &'static str,
    detail: String,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    crate::log("error")?;
    let mut options = OpenOptions::new(&args.path);
    args.layout.apply(&mut options);
    options.content = args.content;
    options.rescan = true;
    options.cache_dir = args.cache_dir.clone().or_else(user_cache_dir);
    let scan = progress::scan("the dataset");
    let datasets = Dataset::open_splits(&options, scan.as_ref())?;
    drop(scan);
    let mut bad = 0;
    for (split, dataset) in datasets {
        let content = if args.index_only { None } else { Some(read_all(&dataset, args.threads)?) };
        bad += content.as_ref().map_or(0, Content::bad);
        let report = Report::new(split, &dataset, args.content, content);
        if args.json { json_line(&report)? } else { report.print() }
    }
    match bad {
        0 => Ok(()),
        1 => Err(Failure::Failed(anyhow::anyhow!("1 sample cannot be used"))),
        bad => Err(Failure::Failed(anyhow::anyhow!("{bad} samples cannot be used"))),
    }
}

/// The common results of the threads.
struct Tally {
    formats: BTreeMap<&'static str, u64>,
    width: Histogram<u64>,
    height: Histogram<u64>,
    pixels: Histogram<u64>,
    encoded_bytes: Histogram<u64>,
    undecodable: BTreeMap<&'static str, u64>,
    unreadable: u64,
    bad_samples: Vec<BadSample>,
}

fn read_all(dataset: &Dataset, threads: usize) -> Result<Content, Failure> {
    let threads = match threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let histogram = || Histogram::<u64>::new_with_bounds(1, LARGEST, 3);
    let tally = Mutex::new(Tally {
        formats: BTreeMap::new(),
        width: histogram()?,
        height: histogram()?,
        pixels: histogram()?,
        encoded_bytes: histogram()?,
        undecodable: BTreeMap::new(),
        unreadable: 0,
        bad_samples: Vec::new(),
    });
    let bar = progress::bar(dataset.len(), "samples");
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| read_some(dataset, &next, &tally, &bar))).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(Failure::Failed(anyhow::anyhow!("a thread panicked"))))
        })
    })?;
    bar.finish_and_clear();
    Ok(tally.into_inner().into_content())
}

fn read_some(
    dataset: &Dataset,
    next: &AtomicU64,
    tally: &Mutex<Tally>,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let limits = DecodeLimits::default();
    let mut decoder = Decoder::new(SimdLevel::detect())?;
    let mut encoded = Vec::new();
    loop {
        let sample = next.fetch_add(1, Ordering::Relaxed);
        if sample >= dataset.len() {
            return Ok(());
        }
        let read = dataset.read(sample, limits.max_encoded_bytes, &mut encoded);
        let decoded = read.map(|()| decode(&mut decoder, &encoded, &limits));
        let mut tally = tally.lock();
        tally.encoded_bytes.saturating_record(dataset.encoded_len(sample));
        match decoded {
            Ok(Ok(header)) => tally.good(&header),
            Ok(Err(error)) => {
                *tally.undecodable.entry(error.reason()).or_default() += 1;
                tally.bad(dataset, sample, error.reason(), error.to_string());
            }
            Err(error) => {
                tally.unreadable += 1;
                tally.bad(dataset, sample, "unreadable", error.to_string());
            }
        }
        bar.inc(1);
    }
}

fn decode(decoder: &mut Decoder, encoded: &[u8], limits: &DecodeLimits) -> Result<Header, DecodeError> {
    let header = decoder.header(encoded, limits)?;
    decoder.decode(encoded, &header, Rect::whole(header.width, header.height))?;
    Ok(header)
}

impl Tally {
    fn good(&mut self, header: &Header) {
        *self.formats.entry(header.format.name()).or_default() += 1;
        self.width.saturating_record(u64::from(header.width));
        self.height.saturating_record(u64::from(header.height));
        self.pixels.saturating_record(header.pixels());
    }

    fn bad(&mut self, dataset: &Dataset, sample: u64, reason: &'static str, detail: String) {
        self.bad_samples.push(BadSample { sample, name: dataset.display_name(sample), reason, detail });
    }

    fn into_content(mut self) -> Content {
        // Whichever thread came first.
        self.bad_samples.sort();
        Content {
            decoded: self.formats.values().sum(),
            formats: self.formats,
            width: Quantiles::of(&self.width),
            height: Quantiles::of(&self.height),
            pixels: Quantiles::of(&self.pixels),
            encoded_bytes: Quantiles::of(&self.encoded_bytes),
            undecodable: self.undecodable,
            unreadable: self.unreadable,
            bad_samples: self.bad_samples,
        }
    }
}

impl Quantiles {
    fn of(values: &Histogram<u64>) -> Self {
        Self {
            min: if values.is_empty() { 0 } else { values.min() },
            p50: values.value_at_quantile(0.5),
            mean: values.mean(),
            p99: values.value_at_quantile(0.99),
            max: values.max(),
        }
    }
}

impl Content {
    fn bad(&self) -> u64 {
        self.unreadable + self.undecodable.values().sum::<u64>()
    }

    fn print(&self) {
        let formats: Vec<String> =
            self.formats.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
        outln!("formats     {}", formats.join(", "));
        let mut table = table(&["", "min", "median", "mean", "99 %", "max"]);
        for (name, q, show) in [
            ("width", &self.width, grouped as fn(u64) -> String),
            ("height", &self.height, grouped),
            ("pixels", &self.pixels, grouped),
            ("encoded", &self.encoded_bytes, bytes),
        ] {
            let mean = show(q.mean.round() as u64);
            table.add_row([name.to_owned(), show(q.min), show(q.p50), mean, show(q.p99), show(q.max)]);
        }
        outln!("{table}");
        if self.bad() == 0 {
            outln!("all {} samples can be used", grouped(self.decoded));
            return;
        }
        for (reason, count) in &self.undecodable {
            outln!("undecodable {} ({reason})", grouped(*count));
        }
        outln!("unreadable  {}", grouped(self.unreadable));
        for bad in self.bad_samples.iter().take(MAX_NAMED) {
            outln!("  sample {} {}: {}", bad.sample, bad.name, bad.detail);
        }
        let more = self.bad_samples.len().saturating_sub(MAX_NAMED) as u64;
        if more > 0 {
            outln!("  and {} more; --json lists all of them", grouped(more));
        }
    }
}

impl Report {
    fn new(split: Option<String>, dataset: &Dataset, has_content: bool, content: Option<Content>) -> Self {
        let mut sizes = vec![0_u64; dataset.classes().len()];
        (0..dataset.len()).for_each(|sample| sizes[dataset.label(sample) as usize] += 1);
        Self {
            path: dataset.root().display().to_string(),
            split,
            samples: dataset.len(),
            classes: sizes.len(),
            smallest_class_samples: sizes.iter().copied().min().unwrap_or(0),
            largest_class_samples: sizes.iter().copied().max().unwrap_or(0),
            digest: dataset.digest().to_string(),
            digest_has_content: has_content,
            index_from_cache: dataset.index_source() == IndexSource::Cache,
            index_bytes: dataset.index_bytes(),
            warnings: dataset.warnings().iter().map(ToString::to_string).collect(),
            readable_formats: Format::all().map(Format::name).collect(),
            content,
        }
    }

    fn print(&self) {
        outln!("dataset     {}", self.path);
        outln!(
            "samples     {} in {} classes of {} to {}",
            grouped(self.samples),
            grouped(self.classes as u64),
            grouped(self.smallest_class_samples),
            grouped(self.largest_class_samples)
        );
        let source = if self.index_from_cache { "from the cache" } else { "scanned" };
        outln!("index       {} in memory, {source}", bytes(self.index_bytes));
        let covers =
            if self.digest_has_content { "names, classes, sizes, content" } else { "names, classes, sizes" };
        outln!("digest      {} ({covers})", self.digest);
        outln!("reads       {}", self.readable_formats.join(", "));
        for warning in &self.warnings {
            outln!("warning     {warning}");
        }
        if let Some(content) = &self.content {
            content.print();
        }
        outln!("");
    }
}
