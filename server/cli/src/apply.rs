//! `bandwise apply`: operations on one image, in the order in which they are typed.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, anyhow, bail};
use bandwise_choice::{Choice as _, alternatives};
use bandwise_decode::{DecodeLimits, Decoder, Format};
use bandwise_kernels::{
    Augmenter, Filter, FourierCrop, Normalization, PixelTable, Rect, Resizer, RgbView, SimdLevel,
    flip_horizontal, rgb_to_planes_f32,
};
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};
use image::{ImageFormat, RgbImage};

use crate::{
    Failure,
    augment_arg::{self, AugmentArg},
    image_math::fourier,
    npy,
    spectrum::low_pass,
    usage,
};

/// One operation, with its argument.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Crop(Rect),
    Resize { filter: Filter, width: u32, height: u32 },
    Flip,
    Augment(AugmentArg),
    Lanczos(u32),
    Normalize,
    Fourier(u32),
    LowPass(f64),
}

/// Fill colour outside the image: 255 times ImageNet's mean, as in timm.
const FILL: [u8; 3] = [124, 116, 104];

/// Largest side that a resize makes, so that a slip of the finger does not take all memory.
const MAX_SIDE: u32 = 16_384;

/// The command line. The order of the operations counts, which derived arguments would lose.
#[derive(Debug)]
pub(crate) struct Args {
    input: PathBuf,
    output: PathBuf,
    operations: Vec<Operation>,
}

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        let operation = |name: &'static str, value: &'static str, help: String| {
            Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
        };
        let flag = |name: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .help(help)
                .num_args(0)
                .default_missing_value("")
                .action(ArgAction::Append)
        };
        command
            .arg(Arg::new("in").value_name("IN").required(true).value_parser(value_parser!(PathBuf)).help(readable()))
            .arg(Arg::new("out").value_name("OUT").required(true).value_parser(value_parser!(PathBuf)).help("File to write: .png, or .npy (uint8 HWC; float32 CHW after --normalize or --fourier)"))
            .arg(operation("crop", "x,y,w,h", "Cut out a rectangle, in pixels".to_owned()))
            .arg(operation("resize", "FILTER:WxH", format!("Resize as Pillow does; FILTER is {}", alternatives(&Filter::names()))))
            .arg(flag("flip", "Mirror left and right"))
            .arg(operation("op", "NAME[=ARG]", augment_arg::help()))
            .arg(operation("lanczos", "B", "Resize to B x B with Lanczos, as EfficientTrain++ reduces images".to_owned()))
            .arg(flag("normalize", "Divide by 255, subtract ImageNet's mean, divide by its standard deviation"))
            .arg(operation("fourier", "B", "Crop the spectrum of a square image to B x B".to_owned()))
            .arg(operation("low-pass", "R", "Keep the size, and only frequencies up to R cycles along the longer side".to_owned()))
            .after_help("Operations are applied in the order given; without any, the image is only decoded.\n\nExample:\n  bandwise apply cat.jpg cat96.png --crop 80,20,300,300 --resize bicubic:224x224 --lanczos 96")
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let path = |name: &str| matches.get_one::<PathBuf>(name).cloned().unwrap_or_default();
        let mut typed: Vec<(usize, Operation)> = Vec::new();
        for name in ["crop", "resize", "flip", "op", "lanczos", "normalize", "fourier", "low-pass"] {
            let indices = matches.indices_of(name).into_iter().flatten();
            let values = matches.get_many::<String>(name).into_iter().flatten();
            for (index, value) in indices.zip(values) {
                let operation = operation(name, value).map_err(|problem| {
                    clap::Error::raw(
                        clap::error::ErrorKind::ValueValidation,
                        format!("--{name} {value}: {problem}\n"),
                    )
                })?;
                typed.push((index, operation));
            }
        }
        typed.sort_by_key(|(index, _)| *index);
        let operations = typed.into_iter().map(|(_, operation)| operation).collect();
        Ok(Self { input: path("in"), output: path("out"), operations })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The help of the image to read, with the formats of this build.
fn readable() -> String {
    let formats: Vec<&str> = Format::all().map(Format::name).collect();
    format!("Image to read: {}", alternatives(&formats))
}

fn operation(name: &str, value: &str) -> Result<Operation, String> {
    Ok(match name {
        "crop" => {
            let numbers: Vec<u32> = value.split(',').map(number).collect::<Result<_, _>>()?;
            let [x, y, width, height] = numbers[..] else { return Err("expected x,y,w,h".to_owned()) };
            Operation::Crop(Rect { x, y, width, height })
        }
        "resize" => {
            let (filter, size) = value.split_once(':').ok_or("expected FILTER:WxH")?;
            let (width, height) = size.split_once('x').ok_or("expected FILTER:WxH")?;
            let filter = filter.parse::<Filter>().map_err(|error| error.to_string())?;
            Operation::Resize { filter, width: side(width)?, height: side(height)? }
        }
        "flip" => Operation::Flip,
        "op" => Operation::Augment(AugmentArg::parse(value)?),
        "lanczos" => Operation::Lanczos(side(value)?),
        "normalize" => Operation::Normalize,
        "fourier" => Operation::Fourier(side(value)?),
        _ => match value.parse::<f64>() {
            Ok(radius) if radius.is_finite() && radius >= 0.0 => Operation::LowPass(radius),
            _ => return Err("expected a number from 0".to_owned()),
        },
    })
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("'{text}' is not a whole number from 0"))
}

fn side(text: &str) -> Result<u32, String> {
    match number(text)? {
        side @ 1..=MAX_SIDE => Ok(side),
        _ => Err(format!("a side must be from 1 to {MAX_SIDE}")),
    }
}

/// The image between two operations.
enum Picture {
    /// Packed 8-bit RGB.
    Pixels { pixels: Vec<u8>, width: usize, height: usize },
    /// Three planes of floats.
    Planes { planes: Vec<f32>, width: usize, height: usize, normalized: bool },
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let kind = Kind::of(&args.output).map_err(Failure::Usage)?;
    let encoded = fs::read(&args.input).with_context(|| format!("cannot read {}", args.input.display()))?;
    let mut picture = decode(&encoded).with_context(|| args.input.display().to_string())?;
    let mut resizer = Resizer::new(SimdLevel::detect());
    for operation in &args.operations {
        picture = picture.apply(*operation, &mut resizer).map_err(Failure::Usage)?;
    }
    picture.write(&args.output, kind)
}

fn decode(encoded: &[u8]) -> anyhow::Result<Picture> {
    let mut decoder = Decoder::new(SimdLevel::detect())?;
    let header = decoder.header(encoded, &DecodeLimits::default())?;
    let view = decoder.decode(encoded, &header, Rect::whole(header.width, header.height))?;
    Ok(Picture::of(view))
}

impl Picture {
    fn of(view: RgbView<'_>) -> Self {
        let pixels = (0..view.height()).flat_map(|y| view.row(y)).copied().collect();
        Self::Pixels { pixels, width: view.width(), height: view.height() }
    }

    fn apply(self, operation: Operation, resizer: &mut Resizer) -> anyhow::Result<Self> {
        let (pixels, width, height) = match (self, operation) {
            (planes @ Self::Planes { .. }, Operation::Fourier(b)) => return planes.fourier(b),
            (Self::Planes { .. }, other) => {
                bail!("{other:?} needs 8-bit pixels; put it before --normalize and --fourier")
            }
            (Self::Pixels { pixels, width, height }, _) => (pixels, width, height),
        };
        let view = RgbView::packed(&pixels, width, height);
        let mut resized = |filter, width: u32, height: u32| {
            let (width, height) = (width as usize, height as usize);
            let mut out = vec![0; 3 * width * height];
            resizer.resize(view, filter, &mut out, width, height);
            Self::Pixels { pixels: out, width, height }
        };
        Ok(match operation {
            Operation::Crop(rect) => {
                if !rect.fits(width as u32, height as u32) {
                    let Rect { x, y, width: w, height: h } = rect;
                    bail!("--crop {x},{y},{w},{h} is outside the image of {width} x {height} pixels");
                }
                Self::of(view.crop(rect))
            }
            Operation::Resize { filter, width, height } => resized(filter, width, height),
            Operation::Lanczos(b) => {
                if b as usize > width.min(height) {
                    bail!("--lanczos {b} is larger than the image of {width} x {height} pixels");
                }
                resized(Filter::Lanczos, b, b)
            }
            Operation::Flip => {
                let mut pixels = pixels;
                flip_horizontal(SimdLevel::detect(), &mut pixels, width);
                Self::Pixels { pixels, width, height }
            }
            Operation::Augment(arg) => {
                let mut pixels = pixels;
                let op = arg.resolve(width, height);
                Augmenter::new(SimdLevel::detect()).apply(op, &mut pixels, width, height, FILL);
                Self::Pixels { pixels, width, height }
            }
            Operation::LowPass(radius) => Self::Pixels { pixels: low_pass(view, radius), width, height },
            Operation::Normalize => Self::planes(view, Some(&PixelTable::new(&Normalization::IMAGENET))),
            Operation::Fourier(b) => Self::planes(view, None).fourier(b)?,
        })
    }

    fn planes(view: RgbView<'_>, table: Option<&PixelTable>) -> Self {
        let (width, height) = (view.width(), view.height());
        let mut planes = vec![0.0; 3 * width * height];
        rgb_to_planes_f32(SimdLevel::detect(), table, view, &mut planes);
        Self::Planes { planes, width, height, normalized: table.is_some() }
    }

    fn fourier(self, b: u32) -> anyhow::Result<Self> {
        let Self::Planes { planes, width, height, normalized } = self else {
            bail!("--fourier needs float planes");
        };
        if width != height {
            bail!(
                "--fourier needs a square image, this one is {width} x {height}; use --crop or --resize first"
            );
        }
        if b as usize > width {
            bail!("--fourier {b} is larger than the image of {width} x {height} pixels");
        }
        let crop = FourierCrop::new(width, b as usize)?;
        let (planes, side) = (fourier::planes(&crop, &planes), crop.output_side());
        Ok(Self::Planes { planes, width: side, height: side, normalized })
    }

    fn write(self, path: &Path, kind: Kind) -> Result<(), Failure> {
        let written = |result: anyhow::Result<()>| {
            result.with_context(|| format!("cannot write {}", path.display())).map_err(Failure::Failed)
        };
        match (self, kind) {
            (Self::Pixels { pixels, width, height }, Kind::Npy) => {
                written(npy::write_u8(path, &pixels, [height, width, 3]))
            }
            (Self::Planes { planes, width, height, .. }, Kind::Npy) => {
                written(npy::write_f32(path, &planes, [3, height, width]))
            }
            (Self::Pixels { pixels, width, height }, Kind::Png) => {
                written(write_png(path, pixels, width, height))
            }
            (Self::Planes { normalized: true, .. }, Kind::Png) => {
                Err(usage(anyhow!("a normalised image has negative values; write it as .npy")))
            }
            (Self::Planes { planes, width, height, .. }, Kind::Png) => {
                let pixel = |i: usize| {
                    [0, 1, 2]
                        .map(|c| planes[c * width * height + i].round_ties_even().clamp(0.0, 255.0) as u8)
                };
                written(write_png(path, (0..width * height).flat_map(pixel).collect(), width, height))
            }
        }
    }
}

fn write_png(path: &Path, pixels: Vec<u8>, width: usize, height: usize) -> anyhow::Result<()> {
    let image = RgbImage::from_raw(width as u32, height as u32, pixels)
        .context("the pixels do not fill the image")?;
    Ok(image.save_with_format(path, ImageFormat::Png)?)
}

/// The kind of the output file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Png,
    Npy,
}

impl Kind {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            bail!("cannot write {}: there is no folder {}", path.display(), folder.display());
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("png") => Ok(Self::Png),
            Some("npy") => Ok(Self::Npy),
            _ => bail!("cannot write {}: the name must end in .png or .npy", path.display()),
        }
    }
}
