//! The loss of fidelity and the gain in time of `fidelity = fast`: the same crops of the same files both ways.
//!
//! Only what differs by design is compared: the image without augmentation. Time is that of one worker for the whole
//! recipe, augmentation included, without reading and sending.

use std::time::{Duration, Instant};

use anyhow::Result;
use bandwise_choice::Choice as _;
use bandwise_decode::DecodeLimits;
use bandwise_kernels::{Dtype, Layout, SimdLevel};
use bandwise_recipe::{Fidelity, ImageKey, LowFrequency, OutputFormat, Program, Recipe, Workbench};
use serde::Serialize;

use crate::{
    report::{Table, short},
    stats::Spread,
};

/// Bandwidths and magnitudes of the stages of `efficienttrain++`.
const STAGES: [(u32, f64); 4] = [(96, 1.0), (160, 3.0), (192, 7.0), (224, 9.0)];

/// The base size.
const BASE: u32 = 224;

/// Identical images count as this; images nearer than this too.
const MOST_DB: f64 = 60.0;

/// The results for a bandwidth and a method.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Outcome {
    /// Side of the image in pixels.
    pub bandwidth: u32,
    /// RandAugment strength of the timed recipe.
    pub magnitude: f64,
    /// `lanczos` or `fourier`.
    pub method: &'static str,
    /// Peak signal-to-noise ratio of the un-augmented image in decibels, at most 60 an image: mean.
    pub psnr_db_mean: f64,
    /// As above: 5th percentile.
    pub psnr_db_p5: f64,
    /// Microseconds a worker needs for an image, exact.
    pub exact_us: Spread,
    /// The same, fast.
    pub fast_us: Spread,
    /// Exact over fast in the same round.
    pub speedup: Spread,
}

/// Compares and times every stage with both methods. `done` is called for each of [`steps`].
///
/// # Errors
///
/// If a file cannot be decoded.
pub fn run(files: &[Vec<u8>], rounds: usize, mut done: impl FnMut()) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for &method in LowFrequency::ALL {
        for (bandwidth, magnitude) in STAGES {
            outcomes.push(measure(files, rounds, method, bandwidth, magnitude)?);
            done();
        }
    }
    Ok(outcomes)
}

/// The number of outcomes.
pub fn steps() -> usize {
    2 * STAGES.len()
}

/// The table for people.
pub fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&[
        "low frequency",
        "B",
        "m",
        "mean PSNR, dB",
        "5th percentile",
        "exact, µs",
        "fast, µs",
        "exact / fast",
    ]);
    for outcome in outcomes {
        table.row(vec![
            outcome.method.to_owned(),
            outcome.bandwidth.to_string(),
            outcome.magnitude.to_string(),
            format!("{:.1}", outcome.psnr_db_mean),
            format!("{:.1}", outcome.psnr_db_p5),
            short(outcome.exact_us.median),
            short(outcome.fast_us.median),
            short(outcome.speedup.median),
        ]);
    }
    table
}

fn measure(
    files: &[Vec<u8>],
    rounds: usize,
    method: LowFrequency,
    bandwidth: u32,
    magnitude: f64,
) -> Result<Outcome> {
    let mut ratios = ratios(files, method, bandwidth)?;
    ratios.sort_by(f64::total_cmp);
    let recipe = Recipe::named("efficienttrain++", Some(method))?;
    let format = OutputFormat { dtype: Dtype::F16, layout: Layout::Nchw };
    let program = |fidelity| Program::with_fidelity(fidelity, &recipe, BASE, bandwidth, magnitude, format);
    let (exact, fast) = (program(Fidelity::Exact)?, program(Fidelity::Fast)?);
    let mut bench = Workbench::new(SimdLevel::detect())?;
    let (mut exact_us, mut fast_us) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        exact_us.push(microseconds(&mut bench, &exact, files)?);
        fast_us.push(microseconds(&mut bench, &fast, files)?);
    }
    Ok(Outcome {
        bandwidth,
        magnitude,
        method: method.as_str(),
        psnr_db_mean: ratios.iter().sum::<f64>() / ratios.len() as f64,
        psnr_db_p5: ratios[ratios.len() / 20],
        speedup: Spread::of_ratios(&exact_us, &fast_us),
        exact_us: Spread::of(&exact_us),
        fast_us: Spread::of(&fast_us),
    })
}

/// Signal-to-noise ratios of one crop of each file.
fn ratios(files: &[Vec<u8>], method: LowFrequency, bandwidth: u32) -> Result<Vec<f64>> {
    // Nothing is drawn here that depends on the size at which the fast way works.
    let recipe = Recipe::named("plain", Some(method))?;
    let format = OutputFormat { dtype: Dtype::U8, layout: Layout::Nhwc };
    let program = |fidelity| Program::with_fidelity(fidelity, &recipe, BASE, bandwidth, 0.0, format);
    let (exact, fast) = (program(Fidelity::Exact)?, program(Fidelity::Fast)?);
    let mut bench = Workbench::new(SimdLevel::detect())?;
    let (mut a, mut b) = (vec![0; exact.image_bytes()], vec![0; fast.image_bytes()]);
    files
        .iter()
        .zip(0..)
        .map(|(file, sample)| {
            bench.make(&exact, file, &DecodeLimits::default(), key(sample), &mut a)?;
            bench.make(&fast, file, &DecodeLimits::default(), key(sample), &mut b)?;
            Ok(psnr(&a, &b))
        })
        .collect()
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    let mean = squares as f64 / a.len() as f64;
    (20.0 * libm::log10(255.0) - 10.0 * libm::log10(mean)).min(MOST_DB)
}

/// Time for an image, over all files.
fn microseconds(bench: &mut Workbench, program: &Program, files: &[Vec<u8>]) -> Result<f64> {
    let mut out = vec![0; program.image_bytes()];
    let mut time = Duration::ZERO;
    for (file, sample) in files.iter().zip(0..) {
        let begun = Instant::now();
        bench.make(program, file, &DecodeLimits::default(), key(sample), &mut out)?;
        time += begun.elapsed();
    }
    Ok(1e6 * time.as_secs_f64() / files.len() as f64)
}

fn key(sample: u64) -> ImageKey {
    ImageKey { seed: 0, epoch: 0, sample, view: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_decibels_and_bounded() {
        assert_eq!(psnr(&[7; 9], &[7; 9]), MOST_DB);
        assert!((psnr(&[0; 4], &[255; 4])).abs() < 1e-9);
        // A difference of 1 everywhere.
        assert!((psnr(&[1; 4], &[2; 4]) - 48.1308).abs() < 1e-3);
    }
}
