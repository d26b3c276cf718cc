//! Crops of a file: which MCUs are passed over, which are decoded, and how their samples become pixels.

use std::slice;

use crate::{
    frame::{Frame, Sampling},
    level::SimdLevel,
    planes::Planes,
    refusal::Refusal,
    scan::{Coded, MAX_BLOCKS, Mcu, Scan},
    tables::{TableCache, Tables},
    window::{Crop, Window},
};

/// Decodes crops; keeps its memory and its last tables from one to the next, and no image influences a later one.
#[derive(Clone, Debug)]
pub struct Decoder {
    #[expect(dead_code, reason = "chooses the twins with vectors")]
    level: SimdLevel,
    tables: TableCache,
    coded: Coded,
    planes: Planes,
}

impl Decoder {
    /// A decoder without memory yet.
    pub fn new(level: SimdLevel) -> Self {
        Self { level, tables: TableCache::default(), coded: Coded::default(), planes: Planes::new(level) }
    }

    /// Decodes a crop into packed RGB pixels, those of libjpeg-turbo's decoding of the whole image.
    ///
    /// # Errors
    /// [`Refusal`] if the file is not one for this crate; the contents of `out` are not specified then.
    ///
    /// # Panics
    /// If the crop is not inside the image, or `out` has not `3 * width * height` bytes.
    pub fn crop(&mut self, bytes: &[u8], frame: &Frame, crop: Crop, out: &mut [u8]) -> Result<(), Refusal> {
        assert!(crop.fits(frame.size()), "{crop:?} of {:?}", frame.size());
        assert_eq!(out.len(), 3 * crop.width as usize * crop.height as usize, "{crop:?}");
        // libjpeg does not filter rows of one or two chroma samples.
        if matches!(frame.sampling, Sampling::Half | Sampling::Quarter) && frame.width.div_ceil(2) <= 2 {
            return Err(Refusal::Sampling);
        }
        let (tables, window) = (self.tables.get(frame)?, Window::new(frame, crop));
        self.coded.read(frame, bytes)?;
        self.rows(frame, &tables, &window, out)
    }

    /// Decodes the blocks of the window, and writes each row of pixels as soon as its samples are there.
    fn rows(
        &mut self,
        frame: &Frame,
        tables: &Tables,
        window: &Window,
        out: &mut [u8],
    ) -> Result<(), Refusal> {
        let Window { across, down } = window;
        self.planes.prepare(frame, window);
        let (row_len, _) = frame.mcus();
        let mut scan = Scan::new(frame, &self.coded, tables);
        let mut mcu = Mcu::new();
        scan.skip(row_len * down.mcus.start)?;
        for row in down.mcus.clone() {
            scan.skip(across.mcus.start)?;
            for column in across.mcus.clone() {
                scan.decode(&mut mcu, needs(window, frame.sampling.luma_blocks(), column, row))?;
                self.planes.write(slice::from_ref(&mcu), column, row)?;
            }
            self.planes.rows(row + 1, out);
            if row + 1 < down.mcus.end {
                scan.skip(row_len - across.mcus.end)?;
            }
        }
        Ok(())
    }
}

/// The blocks of an MCU that the window needs.
fn needs(window: &Window, luma: (usize, usize), column: usize, row: usize) -> [bool; MAX_BLOCKS] {
    let (count, mut needs) = (luma.0 * luma.1, [false; MAX_BLOCKS]);
    for (number, needs) in needs.iter_mut().enumerate() {
        *needs = if number < count {
            let (x, y) = (column * luma.0 + number % luma.0, row * luma.1 + number / luma.0);
            window.across.needs_luma(x) && window.down.needs_luma(y)
        } else {
            window.across.needs_chroma(column) && window.down.needs_chroma(row)
        };
    }
    needs
}
