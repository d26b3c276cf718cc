//! The tables of the AVX-512 horizontal pass: 16 consecutive output bytes at once, whatever pixel and
//! channel they belong to.
//!
//! For one group of four taps, everything that 16 neighbouring output bytes read lies in one window of 64
//! input bytes, as long as the image is not shrunk more than about threefold, and in one of 128 up to about sixfold. One
//! byte permutation brings the four taps of each output byte together:
//!
//! ```text
//! window   R0 G0 B0 R1 G1 B1 R2 G2 B2 R3 G3 B3 R4 ...              (from the block's base pixel on)
//! lane 0   R0 R1 R2 R3        red of an output pixel that starts at input pixel 0
//! lane 1   G0 G1 G2 G3        green of the same pixel
//! lane 3   R2 R3 R4 R5        red of the next one, which starts at input pixel 2
//! ```
//!
//! The next group of taps uses the same permutation on the window four pixels further on.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 kernels read split weights"))]

use super::axis::Axis;
use super::spans::GROUP;
use super::split::{self, Quad};

/// Output bytes of a block: the 32-bit lanes of a register.
pub(super) const LANES: usize = 16;

/// Bytes of a register: a window is one of them or two.
const REGISTER: usize = 64;

/// The weights of 16 lanes for one group of taps and one of the three weight bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct LaneWeights(pub(super) [i32; LANES]);

/// The positions of the bytes of 16 lanes in the window.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct LaneBytes(pub(super) [u8; REGISTER]);

/// Tables by block of 16 output bytes.
#[derive(Debug)]
pub(super) struct Wide {
    groups: usize,
    window: usize,
    row_bytes: usize,
    bases: Vec<u32>,
    bytes: Vec<LaneBytes>,
    weights: Vec<LaneWeights>,
}

impl Wide {
    /// The tables of an axis, unless the lanes of a block read more than two registers hold.
    pub(super) fn of(axis: &Axis) -> Option<Self> {
        let reach = reach(axis);
        (reach <= 2 * REGISTER).then(|| Self::reaching(reach, axis))
    }

    fn reaching(reach: usize, axis: &Axis) -> Self {
        let (groups, blocks) = (axis.spans.groups(), blocks(axis));
        let mut wide = Self {
            groups,
            window: reach.next_multiple_of(REGISTER),
            row_bytes: 0,
            bases: Vec::with_capacity(blocks),
            bytes: Vec::with_capacity(blocks),
            weights: Vec::with_capacity(3 * groups * blocks),
        };
        let quads = split::quads(axis);
        for block in 0..blocks {
            wide.push_block(axis, &quads, block);
        }
        let furthest = wide.bases.last().map_or(0, |&base| base as usize);
        wide.row_bytes = furthest + 3 * GROUP * (groups - 1) + wide.window;
        wide
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of_val(self.bases.as_slice())
            + size_of_val(self.bytes.as_slice())
            + size_of_val(self.weights.as_slice())
    }

    fn push_block(&mut self, axis: &Axis, quads: &[Quad], block: usize) {
        let (first, last) = block_pixels(axis, block);
        let base = axis.spans.start(first);
        let mut pixels = [0; LANES];
        let mut bytes = LaneBytes([0; REGISTER]);
        for (lane, taps) in bytes.0.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let byte = block * LANES + lane;
            pixels[lane] = (byte / 3).min(last);
            let offset = 3 * (axis.spans.start(pixels[lane]) - base) + byte % 3;
            // Four taps are three bytes apart; nothing carries over, as all stay below 128.
            *taps = (offset as u32 * 0x0101_0101 + 0x0906_0300).to_le_bytes();
        }
        self.bases.push(3 * base as u32);
        self.bytes.push(bytes);
        for group in 0..self.groups {
            self.push_weights(quads, &pixels, group);
        }
    }

    fn push_weights(&mut self, quads: &[Quad], pixels: &[usize; LANES], group: usize) {
        let mut parts = [LaneWeights([0; LANES]); 3];
        for (lane, pixel) in pixels.iter().enumerate() {
            let Quad(quad) = quads[pixel * self.groups + group];
            for (part, weights) in parts.iter_mut().zip(quad) {
                part.0[lane] = weights;
            }
        }
        self.weights.extend_from_slice(&parts);
    }

    /// Groups of taps per block.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// Whether windows are two registers.
    pub(super) fn is_double(&self) -> bool {
        self.window > REGISTER
    }

    /// Bytes that an input row must have, so that every window can be loaded.
    pub(super) fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// First byte of each block's first window; none needs more than [`Wide::row_bytes`] allows.
    pub(super) fn bases(&self) -> &[u32] {
        &self.bases
    }

    /// Each block's permutation.
    pub(super) fn bytes(&self) -> &[LaneBytes] {
        &self.bytes
    }

    /// Each block's weights: `groups` times three parts.
    pub(super) fn weights(&self) -> &[LaneWeights] {
        &self.weights
    }
}

/// Bytes that the lanes of a block read for one group of taps, at most.
fn reach(axis: &Axis) -> usize {
    let reach = |block| {
        let (first, last) = block_pixels(axis, block);
        3 * (axis.spans.start(last) - axis.spans.start(first)) + 3 * GROUP
    };
    (0..blocks(axis)).map(reach).max().unwrap_or(0)
}

fn blocks(axis: &Axis) -> usize {
    (3 * axis.spans.outputs()).div_ceil(LANES)
}

/// First and last output pixel that a block touches.
fn block_pixels(axis: &Axis, block: usize) -> (usize, usize) {
    (block * LANES / 3, ((block * LANES + LANES - 1) / 3).min(axis.spans.outputs() - 1))
}
