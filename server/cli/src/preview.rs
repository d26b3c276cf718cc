//! `bandwise preview`: what the model sees of any dataset, without a daemon.
//!
//! Every column shows the same crop of a sample (the draws of epoch 0), so that the columns differ by the stage alone.
//! In training each epoch has new draws.

use std::path::PathBuf;

use anyhow::Context as _;
use bandwise_curriculum::Curriculum;
use bandwise_dataset::Dataset;
use bandwise_decode::DecodeLimits;
use bandwise_kernels::{Dtype, Filter, FourierCrop, Layout, Resizer, RgbView, SimdLevel};
use bandwise_recipe::{ImageKey, OutputFormat, Program, Recipe, Workbench};

use crate::{
    Failure, choices,
    dataset_args::IndexArgs,
    demo::{self, save},
    image_math::{fourier, psnr_db},
    job_args::{CurriculumArg, RecipeArgs},
    output::outln,
    picture::{Sheet, Tile},
    usage,
};

/// Output format: pixels that can be shown.
const SHOWN: OutputFormat = OutputFormat { dtype: Dtype::U8, layout: Layout::Nhwc };

/// Undecodable samples that are skipped in the search for one to show.
const MAX_TRIES: u64 = 64;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  bandwise preview --dataset /data/imagenet/train --curriculum efficienttrain++ --out sheet.png"
)]
pub(crate) struct Args {
    /// Folder of class folders; if it holds splits, give the folder of one split.
    #[arg(long, value_name = "PATH")]
    dataset: PathBuf,
    #[command(flatten)]
    index: IndexArgs,
    #[arg(long, value_name = "NAME|FILE", help = choices::curricula("Curriculum"))]
    curriculum: CurriculumArg,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Seed of the random draws.
    #[arg(long, value_name = "X", default_value_t = 0)]
    seed: u64,
    /// Number of samples, spread over the dataset.
    #[arg(long, value_name = "K", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=64))]
    samples: u64,
    /// Show Fourier, Lanczos and bicubic side by side for every bandwidth, with the PSNR relative to Lanczos.
    #[arg(long)]
    compare: bool,
    /// PNG to write.
    #[arg(long, value_name = "SHEET.png")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    crate::log("error")?;
    let curriculum = args.curriculum.load()?;
    let recipe = args.recipe.load(&curriculum)?;
    let dataset = args.index.open_one(&args.dataset)?;
    let columns =
        if args.compare { compare_columns(&curriculum)? } else { stage_columns(&curriculum, &recipe)? };
    let title = if args.compare {
        format!("{}: Fourier, Lanczos, bicubic; PSNR against Lanczos", curriculum.name())
    } else {
        format!("{}, recipe {}: the training images of each stage", curriculum.name(), recipe.name())
    };
    let mut sheet =
        Sheet::new(title, legend(args.compare), columns.iter().map(|column| column.head.clone()).collect());
    let mut maker = Maker::new(&dataset, args.seed)?;
    let mut first_row = None;
    for i in 0..args.samples.min(dataset.len()) {
        let sample = i * dataset.len() / args.samples.min(dataset.len());
        let (name, tiles) = maker.row(sample, &columns)?;
        first_row.get_or_insert_with(|| (name.clone(), tiles.clone()));
        sheet.row(name, tiles);
    }
    if let Some((name, tiles)) = first_row {
        let frame = curriculum.base() as usize;
        sheet.row(format!("spectrum of {name}"), tiles.iter().map(|tile| tile.spectrum(frame)).collect());
    }
    save(&sheet, &args.out)?;
    outln!("wrote {}", args.out.display());
    Ok(())
}

/// Explains the heads of the columns.
fn legend(compare: bool) -> Vec<String> {
    if compare {
        return vec![
            "B: bandwidth, the side in pixels to which each method reduces the image".to_owned(),
            "PSNR: similarity to the Lanczos picture in decibels; higher is closer, above 40 hardly visible"
                .to_owned(),
        ];
    }
    demo::legend()
}

/// The method by which the tiles of a column are made.
struct Column {
    head: Vec<String>,
    program: Program,
    then: Then,
}

/// The last operation on the program's picture.
#[derive(Clone, Copy)]
enum Then {
    Nothing,
    Fourier(u32),
    Resize(Filter, u32),
}

fn stage_columns(curriculum: &Curriculum, recipe: &Recipe) -> Result<Vec<Column>, Failure> {
    curriculum
        .stages()
        .iter()
        .enumerate()
        .map(|(i, stage)| {
            let program = Program::new(recipe, curriculum.base(), stage.bandwidth, stage.magnitude, SHOWN)
                .map_err(usage)?;
            let head = vec![format!("stage {i}"), format!("B {}  m {}", stage.bandwidth, stage.magnitude)];
            Ok(Column { head, program, then: Then::Nothing })
        })
        .collect()
}

/// The image at the base size, then three columns for each bandwidth below it.
fn compare_columns(curriculum: &Curriculum) -> Result<Vec<Column>, Failure> {
    let base = curriculum.base();
    let column = |head: Vec<String>, then| -> Result<Column, Failure> {
        let recipe = Recipe::named("plain", None)?;
        Ok(Column { head, program: Program::new(&recipe, base, base, 0.0, SHOWN).map_err(usage)?, then })
    };
    let mut bandwidths: Vec<u32> = curriculum.stages().iter().map(|stage| stage.bandwidth).collect();
    bandwidths.sort_unstable();
    bandwidths.dedup();
    let mut columns = vec![column(vec![format!("{base}"), String::new()], Then::Nothing)?];
    for b in bandwidths.into_iter().filter(|&b| b < base) {
        let head = |name: &str| vec![format!("B {b}"), name.to_owned()];
        columns.push(column(head("Fourier"), Then::Fourier(b))?);
        columns.push(column(head("Lanczos"), Then::Resize(Filter::Lanczos, b))?);
        columns.push(column(head("bicubic"), Then::Resize(Filter::Bicubic, b))?);
    }
    Ok(columns)
}

/// Makes tiles of samples.
struct Maker<'a> {
    dataset: &'a Dataset,
    bench: Workbench,
    resizer: Resizer,
    seed: u64,
}

impl<'a> Maker<'a> {
    fn new(dataset: &'a Dataset, seed: u64) -> Result<Self, Failure> {
        let level = SimdLevel::detect();
        Ok(Self { dataset, bench: Workbench::new(level)?, resizer: Resizer::new(level), seed })
    }

    /// The tiles of `sample`, or of the next one that can be decoded.
    fn row(&mut self, sample: u64, columns: &[Column]) -> Result<(String, Vec<Tile>), Failure> {
        let limits = DecodeLimits::default();
        let mut encoded = Vec::new();
        for attempt in 0..MAX_TRIES {
            let candidate = (sample + attempt) % self.dataset.len();
            self.dataset.read(candidate, limits.max_encoded_bytes, &mut encoded)?;
            match self.tiles(&encoded, sample, columns)? {
                Ok(tiles) => return Ok((short_name(&self.dataset.display_name(candidate)), tiles)),
                Err(error) => eprintln!("sample {}: {error}", self.dataset.display_name(candidate)),
            }
        }
        Err(Failure::Failed(anyhow::anyhow!("no decodable sample from {sample} on")))
    }

    fn tiles(
        &mut self,
        encoded: &[u8],
        sample: u64,
        columns: &[Column],
    ) -> Result<Result<Vec<Tile>, bandwise_decode::DecodeError>, Failure> {
        let key = ImageKey { seed: self.seed, epoch: 0, sample, view: 0 };
        let mut tiles = Vec::with_capacity(columns.len());
        for column in columns {
            let mut pixels = vec![0; column.program.image_bytes()];
            let made = self.bench.make(&column.program, encoded, &DecodeLimits::default(), key, &mut pixels);
            if let Err(error) = made {
                return Ok(Err(error));
            }
            let tile = self.then(column, pixels)?;
            let drawn: Vec<&str> =
                self.bench.drawn().augmented.iter().flatten().map(|op| op.name()).collect();
            tiles.push(match column.then {
                Then::Nothing => tile.captioned(drawn.join(", ")),
                _ => tile,
            });
        }
        Ok(Ok(tiles))
    }

    fn then(&mut self, column: &Column, pixels: Vec<u8>) -> Result<Tile, Failure> {
        let side = column.program.side() as usize;
        let mut resized = |filter, b: u32| {
            let b = b as usize;
            let mut out = vec![0; 3 * b * b];
            self.resizer.resize(RgbView::packed(&pixels, side, side), filter, &mut out, b, b);
            out
        };
        Ok(match column.then {
            Then::Nothing => Tile::new(side, pixels),
            Then::Resize(Filter::Lanczos, b) => Tile::new(b as usize, resized(Filter::Lanczos, b)),
            Then::Resize(filter, b) => {
                let (picture, reference) = (resized(filter, b), resized(Filter::Lanczos, b));
                let caption = format!("{:.1} dB", psnr_db(&picture, &reference));
                Tile::new(b as usize, picture).captioned(caption)
            }
            Then::Fourier(b) => {
                let reference = resized(Filter::Lanczos, b);
                let crop = FourierCrop::new(side, b as usize).context("fourier crop")?;
                let picture = fourier::pixels(&crop, RgbView::packed(&pixels, side, side));
                let caption = format!("{:.1} dB", psnr_db(&picture, &reference));
                Tile::new(b as usize, picture).captioned(caption)
            }
        })
    }
}

/// The end of a name, short enough for a line of a sheet.
fn short_name(name: &str) -> String {
    const MOST: usize = 60;
    let letters: Vec<char> = name.chars().collect();
    letters[letters.len().saturating_sub(MOST)..].iter().collect()
}
