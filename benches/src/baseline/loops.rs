//! Bare loops: decoding and resizing of files in memory, without queues, batches or a wire.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use bandwise_decode::{DecodeLimits, Decoder};
use bandwise_kernels::{Dtype, Filter, Layout, Rect, Resizer, SimdLevel};
use bandwise_recipe::{CropRange, DrawOp, ImageKey, LowFrequency, OutputFormat, Program, Recipe, Workbench};
use turbojpeg::{Decompressor, Image, PixelFormat};

use super::{
    meter::{Meter, Rate},
    subject::BareLoop,
};

/// Side of the images that our loops make, in pixels.
const SIDE: usize = 224;

/// Files on which the loops are checked before they are timed.
const CHECKED_FILES: usize = 16;

/// The work of a thread on the file number `turn` of its loop.
type Work<'a> = Box<dyn FnMut(u64, &[u8]) -> Result<()> + 'a>;

/// Rate of a loop on `threads` threads over all `files`, again and again for `time`.
pub(super) fn measure(which: BareLoop, how: (usize, Duration), files: &[Vec<u8>]) -> Result<Rate> {
    let level = SimdLevel::detect();
    match which {
        BareLoop::WholeFrames => rate(how, files, whole_frames),
        BareLoop::CropAndResize => rate(how, files, || crop_and_resize(level)),
        BareLoop::Sample => {
            let program = plain_program()?;
            rate(how, files, || sample(level, &program))
        }
    }
}

/// Rate of `work` on `threads` threads over all `files`, again and again for `time`.
///
/// The threads take the next file from one counter, as workers take rows, and each gets its own `work`.
fn rate<'a>(
    (threads, time): (usize, Duration),
    files: &[Vec<u8>],
    work: impl Fn() -> Result<Work<'a>> + Sync,
) -> Result<Rate> {
    let (next, start) = (AtomicUsize::new(0), Barrier::new(threads + 1));
    let one_thread = || -> Result<u64> {
        let made = work();
        start.wait();
        let (mut work, begun, mut images) = (made?, Instant::now(), 0);
        while begun.elapsed() < time {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            work(turn as u64, &files[turn % files.len()])?;
            images += 1;
        }
        Ok(images)
    };
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(one_thread)).collect();
        start.wait();
        let meter = Meter::start(None)?;
        let images =
            handles.into_iter().map(|handle| handle.join().map_err(|_| anyhow!("a thread panicked"))?);
        let images = images.sum::<Result<u64>>()?;
        meter.stop(images)
    })
}

/// libjpeg-turbo alone: the whole frame to RGB, into memory that is used again.
fn whole_frames<'a>() -> Result<Work<'a>> {
    let mut decompressor = Decompressor::new()?;
    let mut pixels = Vec::new();
    Ok(Box::new(move |_, file| {
        turbo(&mut decompressor, file, &mut pixels)?;
        Ok(())
    }))
}

fn turbo(decompressor: &mut Decompressor, file: &[u8], pixels: &mut Vec<u8>) -> Result<(usize, usize)> {
    let header = decompressor.read_header(file)?;
    let (width, height) = (header.width, header.height);
    let needed = 3 * width * height;
    if pixels.len() < needed {
        pixels.resize(needed, 0);
    }
    let pixels = &mut pixels[..needed];
    decompressor
        .decompress(file, Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB })?;
    Ok((width, height))
}

/// Our decoder and our resize: a random crop, bicubic to 224 x 224.
fn crop_and_resize<'a>(level: SimdLevel) -> Result<Work<'a>> {
    let (mut decoder, mut resizer) = (Decoder::new(SimdLevel::detect())?, Resizer::new(level));
    let mut out = vec![0; 3 * SIDE * SIDE];
    Ok(Box::new(move |turn, file| {
        let header = decoder.header(file, &DecodeLimits::default())?;
        let mut draws = key(0, turn).draws(DrawOp::Crop);
        let region = CropRange::IMAGENET.sample(header.width, header.height, &mut draws);
        let pixels = decoder.decode(file, &header, region)?;
        resizer.resize(pixels, Filter::Bicubic, &mut out, SIDE, SIDE);
        Ok(())
    }))
}

/// All of a worker's work on a sample: the recipe `plain`, u8.
fn sample(level: SimdLevel, program: &Program) -> Result<Work<'_>> {
    let mut bench = Workbench::new(level)?;
    let mut out = vec![0; program.image_bytes()];
    Ok(Box::new(move |turn, file| {
        bench.make(program, file, &DecodeLimits::default(), key(0, turn), &mut out)?;
        Ok(())
    }))
}

fn key(epoch: u64, sample: u64) -> ImageKey {
    ImageKey { seed: 0, epoch, sample, view: 0 }
}

/// The recipe `plain` at 224 pixels, u8.
fn plain_program() -> Result<Program> {
    let recipe = Recipe::named("plain", None::<LowFrequency>)?;
    let format = OutputFormat { dtype: Dtype::U8, layout: Layout::Nchw };
    Ok(Program::new(&recipe, SIDE as u32, SIDE as u32, 0.0, format)?)
}

/// Compares our decode of the first files with libjpeg-turbo's.
///
/// # Errors
///
/// If a pixel differs, or a file cannot be decoded.
pub(super) fn check_decoding(files: &[Vec<u8>]) -> Result<()> {
    let (mut ours, mut theirs) = (Decoder::new(SimdLevel::detect())?, Decompressor::new()?);
    let mut pixels = Vec::new();
    for (index, file) in files.iter().take(CHECKED_FILES).enumerate() {
        let (width, height) = turbo(&mut theirs, file, &mut pixels)?;
        let header = ours.header(file, &DecodeLimits::default())?;
        let view = ours.decode(file, &header, Rect::whole(header.width, header.height))?;
        ensure!((view.width(), view.height()) == (width, height), "two different sizes of file {index}");
        let rows = pixels.chunks_exact(3 * width);
        let is_equal = (0..height).zip(rows).all(|(y, row)| view.row(y) == row);
        ensure!(is_equal, "our pixels of file {index} are not libjpeg-turbo's");
    }
    Ok(())
}

/// Compares rows of a pulled `plain` batch with what the recipe gives for the same files.
///
/// # Errors
///
/// If a byte differs.
pub(super) fn check_rows(
    files: &[Vec<u8>],
    epoch: u64,
    rows: impl Iterator<Item = (u64, Vec<u8>)>,
) -> Result<()> {
    let program = plain_program()?;
    let mut bench = Workbench::new(SimdLevel::detect())?;
    let mut expected = vec![0; program.image_bytes()];
    for (sample, image) in rows {
        let file = files.get(sample as usize).context("the daemon has more samples than the corpus")?;
        bench.make(&program, file, &DecodeLimits::default(), key(epoch, sample), &mut expected)?;
        ensure!(image == expected, "the daemon's image of sample {sample} is not what the recipe gives");
    }
    Ok(())
}
