//! The images per second that a training asks for, and the cores of this machine that make them.
//!
//! A GPU that trains on R images of the base size per second is assumed to train on R (base / B)^2 of B pixels, since
//! the compute of an image grows with its area. With replay, one in r of them is decoded. Cores are worker threads: the
//! CPU time of one worker is measured alone, on the images of a dataset. It is CPU time and not the rate of a daemon,
//! because the machine may be busy, and so cores are rate times time, even for more cores than this machine has. The
//! text names what sending adds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bandwise_curriculum::StagePlan;
use bandwise_kernels::{Dtype, Layout, SimdLevel};
use bandwise_recipe::{OutputFormat, Program, Workbench};
use serde::Serialize;

use super::{Args, Resolved, image_demand::image_demand};
use crate::{Failure, bench::parts, progress, usage};

/// The demand of the trainers, and the cores that it takes.
#[derive(Debug, Serialize)]
pub(super) struct Sizing {
    pub(super) images_per_gpu_s: f64,
    pub(super) gpus: u32,
    /// Dataset on which the workers were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) measured_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fidelity: Option<String>,
    /// Cores that this process may use.
    pub(super) cores_here: usize,
    /// One for each stage that has steps.
    pub(super) stages: Vec<StageSizing>,
    /// Over the whole training: decoded images per second, and cores.
    pub(super) mean_decoded_images_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mean_cores: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct StageSizing {
    pub(super) index: usize,
    pub(super) bandwidth: u32,
    pub(super) trained_images_per_s: f64,
    pub(super) decoded_images_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) worker_us_per_image: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) images_per_core_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cores: Option<f64>,
}

/// The answer for GPUs that train on `rate` images of the base size per second.
pub(super) fn answer(args: &Args, resolved: &Resolved, rate: f64) -> Result<Sizing, Failure> {
    // A rate that is not a number fails the comparison.
    if !(rate > 0.0 && rate.is_finite() && args.gpus > 0) {
        let message = format!("--images-per-gpu-second {rate} --gpus {}: both must be above 0", args.gpus);
        return Err(usage(anyhow::anyhow!(message)));
    }
    let (plan, total_rate) = (&resolved.plan, rate * f64::from(args.gpus));
    let shown: Vec<&StagePlan> = plan.stages().iter().filter(|stage| stage.steps > 0).collect();
    let costs = measure(args, resolved, &shown)?;
    let stages: Vec<_> = shown
        .iter()
        .enumerate()
        .map(|(i, stage)| {
            let trained = total_rate * image_demand(plan.base(), stage);
            StageSizing::new(stage, trained, costs.as_ref().map(|costs| costs[i]))
        })
        .collect();
    let seconds =
        |(stage, size): (&&StagePlan, &StageSizing)| stage.decoded_rows() as f64 / size.decoded_images_per_s;
    let total: f64 = shown.iter().zip(&stages).map(seconds).sum();
    let mean = |of: &dyn Fn(&StageSizing) -> Option<f64>| -> Option<f64> {
        let parts = shown.iter().zip(&stages).map(|pair| Some(seconds(pair) * of(pair.1)?));
        Some(parts.sum::<Option<f64>>()? / total)
    };
    Ok(Sizing {
        images_per_gpu_s: rate,
        gpus: args.gpus,
        measured_on: args.measure.as_ref().map(|path| path.display().to_string()),
        fidelity: args.measure.as_ref().map(|_| args.fidelity.to_string()),
        cores_here: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        mean_decoded_images_per_s: plan.decoded_rows() as f64 / total,
        mean_cores: mean(&|size| size.cores),
        stages,
    })
}

impl StageSizing {
    fn new(stage: &StagePlan, trained_images_per_s: f64, worker_us_per_image: Option<f64>) -> Self {
        let decoded_images_per_s = trained_images_per_s / f64::from(stage.replay_times);
        Self {
            index: stage.index,
            bandwidth: stage.bandwidth,
            trained_images_per_s,
            decoded_images_per_s,
            worker_us_per_image,
            images_per_core_s: worker_us_per_image.map(|us| 1e6 / us),
            cores: worker_us_per_image.map(|us| decoded_images_per_s * us / 1e6),
        }
    }
}

/// CPU microseconds of a worker for an image of each stage, where a dataset is given. A bandwidth is measured once, at
/// the largest magnitude that a stage shows it with.
fn measure(args: &Args, resolved: &Resolved, stages: &[&StagePlan]) -> Result<Option<Vec<f64>>, Failure> {
    let Some(path) = &args.measure else { return Ok(None) };
    let time = Duration::try_from_secs_f64(args.seconds).ok().filter(|time| *time > Duration::ZERO);
    let time = time.ok_or_else(|| usage(anyhow::anyhow!("--seconds {} must be above 0", args.seconds)))?;
    let dataset = args.index.open_one(path)?;
    let mut bench = Workbench::new(SimdLevel::detect())?;
    let sides: BTreeSet<u32> = stages.iter().map(|stage| stage.bandwidth).collect();
    let bar = progress::bar(sides.len() as u64, "bandwidths");
    let mut costs = BTreeMap::new();
    for side in sides {
        let program = program(args, resolved, side, strongest(stages, side))?;
        costs.insert(side, parts::measure(&dataset, &program, &mut bench, None, 0, time)?.total_us());
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Some(stages.iter().map(|stage| costs[&stage.bandwidth]).collect()))
}

fn strongest(stages: &[&StagePlan], bandwidth: u32) -> f64 {
    let shown = stages.iter().filter(|stage| stage.bandwidth == bandwidth);
    shown.map(|stage| stage.magnitude).fold(0.0, f64::max)
}

fn program(args: &Args, resolved: &Resolved, bandwidth: u32, magnitude: f64) -> Result<Program, Failure> {
    let format = OutputFormat { dtype: Dtype::F32, layout: Layout::Nchw };
    let (recipe, base) = (&resolved.recipe, resolved.plan.base());
    Program::with_fidelity(args.fidelity, recipe, base, bandwidth, magnitude, format).map_err(usage)
}
