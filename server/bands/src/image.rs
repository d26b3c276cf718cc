//! All chunks of an image: packed out of a file, and read as the blocks of a crop.

use std::ops::Range;

use bandwise_jpeg::{CoefficientReader, Filled, Frame, Geometry, McuBlocks, McuSource, Refusal, SimdLevel};

use crate::{
    Coefficients,
    chunk::{ChunkReader, ChunkWriter, Unrepresentable},
};

/// MCUs of a chunk; the last one of a row may have fewer.
pub const CHUNK_MCUS: usize = 16;

/// The bands of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// The low band, and [`ChunkReader::PADDING`] bytes behind it.
    pub low: Vec<u8>,
    /// The high band, as the low one.
    pub high: Vec<u8>,
    /// The start of each chunk in the low and in the high band, row by row.
    pub starts: Vec<[u32; 2]>,
    /// Bytes of the file behind its coded bits.
    pub rest: usize,
}

/// The reason why a file cannot be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// Its coefficients cannot be read.
    #[error("cannot read the coefficients: {0}")]
    Refused(#[from] Refusal),
    /// It has coefficients that no band has.
    #[error(transparent)]
    Unrepresentable(#[from] Unrepresentable),
}

/// Packs files; keeps its memory.
#[derive(Debug)]
pub struct Packer {
    reader: CoefficientReader,
    writer: ChunkWriter,
    row: Vec<Coefficients>,
}

impl Packer {
    /// A packer without memory yet.
    pub fn new(level: SimdLevel) -> Self {
        Self { reader: CoefficientReader::new(level), writer: ChunkWriter::default(), row: Vec::new() }
    }

    /// Packs a file.
    ///
    /// # Errors
    ///
    /// [`PackError`] if the file is progressive or damaged, or not one for `bandwise-jpeg`.
    pub fn pack(&mut self, bytes: &[u8], frame: &Frame) -> Result<Packed, PackError> {
        let components = frame.geometry().components();
        let row_blocks = frame.geometry().mcus().0 * components.len();
        let Self { reader, writer, row } = self;
        // A file that could not be packed has left its chunks.
        writer.take();
        row.clear();
        let (mut starts, mut next, mut packed) = (Vec::new(), [0, 0], Ok(()));
        let rest = reader.read(bytes, frame, |mcu| {
            row.extend(mcu.iter().map(|block| Coefficients(*block)));
            if row.len() < row_blocks {
                return;
            }
            for chunk in row.chunks(CHUNK_MCUS * components.len()) {
                starts.push(next);
                match writer.write(components, chunk) {
                    Ok(ends) => next = ends.map(|end| end as u32),
                    Err(error) => packed = Err(error),
                }
            }
            row.clear();
        })?;
        packed?;
        let [low, high] = writer.take().map(|mut band| {
            band.extend([0; ChunkReader::PADDING]);
            band
        });
        Ok(Packed { low, high, starts, rest: rest.len() })
    }
}

/// The blocks of a packed image, of both bands or of the low one alone.
#[derive(Clone, Debug)]
pub struct BandSource<'a> {
    low: &'a [u8],
    high: Option<&'a [u8]>,
    starts: &'a [[u32; 2]],
    components: &'static [usize],
    /// Chunks of a row.
    per_row: usize,
    chunk: ChunkReader<'a>,
    /// The row, and the MCU of it that is next.
    row: usize,
    column: usize,
}

impl<'a> BandSource<'a> {
    /// `high` is `None` for blocks of which only the lowest 4 x 4 coefficients are looked at; `starts` are those of
    /// [`Packed`].
    ///
    /// # Errors
    ///
    /// [`Refusal::Damaged`] if these are not the chunks of such an image.
    pub fn new(
        geometry: &Geometry,
        low: &'a [u8],
        high: Option<&'a [u8]>,
        starts: &'a [[u32; 2]],
    ) -> Result<Self, Refusal> {
        let (row_len, rows) = geometry.mcus();
        let per_row = row_len.div_ceil(CHUNK_MCUS);
        if starts.len() != per_row * rows {
            return Err(Refusal::Damaged);
        }
        let chunk = ChunkReader::new(low, high).map_err(|_| Refusal::Damaged)?;
        let components = geometry.components();
        Ok(Self { low, high, starts, components, per_row, chunk, row: 0, column: 0 })
    }

    fn begin_chunk(&mut self) -> Result<(), Refusal> {
        let [low, high] = self.starts[self.row * self.per_row + self.column / CHUNK_MCUS];
        let low = self.low.get(low as usize..).ok_or(Refusal::Damaged)?;
        let high = match self.high {
            Some(band) => Some(band.get(high as usize..).ok_or(Refusal::Damaged)?),
            None => None,
        };
        self.chunk = ChunkReader::new(low, high).map_err(|_| Refusal::Damaged)?;
        Ok(())
    }
}

impl McuSource for BandSource<'_> {
    fn begin(&mut self, row: usize, columns: Range<usize>) -> Result<(), Refusal> {
        (self.row, self.column) = (row, columns.start);
        self.begin_chunk()?;
        for _ in 0..columns.start % CHUNK_MCUS {
            for &component in self.components {
                self.chunk.skip(component).map_err(|_| Refusal::Damaged)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, wanted: [bool; 6], blocks: &mut McuBlocks<'_>) -> Result<(), Refusal> {
        for (number, &component) in self.components.iter().enumerate() {
            if !wanted[number] {
                self.chunk.skip(component).map_err(|_| Refusal::Damaged)?;
                continue;
            }
            let block = blocks.coefficients(number);
            let has_more = self.chunk.read(component, block).map_err(|_| Refusal::Damaged)?;
            blocks.set(number, if has_more { Filled::All } else { Filled::Dc });
        }
        self.column += 1;
        // The next chunk, if there is one in this row.
        if self.column.is_multiple_of(CHUNK_MCUS) && self.column / CHUNK_MCUS < self.per_row {
            self.begin_chunk()?;
        }
        Ok(())
    }
}
