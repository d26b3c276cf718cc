//! Writes tensors of whole recipes together with everything that was drawn for them, so that a script can make the
//! same tensors with the reference software (`tests/golden/replay.py`).
//!
//! ```text
//! cargo run --release --example replay -p bandwise-recipe -- PHOTOS OUT COUNT
//! ```
//!
//! `OUT/samples.json` has one line a sample; `OUT/N.u8` is the tensor without erasing in u8 nhwc, `OUT/N.f32` the
//! whole recipe in f32 nchw, `OUT/N.noise` the noise of the erased box (three planes, f32).

#![allow(clippy::unwrap_used, reason = "a tool of the tests")]

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use bandwise_decode::DecodeLimits;
use bandwise_kernels::{AugmentOp, Dtype, Layout, Rect, SimdLevel};
use bandwise_recipe::{
    DrawOp, Drawn, ImageKey, LowFrequency, OutputFormat, Program, RandomErase, Recipe, Workbench,
};

const BASE: u32 = 224;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [photos, out, count] = args.as_slice() else { panic!("usage: replay PHOTOS OUT COUNT") };
    let photos = list(Path::new(photos));
    let out = Path::new(out);
    fs::create_dir_all(out).unwrap();
    let mut index = File::create(out.join("samples.json")).unwrap();
    let mut bench = Workbench::new(SimdLevel::detect()).unwrap();
    for n in 0..count.parse::<usize>().unwrap() {
        let line = sample(&mut bench, n, &photos[n % photos.len()], out);
        writeln!(index, "{line}").unwrap();
    }
}

/// Makes one sample; the recipe, bandwidth and magnitude go round.
fn sample(bench: &mut Workbench, n: usize, photo: &Path, out: &Path) -> String {
    let (name, method) = [
        ("efficienttrain++", LowFrequency::Lanczos),
        ("efficienttrain", LowFrequency::Fourier),
        ("efficienttrain++", LowFrequency::Fourier),
    ][n % 3];
    let bandwidth = [96, 160, 192, 224][n / 3 % 4];
    let magnitude = (n % 10) as f64;
    let key = ImageKey { seed: 99, epoch: n as u64, sample: n as u64, view: 0 };
    let bytes = fs::read(photo).unwrap();
    let mut make = |recipe: &Recipe, dtype, layout, extension: &str| {
        let format = OutputFormat { dtype, layout };
        let program = Program::new(recipe, BASE, bandwidth, magnitude, format).unwrap();
        let mut tensor = vec![0; program.image_bytes()];
        bench.make(&program, &bytes, &DecodeLimits::default(), key, &mut tensor).unwrap();
        fs::write(out.join(format!("{n}.{extension}")), tensor).unwrap();
        *bench.drawn()
    };
    let recipe = Recipe::named(name, Some(method)).unwrap();
    make(&without_erasing(method), Dtype::U8, Layout::Nhwc, "u8");
    let drawn = make(&recipe, Dtype::F32, Layout::Nchw, "f32");
    let side = if name == "efficienttrain" { BASE } else { bandwidth };
    write_noise(key, side, &out.join(format!("{n}.noise")));
    line(n, photo, name, method, bandwidth, &drawn)
}

/// The recipe's part on 8-bit pixels (and the spectrum's crop of them).
fn without_erasing(method: LowFrequency) -> Recipe {
    let reduce = format!("[[operation]]\nname = 'low_frequency'\nmethod = '{method}'\n");
    let normalize = "[[operation]]\nname = 'normalize'\n".to_owned();
    let last = if method == LowFrequency::Lanczos { reduce + &normalize } else { normalize + &reduce };
    let first = ["random_resized_crop", "flip", "rand_augment"]
        .map(|name| format!("[[operation]]\nname = '{name}'\n"));
    Recipe::from_toml("replay", &format!("name = 'replay'\n{}{last}", first.concat())).unwrap()
}

fn write_noise(key: ImageKey, side: u32, path: &Path) {
    let mut draws = key.draws(DrawOp::Erase);
    let area = RandomErase::EFFICIENTTRAIN.draw(side, &mut draws);
    let count = area.map_or(0, |area| 3 * area.width * area.height);
    let noise: Vec<u8> = (0..count).flat_map(|_| (draws.normal() as f32).to_le_bytes()).collect();
    fs::write(path, noise).unwrap();
}

fn line(n: usize, photo: &Path, recipe: &str, method: LowFrequency, bandwidth: u32, drawn: &Drawn) -> String {
    let rect = |rect: Option<Rect>| {
        rect.map_or("null".to_owned(), |r| format!("[{}, {}, {}, {}]", r.x, r.y, r.width, r.height))
    };
    let ops: Vec<String> = drawn.augmented.iter().flatten().map(operation).collect();
    format!(
        r#"{{"n": {n}, "photo": {:?}, "recipe": "{recipe}", "method": "{method}", "bandwidth": {bandwidth}, "crop": {}, "flip": {}, "ops": [{}], "erase": {}}}"#,
        photo.display().to_string(),
        rect(drawn.crop),
        drawn.flipped,
        ops.join(", "),
        rect(drawn.erased)
    )
}

/// Name and argument; translations in pixels.
fn operation(op: &AugmentOp) -> String {
    let argument = match *op {
        AugmentOp::AutoContrast | AugmentOp::Equalize | AugmentOp::Invert => "null".to_owned(),
        AugmentOp::Rotate { degrees } => format!("{degrees:?}"),
        AugmentOp::Posterize { bits } => bits.to_string(),
        AugmentOp::Solarize { threshold } => threshold.to_string(),
        AugmentOp::SolarizeAdd { add } => add.to_string(),
        AugmentOp::Color { factor }
        | AugmentOp::Contrast { factor }
        | AugmentOp::Brightness { factor }
        | AugmentOp::Sharpness { factor } => format!("{factor:?}"),
        AugmentOp::ShearX { shear } | AugmentOp::ShearY { shear } => format!("{shear:?}"),
        AugmentOp::TranslateX { pixels } | AugmentOp::TranslateY { pixels } => format!("{pixels:?}"),
    };
    format!(r#"["{}", {argument}]"#, op.name())
}

/// The images below a folder of class folders, in the order of their paths.
fn list(root: &Path) -> Vec<PathBuf> {
    let entries =
        |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut images: Vec<PathBuf> = entries(root).iter().flat_map(|class| entries(class)).collect();
    images.sort();
    images
}
