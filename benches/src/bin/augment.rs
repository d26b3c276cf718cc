//! Times every RandAugment operation and the resizes on raw pixels, one JSON object a line: the half of
//! `augment_vs_pillow.py` that is ours.
//!
//! Each line has the operation, its argument, the median of the calls in microseconds, and the SHA-256 of the result,
//! so that the script can see that Pillow made the same picture.

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context as _, Result, ensure};
use bandwise_benches::stats::Spread;
use bandwise_kernels::{AugmentOp, Augmenter, Filter, Resizer, RgbView, SimdLevel};
use clap::Parser;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Fill colour outside the image, as in timm.
const FILL: [u8; 3] = [124, 116, 104];

/// Strengths of the operations: those of level 9, where an operation has one.
const OPS: [(AugmentOp, f64); 15] = [
    (AugmentOp::AutoContrast, 0.0),
    (AugmentOp::Equalize, 0.0),
    (AugmentOp::Invert, 0.0),
    (AugmentOp::Rotate { degrees: 27.0 }, 27.0),
    (AugmentOp::Posterize { bits: 1 }, 1.0),
    (AugmentOp::Solarize { threshold: 26 }, 26.0),
    (AugmentOp::SolarizeAdd { add: 99 }, 99.0),
    (AugmentOp::Color { factor: 1.81 }, 1.81),
    (AugmentOp::Contrast { factor: 1.81 }, 1.81),
    (AugmentOp::Brightness { factor: 1.81 }, 1.81),
    (AugmentOp::Sharpness { factor: 1.81 }, 1.81),
    (AugmentOp::ShearX { shear: 0.27 }, 0.27),
    (AugmentOp::ShearY { shear: 0.27 }, 0.27),
    (AugmentOp::TranslateX { pixels: 40.3 }, 40.3),
    (AugmentOp::TranslateY { pixels: 40.3 }, 40.3),
];

/// Time our operations on a square of raw RGB pixels.
#[derive(Parser)]
struct Args {
    /// File of side x side x 3 bytes.
    pixels: PathBuf,
    /// Side in pixels.
    side: usize,
    /// Calls of each operation.
    #[arg(long, default_value_t = 60)]
    calls: usize,
    /// SIMD level: scalar, avx2, avx512. [default: the best of this CPU]
    #[arg(long)]
    level: Option<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let pixels = fs::read(&args.pixels).with_context(|| args.pixels.display().to_string())?;
    ensure!(
        pixels.len() == 3 * args.side * args.side,
        "{} bytes are no square of {}",
        pixels.len(),
        args.side
    );
    let level = match &args.level {
        None => SimdLevel::detect(),
        Some(name) => SimdLevel::named(name).with_context(|| format!("this CPU has no level {name}"))?,
    };
    for (op, argument) in OPS {
        let mut augmenter = Augmenter::new(level);
        let apply = |out: &mut Vec<u8>| {
            out.copy_from_slice(&pixels);
            let begun = Instant::now();
            augmenter.apply(op, out, args.side, args.side, FILL);
            begun.elapsed().as_secs_f64() * 1e6
        };
        report(op.name(), argument, args.calls, pixels.len(), apply);
    }
    for (name, filter, side) in [("bicubic", Filter::Bicubic, 224), ("lanczos", Filter::Lanczos, 96)] {
        if args.side <= side {
            continue;
        }
        let mut resizer = Resizer::new(level);
        let apply = |out: &mut Vec<u8>| {
            let view = RgbView::packed(&pixels, args.side, args.side);
            let begun = Instant::now();
            resizer.resize(view, filter, out, side, side);
            begun.elapsed().as_secs_f64() * 1e6
        };
        report(name, side as f64, args.calls, 3 * side * side, apply);
    }
    Ok(())
}

fn report(name: &str, argument: f64, calls: usize, bytes: usize, mut apply: impl FnMut(&mut Vec<u8>) -> f64) {
    let mut out = vec![0; bytes];
    // The first calls find memory and caches cold.
    (0..3).for_each(|_| {
        apply(&mut out);
    });
    let times: Vec<f64> = (0..calls).map(|_| apply(&mut out)).collect();
    let sha256: String = Sha256::digest(&out).iter().map(|byte| format!("{byte:02x}")).collect();
    println!(
        "{}",
        json!({"name": name, "argument": argument, "us": Spread::of(&times).median, "sha256": sha256})
    );
}
