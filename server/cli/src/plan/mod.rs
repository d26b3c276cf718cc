//! `bandwise plan`: a curriculum resolved to stages and steps, without a daemon, and what it asks of the machine.
//!
//! `report` is what JSON shows, `text` prints it for people, `sizing` answers how many cores a training needs, `memory` how
//! much memory, and `plot` draws the curriculum over its progress.

mod image_demand;
mod memory;
mod models;
mod plot;
mod report;
mod sizing;
mod text;

use std::path::PathBuf;

use anyhow::Context as _;
use bandwise_choice::alternatives;
use bandwise_curriculum::{Curriculum, Plan, PlanRequest, Tail};
use bandwise_job::Fidelity;
use bandwise_kernels::Dtype;
use bandwise_recipe::{Program, Recipe};

use crate::{
    Failure,
    choices::{self, choice},
    dataset_args::IndexArgs,
    format::json_line,
    job_args::{CurriculumArg, RecipeArgs},
    output::outln,
    usage,
};
use models::{MODEL_NAMES, ModelProfile};
use report::Report;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    bandwise plan --curriculum efficienttrain++ --epochs 200 --dataset-size 1281167 \\\n      \
    --global-batch 4096\n  \
    bandwise plan --model swin-t --epochs 200 --dataset-size 1281167 --plot curriculum.png\n  \
    bandwise plan --model swin-t --epochs 200 --dataset-size 1281167 \\\n      \
    --images-per-gpu-second 1200 --gpus 8 --measure /data/imagenet/train")]
pub(crate) struct Args {
    #[arg(long, value_name = "NAME|FILE", required_unless_present = "model",
        help = format!("{} [default: the model's]", choices::curricula("Curriculum")))]
    curriculum: Option<CurriculumArg>,
    #[arg(long, value_name = "NAME", help = format!(
        "Model: uses its curriculum and global batch (4096), and shows its settings in the papers: {}",
        alternatives(&MODEL_NAMES),
    ))]
    model: Option<String>,
    /// Budget in epochs, also fractional; the curriculum defines whether they are passes over the data or
    /// 224-equivalents.
    #[arg(long, value_name = "E")]
    epochs: f64,
    /// Number of samples in the dataset.
    #[arg(long, value_name = "N")]
    dataset_size: u64,
    /// Rows of a step, over all ranks and accumulated batches. [default: 4096 with --model]
    #[arg(long, value_name = "G", required_unless_present = "model")]
    global_batch: Option<u64>,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Images that one GPU trains on per second at the base size (224 x 224): shows the image rates that the trainers
    /// need.
    #[arg(long, value_name = "R")]
    images_per_gpu_second: Option<f64>,
    /// Number of GPUs of the training.
    #[arg(long, value_name = "K", default_value_t = 1, requires = "images_per_gpu_second")]
    gpus: u32,
    /// Folder of class folders: measures its images on this machine and shows how many cores the training needs.
    #[arg(long, value_name = "PATH", requires = "images_per_gpu_second")]
    measure: Option<PathBuf>,
    #[command(flatten)]
    index: IndexArgs,
    #[arg(long, default_value_t, requires = "measure", hide_possible_values = true, value_parser = choice::<Fidelity>(),
        help = choices::help::<Fidelity>("Fidelity of the measured pixels"))]
    fidelity: Fidelity,
    /// Seconds of each measurement, one for each bandwidth.
    #[arg(long, value_name = "S", default_value_t = 2.0, requires = "measure")]
    seconds: f64,
    #[arg(long, default_value_t, hide_possible_values = true, value_parser = choice::<Dtype>(),
        help = choices::help::<Dtype>("Element type of the images, for the memory figures"))]
    dtype: Dtype,
    /// Number of ranks of the training, for the memory of each.
    #[arg(long, value_name = "W", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    world_size: u64,
    /// Longest replay buffer in steps; longer ones are cut to it. [default: the curriculum's]
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    replay_buffer: Option<u32>,
    /// Memory in MiB of a daemon for replay: shows the longest --replay-buffer that fits.
    #[arg(long, value_name = "MIB")]
    replay_memory_mib: Option<u64>,
    /// PNG to write: bandwidth, magnitude, learning rate and image demand over the training.
    #[arg(long, value_name = "OUT.png")]
    plot: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The resolved arguments.
struct Resolved {
    curriculum: Curriculum,
    model: Option<ModelProfile>,
    recipe: Recipe,
    plan: Plan,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let resolved = Resolved::of(args)?;
    let mut report = Report::new(&resolved, args)?;
    if let Some(rate) = args.images_per_gpu_second {
        report.size(sizing::answer(args, &resolved, rate)?);
    }
    if let Some(path) = &args.plot {
        let picture = plot::draw(&resolved, &report);
        picture.save(path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for warning in resolved.plan.warnings(resolved.recipe.name() != "eval") {
        eprintln!("warning: {warning}");
    }
    if args.json {
        json_line(&report)?;
    } else {
        report.print();
        if let Some(path) = &args.plot {
            outln!("\npicture: {}", path.display());
        }
    }
    Ok(())
}

impl Resolved {
    fn of(args: &Args) -> Result<Self, Failure> {
        let model = args.model.as_deref().map(ModelProfile::named).transpose().map_err(usage)?;
        let curriculum = match (&args.curriculum, &model) {
            (Some(curriculum), _) => curriculum.load()?,
            (None, Some(model)) => Curriculum::preset(model.curriculum).map_err(usage)?,
            // Clap asks for one of the two.
            (None, None) => return Err(usage(anyhow::anyhow!("give --curriculum or --model"))),
        };
        let curriculum = match args.replay_buffer {
            None => curriculum,
            Some(steps) => curriculum.with_replay_buffer_up_to(steps).map_err(usage)?,
        };
        let recipe = args.recipe.load(&curriculum)?;
        let request = PlanRequest {
            epochs: args.epochs,
            dataset_len: args.dataset_size.saturating_mul(u64::from(recipe.views())),
            global_batch: args.global_batch.unwrap_or(ModelProfile::GLOBAL_BATCH),
            tail: Tail::Drop,
        };
        let plan = Plan::resolve(&curriculum, &request).map_err(usage)?;
        for stage in plan.stages() {
            Program::check(&recipe, plan.base(), stage.bandwidth).map_err(usage)?;
        }
        Ok(Self { curriculum, model, recipe, plan })
    }

    /// Lowest learning rate as a factor of the peak.
    fn min_lr_factor(&self) -> f64 {
        self.model.map_or(bandwise_curriculum::MIN_LR_FACTOR, |model| model.min_lr_factor())
    }
}
