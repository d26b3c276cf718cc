//! `bandwise bench`: what an image of a dataset costs on this machine, stage by stage and part by part.
//!
//! Two measurements a stage: one worker alone, with a clock between the parts; then a real daemon with all its
//! threads and a client in this process. What the daemon's CPU time has beyond the worker's is the assembling of
//! batches and their way over the socket, on both sides.
//!
//! Some crops are decoded once more with a clock inside our decoder, for its parts (`decoding`).
//!
//! CPU microseconds for each image, by `bandwise bench --dataset CORPUS --dtype f16 --seconds 1.5 --threads 1` on the corpus
//! of `benches` (2000 JPEGs like ImageNet's, 0.185 megapixels and 103 kB on average, page cache warm, seek points kept),
//! recipe `efficienttrain++`, exact, batches of 128 over shared memory, one core of an AMD EPYC with AVX-512 that others
//! used too, 2026-11-30.
//!
//! | part | B 96, m 1 | B 160, m 5 | B 224, m 9 |
//! | --- | ---: | ---: | ---: |
//! | read | 45 | 43 | 37 |
//! | header | 4 | 4 | 4 |
//! | decode | 332 | 323 | 372 |
//! | of it: skip | 54 | 55 | 60 |
//! | entropy | 179 | 169 | 194 |
//! | transform | 49 | 48 | 58 |
//! | upsample + colour | 51 | 52 | 60 |
//! | resize | 80 | 83 | 100 |
//! | flip | 6 | 6 | 7 |
//! | augment | 56 | 58 | 66 |
//! | low frequency | 28 | 45 | 0 |
//! | normalise | 3 | 8 | 17 |
//! | erase | 8 | 18 | 43 |
//! | one worker | 561 | 586 | 645 |
//! | daemon + client, all CPU | 579 | 568 | 662 |
//!
//! Entropy decoding is a third of all. Assembling, sending and receiving cost the difference of the last two rows, which is
//! within the noise of two measurements here.

mod decoding;
pub(super) mod parts;
mod path;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use bandwise_client::proto;
use bandwise_curriculum::Curriculum;
use bandwise_decode::JpegPath;
use bandwise_job::{BadSample, Fidelity, Unreadable};
use bandwise_kernels::{Dtype, Layout};
use bandwise_recipe::{OutputFormat, Program, Recipe, Work, Workbench};
use serde::Serialize;

use crate::{
    Failure,
    choices::{self, choice},
    dataset_args::IndexArgs,
    format::{json_line, table},
    job_args::{CurriculumArg, JobArgs, RecipeArg, RecipeArgs, ReplayArgs},
    output::outln,
    progress, runtime, usage,
};
use parts::{PARTS, WorkerTime};
use path::PathTime;

/// Budget of the measured runs: longer than any measurement.
const EPOCHS: f64 = 1e6;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  bandwise bench --dataset /data/imagenet/train --seconds 5\n\n\
    Figures are CPU microseconds per image. Files that were read before come from the page cache.\n\
        Run it on an idle machine, with the cores that the daemon will have, and `bandwise index --seek PATH`\n\
        before it: the first pass over a dataset has no seek points yet and takes longer.")]
pub(crate) struct Args {
    /// Folder of class folders; if it holds splits, give the folder of one split.
    #[arg(long, value_name = "PATH")]
    dataset: PathBuf,
    #[command(flatten)]
    index: IndexArgs,
    #[arg(long, value_name = "NAME|FILE", default_value = "efficienttrain++",
        help = choices::curricula("Curriculum whose bandwidths are measured, each at its largest magnitude"))]
    curriculum: CurriculumArg,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Fidelity>(),
        help = choices::help::<Fidelity>("Fidelity of the pixels"))]
    fidelity: Fidelity,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Dtype>(),
        help = choices::help::<Dtype>("Element type of the images"))]
    dtype: Dtype,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Layout>(),
        help = choices::help::<Layout>("Axis order of the images"))]
    layout: Layout,
    /// Rows of a batch.
    #[arg(long, value_name = "b", default_value_t = 128, value_parser = clap::value_parser!(u64).range(1..=8192))]
    batch_size: u64,
    /// Worker threads of the daemon; 0: one for each core that the process may use.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Seconds of each measurement, two for each stage.
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    seconds: f64,
    /// Seed of the random draws.
    #[arg(long, value_name = "X", default_value_t = 0)]
    seed: u64,
    /// Print JSON, one object.
    #[arg(long)]
    json: bool,
}

/// All that was found.
#[derive(Debug, Serialize)]
struct Report {
    dataset: String,
    samples: u64,
    mean_encoded_bytes: f64,
    curriculum: String,
    recipe: String,
    fidelity: String,
    simd: &'static str,
    threads: usize,
    batch_size: u64,
    undecodable: u64,
    /// JPEGs of the worker's measurement by decoder.
    jpegs: Vec<Decoded>,
    stages: Vec<StageReport>,
}

/// JPEGs that one decoder decoded.
#[derive(Debug, Serialize)]
struct Decoded {
    /// `own`, `own_seek` (from seek points) or `libjpeg-turbo`.
    decoder: &'static str,
    /// A word for the reason why it was libjpeg-turbo; else empty.
    reason: &'static str,
    share: f64,
}

/// Microseconds an image, and what follows from them.
#[derive(Debug, Serialize)]
struct StageReport {
    bandwidth: u32,
    magnitude: f64,
    read_us: f64,
    header_us: f64,
    decode_us: f64,
    /// The parts of decoding by our own decoder, of which the four are all.
    decode_skip_us: f64,
    decode_entropy_us: f64,
    decode_transform_us: f64,
    decode_pixels_us: f64,
    resize_us: f64,
    flip_us: f64,
    augment_us: f64,
    low_frequency_us: f64,
    normalize_us: f64,
    erase_us: f64,
    worker_us: f64,
    /// CPU time of daemon and client an image beyond the worker's.
    assemble_send_us: f64,
    path_cpu_us: f64,
    /// Images per second that the daemon delivered.
    images_per_s: f64,
    /// The same relative to the rate that the workers' time alone would allow.
    efficiency: f64,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    crate::log("error")?;
    let curriculum = args.curriculum.load()?;
    let recipe = args.recipe.load(&curriculum)?;
    let time = time(args.seconds)?;
    let stages = distinct_stages(&curriculum);
    let programs = programs(args, &curriculum, &recipe, &stages)?;
    let folder =
        tempfile::Builder::new().prefix("bandwise-bench-").tempdir().context("no temporary folder")?;
    let settings = path::settings(&args.dataset, args.index.cache_dir.clone(), folder.path(), args.threads)?;
    let mut dataset = args.index.open_one(&args.dataset)?;
    if let Some((folder, options)) = &settings.seek_points {
        // The daemon opens them too, and warns if something is wrong with them.
        let _ = dataset.open_seek_points(folder, *options);
    }
    let batch = args.batch_size.min(dataset.len());
    let jobs =
        stages.iter().map(|&stage| job(args, &curriculum, stage, batch)).collect::<Result<Vec<_>, _>>()?;

    let bar = progress::bar(2 * stages.len() as u64, "measurements");
    let mut bench = Workbench::new(settings.pipeline.simd)?;
    let mut workers = Vec::new();
    for program in &programs {
        workers.push(parts::measure(
            &dataset,
            program,
            &mut bench,
            Some(settings.pipeline.simd),
            args.seed,
            time,
        )?);
        bar.inc(1);
    }
    drop(bench);
    let paths = runtime(1)?.block_on(path::measure(&settings, jobs, time, || bar.inc(1)))?;
    bar.finish_and_clear();

    let threads = settings.pipeline.threads;
    let measured = stages.iter().zip(&workers).zip(&paths);
    let report = Report {
        dataset: args.dataset.display().to_string(),
        samples: dataset.len(),
        mean_encoded_bytes: mean_encoded_bytes(&workers),
        curriculum: curriculum.name().to_owned(),
        recipe: recipe.name().to_owned(),
        fidelity: args.fidelity.to_string(),
        simd: settings.pipeline.simd.name(),
        threads,
        batch_size: batch,
        undecodable: workers.iter().map(|worker| worker.undecodable).sum(),
        jpegs: decoded(&workers),
        stages: measured
            .map(|((stage, worker), path)| StageReport::new(*stage, worker, *path, threads))
            .collect(),
    };
    if args.json {
        return Ok(json_line(&report)?);
    }
    report.print();
    Ok(())
}

fn time(seconds: f64) -> Result<Duration, Failure> {
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| *time > Duration::ZERO);
    time.ok_or_else(|| usage(anyhow::anyhow!("--seconds {seconds} must be above 0")))
}

fn programs(
    args: &Args,
    curriculum: &Curriculum,
    recipe: &Recipe,
    stages: &[Setting],
) -> Result<Vec<Program>, Failure> {
    let (base, format) = (curriculum.base(), OutputFormat { dtype: args.dtype, layout: args.layout });
    let program = |&Setting { bandwidth, magnitude }: &Setting| {
        Program::with_fidelity(args.fidelity, recipe, base, bandwidth, magnitude, format)
    };
    stages.iter().map(program).collect::<Result<_, _>>().map_err(usage)
}

/// One setting of the images, which is measured.
#[derive(Clone, Copy)]
struct Setting {
    bandwidth: u32,
    magnitude: f64,
}

/// The bandwidths of the stages in order, each once and with its largest magnitude.
fn distinct_stages(curriculum: &Curriculum) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for stage in curriculum.stages() {
        let (bandwidth, magnitude) = (stage.bandwidth, stage.magnitude);
        match settings.iter_mut().find(|setting| setting.bandwidth == bandwidth) {
            Some(setting) => setting.magnitude = setting.magnitude.max(magnitude),
            None => settings.push(Setting { bandwidth, magnitude }),
        }
    }
    settings
}

/// A job that stays in one stage.
fn job(
    args: &Args,
    curriculum: &Curriculum,
    Setting { bandwidth, magnitude }: Setting,
    batch: u64,
) -> Result<proto::Job, Failure> {
    let stage = format!(
        "name = \"bench\"\nbase = {}\n[[stage]]\nshare = 1.0\nbandwidth = {bandwidth}\nmagnitude = {magnitude}\n",
        curriculum.base()
    );
    let own_recipe = || RecipeArg::Name(bandwise_job::own_recipe(curriculum).to_owned());
    let job_args = JobArgs {
        curriculum: args.curriculum.clone(),
        epochs: EPOCHS,
        recipe: RecipeArgs {
            recipe: Some(args.recipe.recipe.clone().unwrap_or_else(own_recipe)),
            low_frequency: args.recipe.low_frequency,
        },
        seed: args.seed,
        dtype: args.dtype,
        layout: args.layout,
        fidelity: args.fidelity,
        on_bad_sample: BadSample::Substitute,
        on_unreadable: Unreadable::Fail,
        replay: ReplayArgs::default(),
    };
    let curriculum = Some(proto::job::Curriculum::CurriculumToml(stage));
    Ok(proto::Job { curriculum, ..job_args.job("bench", batch)? })
}

/// The decoders of JPEGs, those that had any.
fn decoded(workers: &[WorkerTime]) -> Vec<Decoded> {
    let count = |path: &JpegPath| workers.iter().map(|worker| worker.jpegs[*path as usize]).sum::<u64>();
    let all: u64 = JpegPath::ALL.iter().map(count).sum();
    let of = |path: &JpegPath| {
        let share = count(path) as f64 / all.max(1) as f64;
        Decoded { decoder: path.decoder(), reason: path.reason(), share }
    };
    JpegPath::ALL.iter().map(of).filter(|decoded| decoded.share > 0.0).collect()
}

fn mean_encoded_bytes(workers: &[WorkerTime]) -> f64 {
    let (bytes, images) = workers
        .iter()
        .fold((0, 0), |(bytes, images), worker| (bytes + worker.encoded_bytes, images + worker.images));
    bytes as f64 / images.max(1) as f64
}

impl StageReport {
    fn new(
        Setting { bandwidth, magnitude }: Setting,
        worker: &WorkerTime,
        path: PathTime,
        threads: usize,
    ) -> Self {
        let part = |work: Work| {
            PARTS
                .iter()
                .zip(worker.parts)
                .find(|(part, _)| **part == work)
                .map_or(0.0, |(_, time)| worker.us(time))
        };
        let worker_us = worker.total_us();
        let [skip, entropy, transform, pixels] = worker.own_shares.map(|share| share * worker.us(worker.own));
        Self {
            bandwidth,
            magnitude,
            read_us: worker.us(worker.read),
            header_us: part(Work::Header),
            decode_us: part(Work::Decode),
            decode_skip_us: skip,
            decode_entropy_us: entropy,
            decode_transform_us: transform,
            decode_pixels_us: pixels,
            resize_us: part(Work::Resize),
            flip_us: part(Work::Flip),
            augment_us: part(Work::Augment),
            low_frequency_us: part(Work::LowFrequency),
            normalize_us: part(Work::Normalize),
            erase_us: part(Work::Erase),
            worker_us,
            assemble_send_us: (path.cpu_us - worker_us).max(0.0),
            path_cpu_us: path.cpu_us,
            images_per_s: path.images_per_s,
            efficiency: path.images_per_s * worker_us / (1e6 * threads as f64),
        }
    }

    /// Name and microseconds of the rows of the table.
    fn rows(&self) -> [(&'static str, f64); 16] {
        [
            ("read", self.read_us),
            ("header", self.header_us),
            ("decode", self.decode_us),
            ("of it: skip", self.decode_skip_us),
            ("entropy", self.decode_entropy_us),
            ("transform", self.decode_transform_us),
            ("upsample + colour", self.decode_pixels_us),
            ("resize", self.resize_us),
            ("flip", self.flip_us),
            ("augment", self.augment_us),
            ("low frequency", self.low_frequency_us),
            ("normalise", self.normalize_us),
            ("erase", self.erase_us),
            ("one worker", self.worker_us),
            ("assemble + send + receive", self.assemble_send_us),
            ("daemon + client, CPU", self.path_cpu_us),
        ]
    }
}

impl Report {
    fn print(&self) {
        outln!(
            "{}: {} samples of {:.0} kB; recipe {}, {}; {}; batches of {}; CPU microseconds per image\n",
            self.dataset,
            self.samples,
            self.mean_encoded_bytes / 1e3,
            self.recipe,
            self.fidelity,
            self.simd,
            self.batch_size
        );
        let heads: Vec<String> =
            self.stages.iter().map(|stage| format!("B {}, m {}", stage.bandwidth, stage.magnitude)).collect();
        let head: Vec<&str> = [""].into_iter().chain(heads.iter().map(String::as_str)).collect();
        let mut table = table(&head);
        for row in 0..self.stages.first().map_or(0, |stage| stage.rows().len()) {
            let name = self.stages[0].rows()[row].0.to_owned();
            let cells = self.stages.iter().map(|stage| format!("{:.1}", stage.rows()[row].1));
            table.add_row([name].into_iter().chain(cells));
        }
        let rates = self.stages.iter().map(|stage| format!("{:.0}", stage.images_per_s));
        table.add_row([format!("images/s, {} threads", self.threads)].into_iter().chain(rates));
        let shares = self.stages.iter().map(|stage| format!("{:.2}", stage.efficiency));
        table.add_row(["of what the workers allow".to_owned()].into_iter().chain(shares));
        outln!("{table}");
        let of = |decoded: &Decoded| {
            let name = match decoded.decoder {
                "own" => "own decoder".to_owned(),
                "own_seek" => "own decoder with seek points".to_owned(),
                other => format!("{other} ({})", decoded.reason),
            };
            format!("{name} {:.1} %", 100.0 * decoded.share)
        };
        if !self.jpegs.is_empty() {
            outln!("JPEGs: {}", self.jpegs.iter().map(of).collect::<Vec<_>>().join(", "));
        }
        if self.undecodable > 0 {
            outln!("{} undecodable images were left out; `bandwise check` names them", self.undecodable);
        }
    }
}
