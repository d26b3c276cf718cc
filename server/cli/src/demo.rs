//! `bandwise demo`: the whole way in one command, on photographs that are part of the binary.
//!
//! The photographs are written to a temporary folder and served by a real daemon on a private Unix socket; a real
//! client pulls a short `efficienttrain++` run with the papers' spectral crop. Nothing is simulated: the tiles of
//! the contact sheet are rows of the batches that came over the wire.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bandwise_client::{Batch, Connection, Run, RunOptions, proto};
use bandwise_server::{
    config::{Config, DatasetConfig, Settings},
    server::{Daemon, open_datasets},
};

use crate::{
    Failure,
    format::{bytes, grouped, table},
    output::outln,
    picture::{Sheet, Tile},
    progress, runtime,
};

/// The photographs: name below the dataset's folder, and content. Licences are in `server/assets/CREDITS.md`.
macro_rules! photos {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_bytes!(concat!("../../assets/photos/", $name)).as_slice())),+]
    };
}

const PHOTOS: [(&str, &[u8]); 12] = photos![
    "nature/cat.jpg",
    "nature/flower.jpg",
    "nature/grass.jpg",
    "people/astronaut.jpg",
    "people/photographer.jpg",
    "place/launch_pad.jpg",
    "place/palace.jpg",
    "science/galaxies.jpg",
    "science/galaxies_near.jpg",
    "science/retina.jpg",
    "science/retina_vessels.jpg",
    "thing/cup.jpg",
];

/// Budget of the run in 224-equivalent epochs: a few seconds, long enough for the rates to mean something.
const EPOCHS: f64 = 60.0;

/// Batches asked for ahead: few, so that a stage's rate is hardly that of the stage before it.
const WINDOW: usize = 2;

/// Samples that the contact sheet shows.
const SHOWN: [u64; 6] = [0, 1, 3, 6, 7, 11];

/// The sample whose spectrum is shown.
const SPECTRUM_OF: u64 = 6;

/// Side of the base image.
const BASE: u32 = 224;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File for the contact sheet.
    #[arg(long, value_name = "SHEET.png", default_value = "demo/contact-sheet.png")]
    out: PathBuf,
    /// Low-frequency method: fourier (the papers'), lanczos (the EfficientTrain++ code's).
    #[arg(long, value_name = "METHOD", default_value = "fourier")]
    low_frequency: bandwise_recipe::LowFrequency,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    crate::log("warn")?;
    let folder =
        tempfile::Builder::new().prefix("bandwise-demo-").tempdir().context("no temporary folder")?;
    let folder = folder.path();
    let dataset = folder.join("photos");
    write_photos(&dataset)?;
    let config = Config {
        listen: vec![format!("unix:{}", folder.join("demo.sock").display())],
        dataset: vec![DatasetConfig { name: "photos".to_owned(), path: dataset, ..DatasetConfig::default() }],
        cache_dir: Some(folder.join("cache")),
        ..Config::default()
    };
    let settings = Settings::check(&config)?;
    let catalog = open_datasets(&settings, progress::scan)?;
    runtime(2)?.block_on(async {
        let daemon = Daemon::start(&settings, catalog).await?;
        let address = daemon.addresses().first().context("the daemon listens nowhere")?.clone();
        let connection = Connection::open(&address).await?;
        let job = job(args.low_frequency);
        let options = RunOptions { window: WINDOW, ..RunOptions::default() };
        let run = Run::start(&connection, job, &options).await?;
        outln!(
            "{} photographs in {} classes, {} threads, {}; a short efficienttrain++ run over a Unix socket:\n",
            PHOTOS.len(),
            5,
            settings.pipeline.threads,
            settings.pipeline.simd
        );
        let stages = pull(run).await?;
        print_stages(&stages);
        write_sheet(&stages, args)?;
        daemon.stop().await;
        Ok(())
    })
}

fn job(low_frequency: bandwise_recipe::LowFrequency) -> proto::Job {
    proto::Job {
        datasets: vec![proto::DatasetShare { name: "photos".to_owned(), weight: None }],
        curriculum: Some(proto::job::Curriculum::CurriculumName("efficienttrain++".to_owned())),
        epochs: EPOCHS,
        global_batch: PHOTOS.len() as u64,
        dtype: proto::Dtype::U8.into(),
        layout: proto::Layout::Nhwc.into(),
        low_frequency: match low_frequency {
            bandwise_recipe::LowFrequency::Lanczos => proto::LowFrequency::Lanczos,
            bandwise_recipe::LowFrequency::Fourier => proto::LowFrequency::Fourier,
        }
        .into(),
        ..proto::Job::default()
    }
}

/// The results of one stage.
struct Stage {
    index: u32,
    bandwidth: u32,
    magnitude: f64,
    steps: u64,
    images: u64,
    bytes: u64,
    time: Duration,
    /// The shown samples as the stage's first step delivered them, by sample id.
    tiles: Vec<(u64, Tile)>,
}

async fn pull(mut run: Run) -> Result<Vec<Stage>, Failure> {
    let mut stages: Vec<Stage> = Vec::new();
    loop {
        let asked = Instant::now();
        let Some(batch) = run.next().await? else { return Ok(stages) };
        let header = batch.header();
        if stages.last().is_none_or(|stage| stage.index != header.stage) {
            stages.push(Stage::new(&batch));
        }
        if let Some(stage) = stages.last_mut() {
            stage.steps += 1;
            stage.images += batch.rows();
            stage.bytes += batch.byte_len() as u64;
            stage.time += asked.elapsed();
        }
    }
}

impl Stage {
    fn new(batch: &Batch) -> Self {
        let header = batch.header();
        let side = header.bandwidth as usize;
        let tile = |row: usize| Tile::new(side, batch.image(row).to_vec());
        Self {
            index: header.stage,
            bandwidth: header.bandwidth,
            magnitude: header.magnitude,
            steps: 0,
            images: 0,
            bytes: 0,
            time: Duration::ZERO,
            tiles: header.sample_ids.iter().enumerate().map(|(row, &sample)| (sample, tile(row))).collect(),
        }
    }

    fn tile(&self, sample: u64) -> Option<&Tile> {
        self.tiles.iter().find(|(id, _)| *id == sample).map(|(_, tile)| tile)
    }
}

fn print_stages(stages: &[Stage]) {
    let mut table = table(&["stage", "B", "m", "steps", "images", "images/s", "bytes"]);
    for stage in stages {
        table.add_row([
            stage.index.to_string(),
            stage.bandwidth.to_string(),
            stage.magnitude.to_string(),
            stage.steps.to_string(),
            grouped(stage.images),
            format!("{:.0}", stage.images as f64 / stage.time.as_secs_f64()),
            bytes(stage.bytes),
        ]);
    }
    outln!("{table}");
}

fn write_sheet(stages: &[Stage], args: &Args) -> Result<(), Failure> {
    let heads = stages
        .iter()
        .map(|stage| {
            let (index, bandwidth, magnitude) = (stage.index, stage.bandwidth, stage.magnitude);
            vec![format!("stage {index}"), format!("B {bandwidth}  m {magnitude}")]
        })
        .collect();
    let title = format!(
        "efficienttrain++, low_frequency = {}: the training images of each stage",
        args.low_frequency
    );
    let mut sheet = Sheet::new(title, legend(), heads);
    for sample in SHOWN {
        let tiles = stages.iter().filter_map(|stage| stage.tile(sample)).cloned().collect();
        sheet.row(PHOTOS[sample as usize].0.trim_end_matches(".jpg").to_owned(), tiles);
    }
    let spectrum = |stage: &Stage| stage.tile(SPECTRUM_OF).map(|tile| tile.spectrum(BASE as usize));
    sheet.row(
        format!("spectrum of {}", PHOTOS[SPECTRUM_OF as usize].0.trim_end_matches(".jpg")),
        stages.iter().filter_map(spectrum).collect(),
    );
    save(&sheet, &args.out)?;
    outln!(
        "\ncontact sheet: {} (rows: photographs, columns: stages, last row: the bands arriving)",
        args.out.display()
    );
    Ok(())
}

/// Explains the heads of the columns.
pub(crate) fn legend() -> Vec<String> {
    vec![
        "B: bandwidth, the side in pixels of the images of a stage; its low frequencies are kept, all others removed"
            .to_owned(),
        "m: strength of RandAugment, from 0 (none) to 10".to_owned(),
    ]
}

/// Writes a sheet, with the folders above it.
pub(crate) fn save(sheet: &Sheet, out: &Path) -> Result<(), Failure> {
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    sheet
        .draw()
        .save_with_format(out, image::ImageFormat::Png)
        .with_context(|| format!("cannot write {}", out.display()))?;
    Ok(())
}

fn write_photos(root: &Path) -> Result<(), Failure> {
    for (name, content) in PHOTOS {
        let path = root.join(name);
        let folder = path.parent().unwrap_or(root);
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
