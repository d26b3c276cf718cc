//! Pillow's resize of 8-bit RGB pictures, bit for bit (Pillow 9.5 to 12.3; `pipeline.md` c.3 and c.4).
//!
//! It is our own because `fast_image_resize` is not bit-exact to Pillow. The plain idea: make every row narrower (or
//! wider) with the horizontal weights, round to 8 bits, then do the same down the columns. The real code differs in
//! three ways:
//!
//! 1. The passes are interleaved: a row of output is made as soon as its input rows are there, from a small window of
//!    intermediate rows that stays in the nearest cache.
//! 2. Pillow's 23-bit weights are split into 16-bit parts (AVX2) or 8-bit parts (AVX-512 VNNI), because CPUs multiply
//!    and add several of those at a time; the sums of the parts join to the exact 32-bit sum (`axis`).
//! 3. Four rows go through the horizontal pass together and share the loads of weights. With AVX-512 they stay together:
//!    the vertical pass reads them interleaved, as its products of four bytes want them.
//!
//! It does not cut a source box out of the picture: crop the view first, as the reference does. There is no gamma, no
//! alpha and no other pixel format. [`Resizer::resize_chain`] is the exception from Pillow's bits: it makes several
//! resizes in one.

mod axis;
mod bicubic;
mod detour;
mod filter;
mod pass;
mod rows;
mod scalar;
mod spans;
mod split;
mod tables;
mod tall;
mod taps;
mod weights;
mod wide;
mod window;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use crate::{Rect, RgbView, SimdLevel};
use std::sync::Arc;

use axis::{Axis, AxisKey};
use detour::Detour;
pub use filter::Filter;
use pass::Horizontal;
use rows::{ROWS, SpareRows};
use tables::{Pass, Tables};
pub use weights::ResizeWeights;
use window::Window;

/// Resizes pictures. Owns the memory for it, so one is kept per thread and reused.
///
/// The weights of the sizes that were used last are kept, and threads may share them; calls allocate for the weights of new
/// sizes and while sizes grow. The rest of the memory is a few rows of the output width.
#[derive(Debug)]
pub struct Resizer {
    level: SimdLevel,
    weights: ResizeWeights,
    axis: Axis,
    spare: SpareRows,
    between: Vec<u8>,
    turned: Vec<u8>,
}

/// A part of a picture that was decoded at a fraction of its size.
#[derive(Clone, Copy, Debug)]
pub struct ReducedPart<'a> {
    /// The reduced pixels that cover the part.
    pub pixels: RgbView<'a>,
    /// Original pixels of a reduced one, along each axis; 1 for a picture in full.
    pub shrink: u32,
    /// The part, in original pixels from the upper left corner of `pixels` on; it begins in the first one.
    pub part: Rect,
}

impl<'a> ReducedPart<'a> {
    /// All of a picture that is not reduced.
    pub fn in_full(pixels: RgbView<'a>) -> Self {
        Self { pixels, shrink: 1, part: Rect::whole(pixels.width() as u32, pixels.height() as u32) }
    }
}

/// Two resizes to squares, made as one: with `first` to `between` x `between`, with `last` to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResizeChain {
    /// The filter of the first resize.
    pub first: Filter,
    /// Side of the square in between; the output's own for a single resize.
    pub between: u32,
    /// The filter of the second resize.
    pub last: Filter,
    /// The sample that the second resize keeps in its position, along x and along y.
    pub anchors: [Anchor; 2],
}

/// The sample of an axis that a resize keeps in its position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// None: the ends of the picture stay its ends, as in every image resize.
    #[default]
    Ends,
    /// The first sample, as in a crop of the spectrum; the last one moves in.
    First,
    /// The last sample: [`Anchor::First`] for a picture that is mirrored afterwards.
    Last,
}

/// The output of a resize: packed RGB rows of `width` pixels.
struct Target<'a> {
    pixels: &'a mut [u8],
    width: usize,
    height: usize,
}

impl Resizer {
    /// A resizer that uses the instructions of `level`; they change the speed, never the bytes. It keeps weights of its
    /// own.
    pub fn new(level: SimdLevel) -> Self {
        Self::sharing(level, ResizeWeights::default())
    }

    /// As [`Resizer::new`], with weights that other resizers have as well.
    pub fn sharing(level: SimdLevel, weights: ResizeWeights) -> Self {
        Self {
            level,
            weights,
            axis: Axis::default(),
            spare: SpareRows::default(),
            between: Vec::new(),
            turned: Vec::new(),
        }
    }

    /// Resizes `src` to `out_width` x `out_height` packed RGB pixels in `out`.
    ///
    /// Equal to `Image.resize` of Pillow 12.3 on the same pixels: an axis that keeps its length is left
    /// alone, and the same size is a copy. Any size from 1 pixel on works.
    ///
    /// # Panics
    ///
    /// If an output side is 0 or `out` is not exactly `3 * out_width * out_height` bytes.
    pub fn resize(
        &mut self,
        src: RgbView<'_>,
        filter: Filter,
        out: &mut [u8],
        out_width: usize,
        out_height: usize,
    ) {
        let whole = Rect::whole(out_width as u32, out_height as u32);
        self.resize_part(src, filter, out_width, out_height, whole, out);
    }

    /// The part `part` of what [`Resizer::resize`] to `out_width` x `out_height` gives, as packed RGB pixels in
    /// `out`. Costs what the part needs, however large the whole would be: an evaluation crop of a 1 x 5000 image would
    /// otherwise resize it to 256 x 1 280 000 first.
    ///
    /// # Panics
    ///
    /// If `part` does not fit into the output size or `out` is not exactly `3 * part.width * part.height` bytes.
    pub fn resize_part(
        &mut self,
        src: RgbView<'_>,
        filter: Filter,
        out_width: usize,
        out_height: usize,
        part: Rect,
        out: &mut [u8],
    ) {
        assert!(part.fits(out_width as u32, out_height as u32), "{part:?} of {out_width} x {out_height}");
        let Rect { x, y, width, height } = part;
        let target = &mut Target { pixels: out, width: width as usize, height: height as usize };
        assert_eq!(
            target.pixels.len(),
            3 * target.width * target.height,
            "output of {width} x {height} RGB pixels"
        );
        let across = AxisKey {
            filter,
            input: src.width(),
            output: out_width,
            first: x as usize,
            wanted: target.width,
            detour: None,
        };
        let down = AxisKey {
            filter,
            input: src.height(),
            output: out_height,
            first: y as usize,
            wanted: target.height,
            detour: None,
        };
        let vertical_first = is_vertical_first(src, out_height);
        match (out_width != src.width(), out_height != src.height()) {
            (false, false) => copy(src.crop(part), target),
            (true, false) => self.horizontal(rows_of(src, part), across, target),
            (false, true) => self.vertical(columns_of(src, part), down, target),
            (true, true) if vertical_first => self.vertical_first(src, across, down, target),
            (true, true) => self.both(src, across, down, target),
        }
    }

    /// Resizes a part of a reduced picture to `side` x `side` packed RGB pixels in `out`, in one go: what cutting
    /// the part out of the full picture and the two resizes of `chain` give, except for roundings in between and
    /// what the reduction lost.
    ///
    /// Costs one resize, and 10 to 30 microseconds for the weights of a new size.
    ///
    /// # Panics
    ///
    /// If the pixels do not cover the part, a side is 0, or `out` is not exactly `3 * side * side` bytes.
    pub fn resize_chain(&mut self, src: ReducedPart<'_>, chain: ResizeChain, out: &mut [u8], side: usize) {
        let ReducedPart { pixels, shrink, part } = src;
        assert!(
            part.fits(pixels.width() as u32 * shrink, pixels.height() as u32 * shrink)
                && part.x < shrink
                && part.y < shrink,
            "{part:?} of {} x {} pixels reduced by {shrink}",
            pixels.width(),
            pixels.height()
        );
        assert_eq!(out.len(), 3 * side * side, "output of {side} x {side} RGB pixels");
        let key = |input: usize, lead: u32, length: u32, anchor: Anchor| AxisKey {
            filter: chain.first,
            input,
            output: side,
            first: 0,
            wanted: side,
            detour: Some(Detour {
                shrink: shrink as usize,
                lead: lead as usize,
                length: length as usize,
                between: chain.between as usize,
                last: chain.last,
                anchor,
            }),
        };
        let [x, y] = chain.anchors;
        let across = key(pixels.width(), part.x, part.width, x);
        let down = key(pixels.height(), part.y, part.height, y);
        self.both(pixels, across, down, &mut Target { pixels: out, width: side, height: side });
    }

    fn tables(&mut self, axis: AxisKey, pass: Pass) -> Arc<Tables> {
        self.weights.tables(self.level, axis, pass, &mut self.axis)
    }

    fn horizontal(&mut self, src: RgbView<'_>, across: AxisKey, out: &mut Target<'_>) {
        let across = self.tables(across, Pass::Horizontal);
        let pass = Horizontal(&across);
        let (stride, row_bytes) = (pass.stride(), pass.row_bytes());
        self.between.resize(self.between.len().max(ROWS * stride), 0);
        for (block, out_rows) in out.pixels.chunks_mut(ROWS * 3 * out.width).enumerate() {
            pass.run(self.spare.rows(&src, block * ROWS, row_bytes), &mut self.between);
            for (number, out) in out_rows.chunks_exact_mut(3 * out.width).enumerate() {
                pass.copy_row(&self.between, number, out);
            }
        }
    }

    fn vertical(&mut self, src: RgbView<'_>, down: AxisKey, out: &mut Target<'_>) {
        let down = self.tables(down, pass::vertical_pass(3 * out.width));
        for (y, row) in out.pixels.chunks_exact_mut(3 * out.width).enumerate() {
            pass::vertical(&down, y, src.tail(down.spans.start(y)), src.stride(), row);
        }
    }

    /// With an intermediate picture; only very tall and narrow ones come here, so it is small.
    fn vertical_first(&mut self, src: RgbView<'_>, across: AxisKey, down: AxisKey, out: &mut Target<'_>) {
        let mut turned = std::mem::take(&mut self.turned);
        let bytes = 3 * src.width() * out.height;
        turned.resize(turned.len().max(bytes), 0);
        let mut between = Target { pixels: &mut turned[..bytes], width: src.width(), height: out.height };
        self.vertical(src, down, &mut between);
        self.horizontal(RgbView::packed(&turned, src.width(), out.height), across, out);
        self.turned = turned;
    }

    fn both(&mut self, src: RgbView<'_>, across: AxisKey, down: AxisKey, out: &mut Target<'_>) {
        let across = self.tables(across, Pass::Horizontal);
        let pass = Horizontal(&across);
        let interleaved = pass.interleaves();
        let after = if interleaved { Pass::VerticalInterleaved } else { pass::vertical_pass(3 * out.width) };
        let down = self.tables(down, after);
        let (stride, row_bytes) = (pass.stride(), pass.row_bytes());
        // Interleaved rows are counted in whole groups.
        let first_of = |row: usize| if interleaved { row - row % ROWS } else { row };
        let mut window =
            Window::new(&mut self.between, stride, down.spans.taps(), first_of(down.spans.start(0)));
        for (y, row) in out.pixels.chunks_exact_mut(3 * out.width).enumerate() {
            let start = first_of(down.spans.start(y));
            while window.end() < down.spans.start(y) + down.spans.count(y) {
                let first = window.end();
                pass.run(self.spare.rows(&src, first, row_bytes), window.room(start));
                window.advance(ROWS.min(src.height() - first));
            }
            pass::vertical(&down, y, window.from(start), stride, row);
        }
    }
}

/// The exception of Pillow 12.2 and 12.3 from horizontal first.
fn is_vertical_first(src: RgbView<'_>, out_height: usize) -> bool {
    src.height() > 100 * src.width() && out_height < src.height()
}

/// The rows of `src` that `part` names, whole.
fn rows_of(src: RgbView<'_>, part: Rect) -> RgbView<'_> {
    src.crop(Rect { x: 0, width: src.width() as u32, ..part })
}

/// The columns of `src` that `part` names, whole.
fn columns_of(src: RgbView<'_>, part: Rect) -> RgbView<'_> {
    src.crop(Rect { y: 0, height: src.height() as u32, ..part })
}

fn copy(src: RgbView<'_>, out: &mut Target<'_>) {
    for (y, row) in out.pixels.chunks_exact_mut(3 * out.width).enumerate() {
        row.copy_from_slice(src.row(y));
    }
}
