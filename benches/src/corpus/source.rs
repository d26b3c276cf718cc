//! The photographs that a corpus is cut out of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use bandwise_decode::{DecodeLimits, Decoder, Header};
use bandwise_kernels::{Rect, RgbView, SimdLevel};

use super::sorted_entries;

/// Photographs with a shorter side are passed over, in pixels.
const MIN_SIDE: u32 = 64;

/// Folders are followed this deep: a loop of links must end.
const MAX_DEPTH: u32 = 8;

const EXTENSIONS: [&str; 7] = ["jpg", "jpeg", "png", "webp", "tif", "tiff", "ppm"];

/// The files found below a folder.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Photographs, in the order of their paths.
    pub(super) usable: Vec<PathBuf>,
    /// Files that cannot be used, each with the reason.
    pub(super) passed_over: Vec<String>,
}

/// Looks for photographs in `folder` and the folders below it.
pub(super) fn find(folder: &Path) -> Result<Sources> {
    let mut sources = Sources::default();
    let mut decoder = Decoder::new(SimdLevel::detect())?;
    for path in images_below(folder, 0)? {
        match header(&mut decoder, &read(&path)?) {
            Ok(_) => sources.usable.push(path),
            Err(error) => sources.passed_over.push(format!("{}: {error:#}", path.display())),
        }
    }
    if sources.usable.is_empty() {
        bail!(
            "no photographs below {}; get some with benches/photos.sh, or name a folder with --from",
            folder.display()
        );
    }
    Ok(sources)
}

fn images_below(folder: &Path, depth: u32) -> Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    for path in sorted_entries(folder)? {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() && depth < MAX_DEPTH {
            images.extend(images_below(&path, depth + 1)?);
        } else if path.is_file() && EXTENSIONS.iter().any(|known| extension == *known) {
            images.push(path);
        }
    }
    Ok(images)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn header(decoder: &mut Decoder, bytes: &[u8]) -> Result<Header> {
    let header = decoder.header(bytes, &DecodeLimits::default())?;
    if header.width.min(header.height) < MIN_SIDE {
        bail!("{} x {} pixels are too few", header.width, header.height);
    }
    Ok(header)
}

/// Decodes the photograph at `path` and hands its pixels to `work`.
pub(super) fn with_pixels<T>(path: &Path, work: impl FnOnce(RgbView<'_>) -> Result<T>) -> Result<T> {
    let bytes = read(path)?;
    let mut decoder = Decoder::new(SimdLevel::detect())?;
    let header = header(&mut decoder, &bytes)?;
    let whole = Rect::whole(header.width, header.height);
    let pixels = decoder
        .decode(&bytes, &header, whole)
        .with_context(|| format!("{} cannot be decoded; take it out of the folder", path.display()))?;
    work(pixels)
}
