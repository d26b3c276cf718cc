//! The segments before the scan: sizes, sampling, tables, and where the coded bits begin.
//!
//! Of a progressive file these are the segments before the first scan; what is between its scans is read later.
//!
//! Only what ordinary encoders write is accepted (ITU-T T.81, B.2). Anything else is refused, so that no rule for odd
//! files has to be repeated here.

use crate::{
    geometry::{Colour, Geometry, Sampling},
    huffman::HuffmanSpec,
    order::NATURAL,
    refusal::Refusal,
};

/// Numbers of a component's tables for DC differences and for AC coefficients.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TableNumbers {
    pub(crate) dc: usize,
    pub(crate) ac: usize,
}

/// Everything that is known of a file before its coded bits.
#[derive(Clone, Debug)]
pub struct Frame {
    pub(crate) geometry: Geometry,
    /// Those of each component; grey has the same ones three times.
    pub(crate) tables: [TableNumbers; 3],
    pub(crate) dc: [Option<HuffmanSpec>; 4],
    pub(crate) ac: [Option<HuffmanSpec>; 4],
    /// MCUs between restart markers; 0 for none.
    pub(crate) restart_interval: usize,
    pub(crate) is_progressive: bool,
    /// Identifiers of the components.
    pub(crate) ids: [u8; 3],
    /// The first byte behind the header of the scan; of a progressive file the first one of that header's marker.
    pub(crate) scan: usize,
}

impl Frame {
    /// Size, sampling, colours and quantisation steps.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.geometry.size()
    }

    /// The sampling of chroma.
    pub fn sampling(&self) -> Sampling {
        self.geometry.sampling
    }

    /// The colours that three components stand for.
    pub fn colour(&self) -> Colour {
        self.geometry.colour
    }

    /// Bytes before the coded bits; of a progressive file, those before the header of its first scan.
    pub fn header_bytes(&self) -> usize {
        self.scan
    }

    /// Whether the coefficients come in several scans.
    pub fn is_progressive(&self) -> bool {
        self.is_progressive
    }

    /// Reads the segments of a file.
    ///
    /// # Errors
    ///
    /// [`Refusal`] of the first thing that is not as ordinary encoders write it.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        Reader::default().read(bytes)
    }
}

/// A component as the frame header has it.
#[derive(Clone, Copy, Debug, Default)]
struct Declared {
    id: u8,
    factors: u8,
    quantisation: u8,
}

/// The segments that were read so far.
#[derive(Default)]
struct Reader {
    size: Option<(usize, usize)>,
    /// Components of the frame, and their number.
    declared: [Declared; 3],
    count: usize,
    quantisation: [Option<[u8; 64]>; 4],
    dc: [Option<HuffmanSpec>; 4],
    ac: [Option<HuffmanSpec>; 4],
    restart_interval: usize,
    is_progressive: bool,
    has_jfif: bool,
    adobe_transform: Option<u8>,
}

impl Reader {
    fn read(mut self, bytes: &[u8]) -> Result<Frame, Refusal> {
        let mut rest = bytes.strip_prefix(&[0xFF, 0xD8]).ok_or(Refusal::Markers)?;
        loop {
            let &[0xFF, code, high, low] = rest.first_chunk().ok_or(Refusal::Markers)? else {
                return Err(Refusal::Markers);
            };
            let len = usize::from(u16::from_be_bytes([high, low]));
            let body = rest.get(4..2 + len).ok_or(Refusal::Markers)?;
            rest = &rest[2 + len..];
            match code {
                0xC0..=0xC2 => {
                    self.is_progressive = code == 0xC2;
                    self.frame_header(body)?;
                }
                0xC4 => huffman_tables(&mut self.dc, &mut self.ac, body)?,
                0xC3..=0xCF => return Err(Refusal::Process),
                0xDA if self.is_progressive => return self.finish(None, bytes.len() - rest.len() - 2 - len),
                0xDA => return self.finish(Some(body), bytes.len() - rest.len()),
                0xDB => self.quantisation_tables(body)?,
                0xDD => self.restart_interval = usize::from(be16(body).ok_or(Refusal::Markers)?),
                // libjpeg takes only these for the two markers (jdmarker.c).
                0xE0 if body.len() >= 14 && body.starts_with(b"JFIF\0") => self.jfif(body[5])?,
                0xEE if body.len() >= 12 && body.starts_with(b"Adobe") => self.adobe(body[11])?,
                0xE0..=0xEF | 0xFE => {}
                _ => return Err(Refusal::Markers),
            }
        }
    }

    fn jfif(&mut self, major_version: u8) -> Result<(), Refusal> {
        self.has_jfif = true;
        if major_version == 1 { Ok(()) } else { Err(Refusal::Markers) }
    }

    fn adobe(&mut self, transform: u8) -> Result<(), Refusal> {
        self.adobe_transform = Some(transform);
        if transform <= 1 { Ok(()) } else { Err(Refusal::Markers) }
    }

    fn frame_header(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let &[bits, h1, h0, w1, w0, count] = body.first_chunk().ok_or(Refusal::Markers)?;
        let (height, width) = (u16::from_be_bytes([h1, h0]), u16::from_be_bytes([w1, w0]));
        if self.size.is_some() || height == 0 || width == 0 || body.len() != 6 + 3 * usize::from(count) {
            return Err(Refusal::Markers);
        }
        if bits != 8 {
            return Err(Refusal::Process);
        }
        if count != 1 && count != 3 {
            return Err(Refusal::Components);
        }
        self.size = Some((usize::from(width), usize::from(height)));
        self.count = usize::from(count);
        for (declared, &[id, factors, quantisation]) in self.declared.iter_mut().zip(body[6..].as_chunks().0)
        {
            *declared = Declared { id, factors, quantisation };
        }
        Ok(())
    }

    fn quantisation_tables(&mut self, mut body: &[u8]) -> Result<(), Refusal> {
        while let Some((&number, rest)) = body.split_first() {
            let table = self.quantisation.get_mut(usize::from(number)).ok_or(Refusal::Tables)?;
            let steps: &[u8; 64] = rest.first_chunk().ok_or(Refusal::Tables)?;
            let mut natural = [0; 64];
            for (&at, &step) in NATURAL.iter().zip(steps) {
                natural[usize::from(at)] = step;
            }
            *table = Some(natural);
            body = &rest[64..];
        }
        Ok(())
    }

    /// Reads the header of the scan, with which everything must be known; of a progressive file there is none yet.
    fn finish(self, body: Option<&[u8]>, scan: usize) -> Result<Frame, Refusal> {
        let (width, height) = self.size.ok_or(Refusal::Markers)?;
        let count = self.count;
        let selected = match body {
            None => [None; 3],
            Some(body) => self.selected(body)?.map(Some),
        };
        let component = |number: usize| self.component(self.declared[number], selected[number]);
        let first = component(0)?;
        let components = if count == 1 { [first; 3] } else { [first, component(1)?, component(2)?] };
        let (sampling, colour, ids) =
            (self.sampling()?, self.colour(), self.declared.map(|declared| declared.id));
        let quantisation = components.map(|(quantisation, _)| quantisation);
        let geometry = Geometry { width, height, sampling, colour, quantisation };
        let tables = components.map(|(_, tables)| tables);
        let Self { dc, ac, restart_interval, is_progressive, .. } = self;
        Ok(Frame { geometry, tables, dc, ac, restart_interval, is_progressive, ids, scan })
    }

    /// The identifier and the tables of each component of the only scan.
    fn selected(&self, body: &[u8]) -> Result<[[u8; 2]; 3], Refusal> {
        let count = self.count;
        if body.len() != 4 + 2 * count || usize::from(body[0]) != count || !body.ends_with(&[0, 63, 0]) {
            return Err(Refusal::Scans);
        }
        let mut selected = [[0; 2]; 3];
        selected[..count].copy_from_slice(body[1..=2 * count].as_chunks().0);
        Ok(selected)
    }

    /// Quantisation steps and tables of a component of the frame, with the identifier and the tables that a scan selects.
    fn component(
        &self,
        declared: Declared,
        selected: Option<[u8; 2]>,
    ) -> Result<([u8; 64], TableNumbers), Refusal> {
        let quantisation = self.quantisation.get(usize::from(declared.quantisation)).copied().flatten();
        let quantisation = quantisation.ok_or(Refusal::Tables)?;
        let Some([id, tables]) = selected else {
            return Ok((quantisation, TableNumbers::default()));
        };
        if declared.id != id {
            return Err(Refusal::Scans);
        }
        let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
        let is_there =
            |specs: &[Option<HuffmanSpec>; 4], number: usize| specs.get(number).is_some_and(Option::is_some);
        if is_there(&self.dc, dc) && is_there(&self.ac, ac) {
            Ok((quantisation, TableNumbers { dc, ac }))
        } else {
            Err(Refusal::Tables)
        }
    }

    fn sampling(&self) -> Result<Sampling, Refusal> {
        match self.declared[..self.count] {
            // A scan of one component is in single blocks, whatever its factors are (T.81, A.2.2).
            [Declared { factors, .. }]
                if (1..=4).contains(&(factors >> 4)) && (1..=4).contains(&(factors & 15)) =>
            {
                Ok(Sampling::Grey)
            }
            [luma, Declared { factors: 0x11, .. }, Declared { factors: 0x11, .. }] => match luma.factors {
                0x11 => Ok(Sampling::Full),
                0x21 => Ok(Sampling::Half),
                0x12 => Ok(Sampling::HalfDown),
                0x22 => Ok(Sampling::Quarter),
                _ => Err(Refusal::Sampling),
            },
            _ => Err(Refusal::Sampling),
        }
    }

    /// libjpeg's guess (`default_decompress_parms` of jdapimin.c).
    fn colour(&self) -> Colour {
        let is_rgb = match self.adobe_transform {
            _ if self.has_jfif => false,
            Some(transform) => transform == 0,
            None => self.declared[..self.count].iter().map(|component| component.id).eq(*b"RGB"),
        };
        if is_rgb { Colour::Rgb } else { Colour::YCbCr }
    }
}

/// Reads a segment with Huffman tables (T.81, B.2.4.2) into those for DC differences and for AC coefficients.
pub(crate) fn huffman_tables(
    dc: &mut [Option<HuffmanSpec>; 4],
    ac: &mut [Option<HuffmanSpec>; 4],
    mut body: &[u8],
) -> Result<(), Refusal> {
    while let Some((&kind, rest)) = body.split_first() {
        let tables = match kind >> 4 {
            0 => &mut *dc,
            1 => &mut *ac,
            _ => return Err(Refusal::Tables),
        };
        let table = tables.get_mut(usize::from(kind & 15)).ok_or(Refusal::Tables)?;
        let (spec, used) = HuffmanSpec::read(rest, kind >> 4 == 0).ok_or(Refusal::Tables)?;
        *table = Some(spec);
        body = &rest[used..];
    }
    Ok(())
}

fn be16(body: &[u8]) -> Option<u16> {
    let &bytes: &[u8; 2] = body.try_into().ok()?;
    Some(u16::from_be_bytes(bytes))
}
