//! Fast pixels against exact ones: crops of the demo photographs, without augmentation.

#![allow(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

use std::{fs, path::Path};

use bandwise_decode::DecodeLimits;
use bandwise_kernels::{Dtype, Layout, SimdLevel};
use bandwise_recipe::{
    FAST_SEMANTICS, Fidelity, ImageKey, LowFrequency, OutputFormat, Program, Recipe, Workbench,
};

/// Identical images count as this.
const MOST_DB: f64 = 60.0;

fn photographs() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos");
    let classes = fs::read_dir(folder).unwrap().map(|class| class.unwrap().path());
    let mut files: Vec<_> = classes
        .filter(|class| class.is_dir())
        .flat_map(|class| fs::read_dir(class).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn program(fidelity: Fidelity, method: LowFrequency, bandwidth: u32) -> Program {
    // Crop, flip, reduction, normalisation: nothing is drawn that depends on the size.
    let recipe = Recipe::named("plain", Some(method)).unwrap();
    let format = OutputFormat { dtype: Dtype::U8, layout: Layout::Nhwc };
    Program::with_fidelity(fidelity, &recipe, 224, bandwidth, 0.0, format).unwrap()
}

fn make(bench: &mut Workbench, program: &Program, bytes: &[u8], sample: u64) -> Vec<u8> {
    let key = ImageKey { seed: 1, epoch: 0, sample, view: 0 };
    let mut out = vec![0; program.image_bytes()];
    bench.make(program, bytes, &DecodeLimits::default(), key, &mut out).unwrap();
    out
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    let mean = squares as f64 / a.len() as f64;
    (10.0 * (255.0 * 255.0 / mean).log10()).min(MOST_DB)
}

/// Ratios of many crops, from the worst on.
fn ratios(method: LowFrequency, bandwidth: u32) -> Vec<f64> {
    let (exact, fast) =
        (program(Fidelity::Exact, method, bandwidth), program(Fidelity::Fast, method, bandwidth));
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    let photographs = photographs();
    let mut ratios: Vec<f64> = (0..120)
        .map(|sample| {
            let bytes = &photographs[sample as usize % photographs.len()];
            let expected = make(&mut bench, &exact, bytes, sample);
            psnr(&expected, &make(&mut bench, &fast, bytes, sample))
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}

#[test]
fn fast_pixels_are_near_exact_ones() {
    for method in [LowFrequency::Lanczos, LowFrequency::Fourier] {
        for bandwidth in [96, 128, 160, 192, 224] {
            let ratios = ratios(method, bandwidth);
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            let low = ratios[ratios.len() / 20];
            println!("{method} {bandwidth}: mean {mean:.1} dB, 5th percentile {low:.1} dB");
            assert!(mean >= 42.0, "{method} {bandwidth}: mean {mean}");
            assert!(low >= 36.5, "{method} {bandwidth}: 5th percentile {low}");
        }
    }
}

/// Where these change, bytes of fast jobs have changed: raise `FAST_SEMANTICS`, and say so in CHANGELOG.md.
#[test]
fn fast_pixels_change_with_their_version_alone() {
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    let hash = |method| {
        let fast = program(Fidelity::Fast, method, 96);
        let photographs = photographs();
        let pixels =
            photographs.iter().zip(0..).flat_map(|(bytes, sample)| make(&mut bench, &fast, bytes, sample));
        // FNV-1a.
        pixels.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let hashes = [LowFrequency::Lanczos, LowFrequency::Fourier].map(hash);
    assert_eq!(FAST_SEMANTICS, 2);
    assert_eq!(hashes.map(|hash| format!("{hash:016x}")), ["c0af5a3930c16d42", "23ee4903f15f9ea7"]);
}

#[test]
fn levels_agree_and_evaluation_is_exact() {
    let bytes = &photographs()[0];
    let fast = program(Fidelity::Fast, LowFrequency::Lanczos, 96);
    let scalar = make(&mut Workbench::new(SimdLevel::SCALAR).unwrap(), &fast, bytes, 3);
    for level in SimdLevel::available() {
        assert_eq!(make(&mut Workbench::new(level).unwrap(), &fast, bytes, 3), scalar, "{level}");
    }
    let recipe = Recipe::named("eval", None).unwrap();
    let format = OutputFormat { dtype: Dtype::F32, layout: Layout::Nchw };
    let [exact, fast] = [Fidelity::Exact, Fidelity::Fast]
        .map(|fidelity| Program::with_fidelity(fidelity, &recipe, 224, 160, 0.0, format).unwrap());
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    assert_eq!(make(&mut bench, &exact, bytes, 0), make(&mut bench, &fast, bytes, 0));
}
