//! The scans of a progressive file: their headers, the tables before them, and what is known of the coefficients after them
//! (T.81, G.1).
//!
//! Each scan must tell something that is not known yet, in the order of the standard, and after the last one every
//! coefficient must be known to its last bit. Files of other scripts are refused: libjpeg-turbo smooths what is missing.

use crate::{
    frame::{Frame, huffman_tables},
    huffman::HuffmanSpec,
    refusal::Refusal,
};

/// Bits by which values may be shifted (T.81, G.1.1.1.2; libjpeg refuses more).
const MOST_SHIFT: u8 = 13;

/// A coefficient of which nothing is known.
const UNKNOWN: u8 = 0xFF;

/// The band of coefficients that a scan tells, and the bits of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    /// Zigzag positions.
    pub(super) first: usize,
    pub(super) last: usize,
    /// The lowest bit that is told.
    pub(super) low: u32,
    /// Whether the bits above were told by other scans.
    pub(super) is_refinement: bool,
}

/// The header of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScanHeader {
    pub(super) band: Band,
    /// Numbers of the components, of which `count` are there, with the numbers of their tables for DC and AC.
    pub(super) components: [(usize, usize, usize); 3],
    pub(super) count: usize,
}

/// The segments from the first scan on.
pub(super) struct Script<'a> {
    rest: &'a [u8],
    ids: [u8; 3],
    components: usize,
    pub(super) dc: [Option<HuffmanSpec>; 4],
    pub(super) ac: [Option<HuffmanSpec>; 4],
    /// MCUs between restart markers; 0 for none.
    pub(super) restart_interval: usize,
    /// The lowest known bit of each coefficient of each component.
    known: [[u8; 64]; 3],
}

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8], frame: &Frame) -> Result<Self, Refusal> {
        let rest = bytes.get(frame.scan..).ok_or(Refusal::Scans)?;
        Ok(Self {
            rest,
            ids: frame.ids,
            components: frame.geometry.component_count(),
            dc: frame.dc.clone(),
            ac: frame.ac.clone(),
            restart_interval: frame.restart_interval,
            known: [[UNKNOWN; 64]; 3],
        })
    }

    /// The next scan with the bytes behind its header; `None` once all of the image is known and the file ends.
    pub(super) fn next_scan(&mut self) -> Result<Option<(ScanHeader, &'a [u8])>, Refusal> {
        loop {
            if self.rest.starts_with(&[0xFF, 0xD9]) {
                let is_complete = self.known[..self.components].as_flattened().iter().all(|&low| low == 0);
                return if is_complete { Ok(None) } else { Err(Refusal::Scans) };
            }
            let &[0xFF, code, high, low] = self.rest.first_chunk().ok_or(Refusal::Markers)? else {
                return Err(Refusal::Markers);
            };
            let len = usize::from(u16::from_be_bytes([high, low]));
            let body = self.rest.get(4..2 + len).ok_or(Refusal::Markers)?;
            self.rest = &self.rest[2 + len..];
            match code {
                0xC4 => huffman_tables(&mut self.dc, &mut self.ac, body)?,
                0xDA => return Ok(Some((self.scan(body)?, self.rest))),
                0xDD => {
                    let &interval: &[u8; 2] = body.try_into().map_err(|_| Refusal::Markers)?;
                    self.restart_interval = usize::from(u16::from_be_bytes(interval));
                }
                0xE1..=0xED | 0xEF | 0xFE => {}
                _ => return Err(Refusal::Markers),
            }
        }
    }

    /// Goes to the marker behind a scan.
    pub(super) fn resume(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    fn scan(&mut self, body: &[u8]) -> Result<ScanHeader, Refusal> {
        let count = usize::from(*body.first().ok_or(Refusal::Scans)?);
        let &[first, last, bits] =
            body.get(1 + 2 * count..).and_then(|end| end.try_into().ok()).ok_or(Refusal::Scans)?;
        let (high, low) = (bits >> 4, bits & 15);
        let is_refinement = high > 0;
        let is_dc = first == 0 && last == 0 && (1..=self.components).contains(&count);
        let is_ac = first > 0 && first <= last && last < 64 && count == 1;
        if !(is_dc || is_ac) || low > MOST_SHIFT || is_refinement && high != low + 1 {
            return Err(Refusal::Scans);
        }
        let mut components = [(0, 0, 0); 3];
        let mut next = 0;
        for (component, &[id, tables]) in components.iter_mut().zip(body[1..=2 * count].as_chunks().0) {
            // In the order of the frame, none twice.
            let number =
                (next..self.components).find(|&number| self.ids[number] == id).ok_or(Refusal::Scans)?;
            *component = (number, usize::from(tables >> 4), usize::from(tables & 15));
            next = number + 1;
            self.learn(number, usize::from(first)..usize::from(last) + 1, high, low)?;
        }
        let band = Band { first: first.into(), last: last.into(), low: low.into(), is_refinement };
        Ok(ScanHeader { band, components, count })
    }

    /// Notes that a scan tells some coefficients of a component down to bit `low`.
    fn learn(
        &mut self,
        number: usize,
        band: std::ops::Range<usize>,
        high: u8,
        low: u8,
    ) -> Result<(), Refusal> {
        let known = &mut self.known[number];
        if band.start > 0 && known[0] == UNKNOWN {
            return Err(Refusal::Scans);
        }
        let before = if high == 0 { UNKNOWN } else { high };
        for known in &mut known[band] {
            if *known != before {
                return Err(Refusal::Scans);
            }
            *known = low;
        }
        Ok(())
    }
}
