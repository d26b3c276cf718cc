//! The markers of a code stream: Pillow's look at the size, and a walk over all that decides what the library allocates.
//!
//! The walk goes where the library goes, from tile part to tile part, and ends where it comes to what the library refuses.

use super::cost::{self, Style};
use super::error::{TRUNCATED, corrupt, unsupported};
use super::mode::Mode;
use super::samples::Component;
use crate::error::DecodeError;

/// The first two markers: start of the stream, and size.
pub(super) const STREAM_SIGNATURE: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];

const COD: u8 = 0x52;
const COC: u8 = 0x53;
const COMMENT: u8 = 0x64;
const TILE_PART: u8 = 0x90;
const DATA: u8 = 0x93;
const END: u8 = 0xD9;
/// Markers that the library knows in the main header, beside those above.
const OTHERS: [u8; 14] = [0x50, 0x55, 0x57, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x63, 0x74, 0x75, 0x77, 0x78];
/// Markers that it knows elsewhere.
const MISPLACED: [u8; 8] = [0x4F, 0x51, 0x58, 0x61, 0x91, 0x92, DATA, END];

/// Coding styles that differ. Files have one, or one for each component.
const MOST_STYLES: usize = 64;
/// Code blocks of high throughput (part 15).
const HIGH_THROUGHPUT: u8 = 0x40;

/// Pillow's size and mode of a bare code stream.
pub(super) fn outline(bytes: &[u8]) -> Result<((u32, u32), Mode), DecodeError> {
    let len = usize::from(short(bytes, 4).ok_or(TRUNCATED)?);
    if len < 38 {
        return Err(corrupt("a size marker of too few bytes"));
    }
    let segment = &bytes[4..bytes.len().min(4 + len)];
    let field = |at| long(segment, at).ok_or(TRUNCATED);
    let side = |end: u32, start| end.checked_sub(start).ok_or_else(|| corrupt("a size below zero"));
    let size = (side(field(4)?, field(12)?)?, side(field(8)?, field(16)?)?);
    let mode = match short(segment, 36).ok_or(TRUNCATED)? {
        1 if segment.get(38).ok_or(TRUNCATED)? & 0x7F > 7 => Mode::I16,
        1 => Mode::L,
        2 => Mode::La,
        3 => Mode::Rgb,
        4 => Mode::Rgba,
        count => return Err(corrupt(&format!("{count} components"))),
    };
    Ok((size, mode))
}

/// Pillow's walk from the size marker's length at `at` to the first comment, which refuses what it stumbles over.
pub(super) fn look_for_comment(bytes: &[u8], mut at: usize) -> Result<(), DecodeError> {
    loop {
        at += usize::from(short(bytes, at).ok_or(TRUNCATED)?);
        match *bytes.get(at..).unwrap_or_default() {
            [] | [_, TILE_PART | END, ..] => return Ok(()),
            [_] | [_, _] | [_, _, _] => return Err(TRUNCATED),
            [_, kind, high, low, ..] => {
                if u16::from_be_bytes([high, low]) < 2 {
                    return Err(corrupt("a marker of too few bytes"));
                }
                if kind == COMMENT {
                    return Ok(());
                }
            }
        }
        at += 2;
    }
}

/// The size marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Size {
    start: (u32, u32),
    end: (u32, u32),
    tile: (u32, u32),
    tile_start: (u32, u32),
    components: Vec<Component>,
}

impl Size {
    /// From a segment with its length in front.
    fn read(segment: &[u8]) -> Result<Self, DecodeError> {
        let field = |at| long(segment, at).ok_or(TRUNCATED);
        let pair = |at| Ok((field(at)?, field(at + 4)?));
        let (end, start, tile, tile_start) = (pair(4)?, pair(12)?, pair(20)?, pair(28)?);
        let count = usize::from(short(segment, 36).ok_or(TRUNCATED)?);
        if !(1..=4).contains(&count) {
            return Err(corrupt(&format!("{count} components")));
        }
        if segment.len() != 38 + 3 * count {
            return Err(corrupt("a size marker of another length than its components need"));
        }
        let components = segment[38..].as_chunks::<3>().0.iter().map(|&[depth, dx, dy]| Component {
            depth: u32::from(depth & 0x7F) + 1,
            is_signed: depth & 0x80 != 0,
            step: (u32::from(dx), u32::from(dy)),
        });
        let size = Self { start, end, tile, tile_start, components: components.collect() };
        if !size.is_sound() {
            return Err(corrupt("a size that contradicts itself"));
        }
        // The library divides by the number of its samples.
        if size.has_empty_components() {
            return Err(unsupported("a tile in which a component has no sample"));
        }
        Ok(size)
    }

    /// Checks that the library makes too.
    fn is_sound(&self) -> bool {
        let axis = |start: u32, end: u32, tile: u32, tile_start: u32| {
            start < end && tile > 0 && tile_start <= start && tile_start.saturating_add(tile) > start
        };
        axis(self.start.0, self.end.0, self.tile.0, self.tile_start.0)
            && axis(self.start.1, self.end.1, self.tile.1, self.tile_start.1)
            && self.components.iter().all(|one| one.depth <= 31 && one.step.0 > 0 && one.step.1 > 0)
            && self.tiles() <= 65_535
    }

    fn has_empty_components(&self) -> bool {
        let axis = |start: u32, end: u32, tile: u32, tile_start: u32, step: u32| {
            let (start, end) = (u64::from(start), u64::from(end));
            let borders = (u64::from(tile_start)..end).step_by(tile as usize);
            borders
                .map(|border| (border.max(start), (border + u64::from(tile)).min(end)))
                .any(|(left, right)| left.div_ceil(u64::from(step)) >= right.div_ceil(u64::from(step)))
        };
        self.components.iter().any(|component| {
            axis(self.start.0, self.end.0, self.tile.0, self.tile_start.0, component.step.0)
                || axis(self.start.1, self.end.1, self.tile.1, self.tile_start.1, component.step.1)
        })
    }

    /// Width and height of the picture.
    pub(super) fn picture(&self) -> (u32, u32) {
        (self.end.0 - self.start.0, self.end.1 - self.start.1)
    }

    fn tiles(&self) -> u64 {
        let axis = |end: u32, tile: u32, start: u32| u64::from((end - start).div_ceil(tile));
        axis(self.end.0, self.tile.0, self.tile_start.0) * axis(self.end.1, self.tile.1, self.tile_start.1)
    }

    /// Samples of each component in the largest tile, across and down, rounded up.
    fn largest(&self) -> impl Iterator<Item = (u64, u64)> {
        let (width, height) = self.picture();
        let tile = (u64::from(width.min(self.tile.0)), u64::from(height.min(self.tile.1)));
        self.components.iter().map(move |component| {
            (tile.0 / u64::from(component.step.0) + 1, tile.1 / u64::from(component.step.1) + 1)
        })
    }
}

/// All of a code stream that decides what decoding it takes.
#[derive(Debug)]
pub(super) struct Codestream {
    pub(super) size: Size,
    styles: Vec<Style>,
    layers: u64,
    file_len: usize,
    /// Whether the file ends before the code stream does.
    pub(super) is_cut: bool,
}

impl Codestream {
    /// Of a file, in boxes or bare.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let stream = if bytes.starts_with(&STREAM_SIGNATURE) { bytes } else { inside(bytes)? };
        if !stream.starts_with(&STREAM_SIGNATURE) {
            return Err(corrupt("no code stream, or one without a size"));
        }
        let (size, mut at) = segment(stream, 4)?;
        let size = Size::read(size)?;
        let mut this = Self { size, styles: Vec::new(), layers: 0, file_len: bytes.len(), is_cut: true };
        loop {
            match *stream.get(at..).unwrap_or_default() {
                [0xFF, TILE_PART, ..] => break,
                [0xFF, kind, ..] if is_known(kind) => at = this.marker(stream, at, kind)?,
                [0xFF, ..] => at = behind_unknown(stream, at)?,
                [] | [_] => return Err(TRUNCATED),
                _ => return Err(corrupt("no marker where one should be")),
            }
        }
        this.tile_parts(stream, at)?;
        Ok(this)
    }

    /// Reads a marker segment; returns where it ends.
    fn marker(&mut self, stream: &[u8], at: usize, kind: u8) -> Result<usize, DecodeError> {
        let (segment, end) = segment(stream, at + 2)?;
        match kind {
            COD => {
                let &[_, _, flags, _, l0, l1, _, ref style @ ..] = segment else { return Err(short_style()) };
                self.layers = self.layers.max(u64::from(u16::from_be_bytes([l0, l1])));
                self.style(flags, style)?;
            }
            COC => {
                let &[_, _, _, flags, ref style @ ..] = segment else { return Err(short_style()) };
                self.style(flags, style)?;
            }
            _ => {}
        }
        Ok(end)
    }

    fn style(&mut self, flags: u8, fields: &[u8]) -> Result<(), DecodeError> {
        let &[levels, width, height, modes, _, ref sizes @ ..] = fields else { return Err(short_style()) };
        if levels > 32 || width > 8 || height > 8 {
            return Err(corrupt("a coding style that cannot be"));
        }
        if modes & HIGH_THROUGHPUT != 0 {
            return Err(unsupported("code blocks of high throughput (HTJ2K)"));
        }
        let mut precincts = [(15, 15); 33];
        if flags & 1 != 0 {
            let sizes = sizes.get(..=usize::from(levels)).ok_or_else(short_style)?;
            for (exponents, &size) in precincts.iter_mut().zip(sizes) {
                *exponents = (u32::from(size & 15), u32::from(size >> 4));
            }
        }
        let block = (u32::from(width) + 2, u32::from(height) + 2);
        let style = Style { resolutions: usize::from(levels) + 1, block, precincts };
        if !self.styles.contains(&style) {
            self.styles.push(style);
        }
        if self.styles.len() > MOST_STYLES { Err(unsupported("too many coding styles")) } else { Ok(()) }
    }

    /// Walks over the tile parts for the styles that they state.
    fn tile_parts(&mut self, stream: &[u8], mut at: usize) -> Result<(), DecodeError> {
        while let Some([0xFF, TILE_PART]) = stream.get(at..at.saturating_add(2)) {
            let Some(&[_, _, _, _, l0, l1, l2, l3, _, _]) = stream.get(at + 2..at + 12) else {
                return Ok(());
            };
            let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            let Some(data) = self.tile_part_header(stream, at)? else { return Ok(()) };
            // The marker of the data is counted only where there is room for it.
            let left = if len == 0 { stream.len().checked_sub(data) } else { (at + len).checked_sub(data) };
            let Some(left) = left else { return Ok(()) };
            let end =
                if len == 0 { stream.len().saturating_sub(2).max(data + 2) } else { data + left.max(2) };
            at = if left == 1 { end + 1 } else { end };
            if at > stream.len() {
                return Ok(());
            }
        }
        self.is_cut = stream.get(at..at.saturating_add(2)) != Some(&[0xFF, END]);
        Ok(())
    }

    /// Position of the data marker of the tile part at `at`; nothing if the library does not come to it.
    fn tile_part_header(&mut self, stream: &[u8], at: usize) -> Result<Option<usize>, DecodeError> {
        let mut at = at + 12;
        loop {
            match *stream.get(at..).unwrap_or_default() {
                [0xFF, DATA, ..] => return Ok(Some(at)),
                [first, kind, _, _, ..] => {
                    match self.marker(stream, at, if first == 0xFF { kind } else { 0 }) {
                        Err(error @ DecodeError::Unsupported { .. }) => return Err(error),
                        Err(_) => return Ok(None),
                        Ok(end) => at = end,
                    }
                }
                _ => return Ok(None),
            }
        }
    }

    /// Bytes that the library takes beside the samples, at most.
    pub(super) fn cost(&self) -> u64 {
        let worst = |size: (u64, u64)| self.styles.iter().map(|style| style.blocks(size)).max().unwrap_or(0);
        let blocks = self.size.largest().map(worst).fold(0, u64::saturating_add);
        blocks.saturating_add(cost::tiles(self.size.tiles())).saturating_add(self.packets())
    }

    /// Bytes that the library takes, at most.
    pub(super) fn peak(&self) -> u64 {
        let samples: u64 = self.size.largest().map(|(width, height)| 4 * width * height).sum();
        samples.saturating_add(self.cost()).saturating_add(2 * self.file_len as u64)
    }

    /// The table of all packets: two bytes each.
    fn packets(&self) -> u64 {
        let sizes = || self.size.largest();
        let precincts = self.styles.iter().flat_map(|style| sizes().map(|size| style.most_precincts(size)));
        let resolutions = self.styles.iter().map(|style| style.resolutions as u64).max().unwrap_or(0);
        let components = self.size.components.len() as u64;
        let packets = precincts.max().unwrap_or(0).saturating_mul(resolutions * components);
        packets.saturating_mul(2 * self.layers)
    }
}

/// The code stream in a file of boxes, found as the library finds it.
fn inside(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let mut at = 0;
    loop {
        let (Some(len), Some(kind)) = (long(bytes, at), bytes.get(at + 4..at + 8)) else {
            return Err(TRUNCATED);
        };
        let (len, head_len) = match len {
            1 if long(bytes, at + 8).ok_or(TRUNCATED)? != 0 => return Err(corrupt("a box of 4 GB")),
            1 => (long(bytes, at + 12).ok_or(TRUNCATED)? as usize, 16),
            len => (len as usize, 8),
        };
        if kind == b"jp2c" {
            return Ok(bytes.get(at + head_len..).unwrap_or_default());
        }
        if len < head_len {
            return Err(corrupt("a box of an impossible length"));
        }
        at += len;
    }
}

fn is_known(kind: u8) -> bool {
    OTHERS.contains(&kind) || matches!(kind, COD | COC | COMMENT)
}

/// Position of the next known marker behind an unknown one at `at`, searched as the library does it.
fn behind_unknown(stream: &[u8], mut at: usize) -> Result<usize, DecodeError> {
    loop {
        match *stream.get(at..).unwrap_or_default() {
            [0xFF, TILE_PART, ..] => return Ok(at),
            [0xFF, kind, ..] if is_known(kind) => return Ok(at),
            [0xFF, kind, ..] if MISPLACED.contains(&kind) => {
                return Err(corrupt(&format!("a marker ff{kind:02x} in its header")));
            }
            [] | [_] => return Err(TRUNCATED),
            _ => at += 2,
        }
    }
}

/// A marker segment, its length first, and where it ends.
fn segment(stream: &[u8], at: usize) -> Result<(&[u8], usize), DecodeError> {
    let len = usize::from(short(stream, at).ok_or(TRUNCATED)?);
    if len < 2 {
        return Err(corrupt("a marker of too few bytes"));
    }
    let segment = stream.get(at..at + len).ok_or(TRUNCATED)?;
    Ok((segment, at + len))
}

fn short_style() -> DecodeError {
    corrupt("a coding style of too few bytes")
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|&field| u16::from_be_bytes(field))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&field| u32::from_be_bytes(field))
}
