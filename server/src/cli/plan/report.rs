//! `bandwise plan`: a curriculum resolved to stages and steps, without a daemon.

use std::collections::BTreeMap;

use bandwise_curriculum::{Clock, Curriculum, MIN_LR_FACTOR, Plan, PlanRequest, StagePlan, Tail};
use bandwise_recipe::{LowFrequency, Operation, Program, Recipe};
use serde::Serialize;

use crate::cli::{
    Failure,
    format::{grouped, json_line, table},
    job_args::{CurriculumArg, RecipeArg},
    usage,
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  bandwise plan --curriculum efficienttrain++ --epochs 200 --dataset-size 1281167 --global-batch 4096"
)]
pub(crate) struct Args {
    /// Curriculum: efficienttrain, efficienttrain++, efficienttrain++-deit, efficienttrain++-convnext, efficienttrain++-replay,
    /// efficienttrain++-resnet-replay, efficienttrain++-deit-replay, none, or a
    /// TOML file.
    #[arg(long, value_name = "NAME|FILE")]
    curriculum: CurriculumArg,
    /// Budget in epochs; the curriculum says whether passes over the data or 224-equivalents.
    #[arg(long, value_name = "E")]
    epochs: f64,
    /// Number of samples of the dataset.
    #[arg(long, value_name = "N")]
    dataset_size: u64,
    /// Rows of a step, over all ranks and accumulation.
    #[arg(long, value_name = "G")]
    global_batch: u64,
    /// Recipe to show: efficienttrain, efficienttrain++, plain, eval, mae, or a TOML file. [default: the
    /// curriculum's]
    #[arg(long, value_name = "NAME|FILE")]
    recipe: Option<RecipeArg>,
    /// Low-frequency method: lanczos, fourier. [default: the recipe's]
    #[arg(long, value_name = "METHOD")]
    low_frequency: Option<LowFrequency>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    curriculum: String,
    epochs: f64,
    epochs_count: &'static str,
    base: u32,
    dataset_samples: u64,
    steps: u64,
    images: u64,
    decode_passes: f64,
    compute_equivalent_epochs: f64,
    stages: Vec<StageReport>,
    recipe: RecipeReport,
}

#[derive(Debug, Serialize)]
struct RecipeReport {
    name: String,
    views: u32,
    operations: Vec<OperationReport>,
}

#[derive(Debug, Serialize)]
struct OperationReport {
    name: &'static str,
    parameters: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
struct StageReport {
    index: usize,
    bandwidth: u32,
    magnitude: f64,
    replay_times: u32,
    global_batch: u64,
    first_step: u64,
    steps: u64,
    first_epoch: u64,
    epochs: f64,
    steps_per_epoch: u64,
    images: u64,
    compute_share: f64,
    /// Images that a trainer asks for in the time of one 224 image.
    image_demand: f64,
    clock_epochs: f64,
    clock_start: f64,
    clock_end: f64,
    warmup_epochs: f64,
    /// Learning rate at the borders, as a factor of the peak.
    lr_factor_start: f64,
    lr_factor_end: f64,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let curriculum = args.curriculum.load()?;
    let recipe = RecipeArg::load(args.recipe.as_ref(), args.low_frequency, &curriculum)?;
    let request = PlanRequest {
        epochs: args.epochs,
        dataset_len: args.dataset_size.saturating_mul(u64::from(recipe.views())),
        global_batch: args.global_batch,
        tail: Tail::Drop,
    };
    let plan = Plan::resolve(&curriculum, &request).map_err(usage)?;
    for stage in plan.stages() {
        Program::check(&recipe, plan.base(), stage.bandwidth).map_err(usage)?;
    }
    let report = Report::new(&curriculum, &plan, &recipe, args);
    if args.json {
        json_line(&report)?;
    } else {
        report.print();
    }
    Ok(())
}

impl Report {
    fn new(curriculum: &Curriculum, plan: &Plan, recipe: &Recipe, args: &Args) -> Self {
        let cost = |stage: &StagePlan| stage.trained_rows() as f64 * f64::from(stage.bandwidth).powi(2);
        let total: f64 = plan.stages().iter().map(cost).sum();
        Self {
            curriculum: curriculum.name().to_owned(),
            epochs: args.epochs,
            epochs_count: match curriculum.clock() {
                Clock::Passes => "passes over the data",
                Clock::Equivalents => "224-equivalents",
            },
            base: plan.base(),
            dataset_samples: args.dataset_size,
            steps: plan.steps(),
            images: plan.trained_rows(),
            decode_passes: plan.decode_passes(),
            compute_equivalent_epochs: plan.equivalent_epochs(),
            stages: plan
                .stages()
                .iter()
                .map(|stage| StageReport::new(stage, cost(stage) / total, plan.base()))
                .collect(),
            recipe: RecipeReport::new(recipe),
        }
    }

    fn print(&self) {
        println!(
            "{}: {} epochs ({}), {} samples\n",
            self.curriculum,
            self.epochs,
            self.epochs_count,
            grouped(self.dataset_samples)
        );
        let mut table = table(&[
            "stage", "B", "m", "epochs", "clock", "of", "warm-up", "steps", "images", "compute", "demand",
        ]);
        for stage in &self.stages {
            table.add_row([
                stage.index.to_string(),
                stage.bandwidth.to_string(),
                stage.magnitude.to_string(),
                stage.epochs.to_string(),
                format!("{}-{}", stage.clock_start, stage.clock_end),
                stage.clock_epochs.to_string(),
                stage.warmup_epochs.to_string(),
                grouped(stage.steps),
                grouped(stage.images),
                format!("{:.1} %", stage.compute_share * 100.0),
                format!("{:.2}x", stage.image_demand),
            ]);
        }
        println!("{table}\n");
        println!(
            "{} steps, {} images; {} passes over the data decoded, compute of {:.2} epochs at {}",
            grouped(self.steps),
            grouped(self.images),
            self.decode_passes,
            self.compute_equivalent_epochs,
            self.base
        );
        println!(
            "clock: epochs of the reference's own learning-rate clock; demand: images per second against {0} x {0}",
            self.base
        );
        self.recipe.print();
    }
}

impl RecipeReport {
    fn new(recipe: &Recipe) -> Self {
        let report = |operation: &Operation| OperationReport {
            name: operation.name(),
            parameters: operation.parameters().into_iter().collect(),
        };
        Self {
            name: recipe.name().to_owned(),
            views: recipe.views(),
            operations: recipe.operations().iter().map(report).collect(),
        }
    }

    fn print(&self) {
        println!(
            "\nrecipe {}{}",
            self.name,
            if self.views == 1 { String::new() } else { format!(", {} views of each sample", self.views) }
        );
        for (i, operation) in self.operations.iter().enumerate() {
            let parameters: Vec<String> =
                operation.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            println!("  {}. {:<20} {}", i + 1, operation.name, parameters.join(", "));
        }
    }
}

impl StageReport {
    fn new(stage: &StagePlan, compute_share: f64, base: u32) -> Self {
        Self {
            index: stage.index,
            bandwidth: stage.bandwidth,
            magnitude: stage.magnitude,
            replay_times: stage.replay_times,
            global_batch: stage.global_batch,
            first_step: stage.first_step,
            steps: stage.steps,
            first_epoch: stage.first_epoch,
            epochs: stage.epochs,
            steps_per_epoch: stage.steps_per_epoch,
            images: stage.trained_rows(),
            compute_share,
            image_demand: (f64::from(base) / f64::from(stage.bandwidth)).powi(2)
                / f64::from(stage.replay_times),
            clock_epochs: stage.clock_epochs,
            clock_start: stage.clock_start,
            clock_end: stage.clock_end,
            warmup_epochs: stage.warmup_epochs,
            lr_factor_start: stage.lr_factor_at(stage.clock_start, MIN_LR_FACTOR),
            lr_factor_end: stage.lr_factor_at(stage.clock_end, MIN_LR_FACTOR),
        }
    }
}
