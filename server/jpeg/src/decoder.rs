//! Crops of a file: which MCUs are passed over, which are decoded, and how their samples become pixels.

use crate::{
    coded::Coded,
    frame::Frame,
    half::HalfPlanes,
    level::SimdLevel,
    order::Order,
    picture::Picture,
    planes::Planes,
    progressive::Progressive,
    refusal::Refusal,
    resume::Resume,
    scan::Scan,
    seek::{Kind, Recorder, SeekTable},
    tables::TableCache,
    walk::Walk,
    watch::{Watch, Watched},
    window::{Part, Scale, Window},
};

/// Decodes crops; keeps its memory and its last tables from one to the next, and no image influences a later one.
#[derive(Clone, Debug)]
pub struct Decoder {
    level: SimdLevel,
    tables: TableCache,
    coded: [Coded; 2],
    planes: Planes,
    half: HalfPlanes,
    progressive: Progressive,
}

impl Decoder {
    /// A decoder without memory yet.
    pub fn new(level: SimdLevel) -> Self {
        let (planes, half) = (Planes::new(level, Order::Zigzag), HalfPlanes::new(level, Order::Zigzag));
        let progressive = Progressive::new(level);
        let coded = [Coded::new(level), Coded::new(level)];
        Self { level, tables: TableCache::default(), coded, planes, half, progressive }
    }

    /// Decodes a crop into packed RGB pixels: those of libjpeg-turbo's decoding of the whole image, or with
    /// [`Part::half`] those of half its size, which the crate's documentation defines.
    ///
    /// # Errors
    /// [`Refusal`] if the file is not one for this crate; the contents of `out` are not specified then.
    ///
    /// # Panics
    /// If the crop is not inside the image, or `out` has not `3 * width * height` bytes for [`Part::pixels`].
    pub fn crop(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        part: impl Into<Part>,
        out: &mut [u8],
    ) -> Result<(), Refusal> {
        self.crop_watched(bytes, frame, None, part, out, &mut ())
    }

    /// Makes the seek points of a file: bytes for [`SeekTable::read`]. Reads all coded data and makes no pixels.
    ///
    /// `spacing` is the number of MCUs from one point of a row to the next; each row begins with one. In a progressive file
    /// they are further apart where scans have few bits. At [`DEFAULT_SPACING`](crate::DEFAULT_SPACING) a table has less
    /// than 1 % of the bytes of most files, and of a progressive one about 1 %.
    ///
    /// # Errors
    /// [`Refusal`] if the file is not one for this crate, or is damaged anywhere.
    ///
    /// # Panics
    /// If `spacing` is 0.
    pub fn index(&mut self, bytes: &[u8], frame: &Frame, spacing: u16) -> Result<Vec<u8>, Refusal> {
        self.walk(bytes, frame, Some(spacing), None, &mut ())?.ok_or(Refusal::Damaged)
    }

    /// Decodes a crop as [`Self::crop`] does, and makes the seek points as [`Self::index`] does, in one pass.
    ///
    /// The result is `None` where the scan is damaged behind the crop: the pixels stand, and there are no seek points. A
    /// progressive file has coefficients of the crop everywhere, and is refused where it is damaged.
    ///
    /// # Errors
    /// As [`Self::crop`].
    ///
    /// # Panics
    /// As [`Self::crop`] and [`Self::index`].
    pub fn crop_and_index(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        part: impl Into<Part>,
        spacing: u16,
        out: &mut [u8],
    ) -> Result<Option<Vec<u8>>, Refusal> {
        self.walk(bytes, frame, Some(spacing), Some((part.into(), out)), &mut ())
    }

    /// Decodes a crop with the seek points of exactly these bytes: the same pixels as [`Self::crop`], but bits before
    /// the crop, beside it, and behind it are not read.
    ///
    /// # Errors
    /// As [`Self::crop`], as far as the file is read; and a [`Refusal`] if the table belongs to other bytes and that
    /// shows. Where it does not show, the pixels are others.
    ///
    /// # Panics
    /// As [`Self::crop`].
    pub fn crop_with(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        table: &SeekTable<'_>,
        part: impl Into<Part>,
        out: &mut [u8],
    ) -> Result<(), Refusal> {
        self.crop_watched(bytes, frame, Some(table), part, out, &mut ())
    }

    /// Decodes a crop as [`Self::crop`] does, or with a table as [`Self::crop_with`], and tells `watch` what is done.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub fn crop_watched(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        table: Option<&SeekTable<'_>>,
        part: impl Into<Part>,
        out: &mut [u8],
        watch: &mut impl Watch,
    ) -> Result<(), Refusal> {
        let part = part.into();
        let Some(table) = table else {
            return self.walk(bytes, frame, None, Some((part, out)), watch).map(|_| ());
        };
        part.check(&frame.geometry, out)?;
        let window = Window::new(&frame.geometry, part);
        let table = match table.of(frame).ok_or(Refusal::Damaged)? {
            Kind::Sequential(table) => table,
            Kind::Progressive(table) => {
                self.progressive.read_with(bytes, frame, &window, table)?;
                return self.draw_progressive(frame, window, part.scale, out, watch);
            }
        };
        let tables = self.tables.get(frame)?;
        let columns = window.across.mcus.clone();
        let resume = Resume { level: self.level, frame, bytes, tables: &tables, table, columns };
        let coded = &mut self.coded;
        match part.scale {
            Scale::Full => {
                let samples = Watched { samples: &mut self.planes, watch };
                resume.decode(Picture::new(&frame.geometry, samples, window, out), coded)
            }
            Scale::Half => {
                let samples = Watched { samples: &mut self.half, watch };
                resume.decode(Picture::new(&frame.geometry, samples, window, out), coded)
            }
        }
    }

    /// Reads a scan from its start on: pixels of a part if one is given, seek points if a spacing is given.
    fn walk(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        spacing: Option<u16>,
        part: Option<(Part, &mut [u8])>,
        watch: &mut impl Watch,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        match &part {
            Some((part, out)) => part.check(&frame.geometry, out)?,
            None => frame.geometry.check()?,
        }
        if frame.is_progressive {
            return self.walk_progressive(bytes, frame, spacing, part, watch);
        }
        let recorder = spacing.map(|spacing| Recorder::new(frame, spacing));
        let tables = self.tables.get(frame)?;
        self.coded[0].read(frame, bytes)?;
        let mut walk = Walk::new(Scan::new(self.level, frame, &self.coded[0], &tables), recorder);
        let (row_len, rows) = frame.geometry.mcus();
        let has_pixels = part.is_some();
        if let Some((part, out)) = part {
            let window = Window::new(&frame.geometry, part);
            match part.scale {
                Scale::Full => {
                    let samples = Watched { samples: &mut self.planes, watch };
                    walk.draw(Picture::new(&frame.geometry, samples, window, out), row_len)?;
                }
                Scale::Half => {
                    let samples = Watched { samples: &mut self.half, watch };
                    walk.draw(Picture::new(&frame.geometry, samples, window, out), row_len)?;
                }
            }
        }
        if spacing.is_none() {
            return Ok(None);
        }
        match walk.skip_to(row_len * rows) {
            Ok(()) => Ok(walk.into_table()),
            Err(_) if has_pixels => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}

impl Decoder {
    /// Reads the scans of a progressive file as [`Self::walk`] reads the one of others.
    fn walk_progressive(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        spacing: Option<u16>,
        part: Option<(Part, &mut [u8])>,
        watch: &mut impl Watch,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let window = part.as_ref().map(|(part, _)| Window::new(&frame.geometry, *part));
        let table = self.progressive.read(bytes, frame, window.as_ref(), spacing)?;
        if let (Some((part, out)), Some(window)) = (part, window) {
            self.draw_progressive(frame, window, part.scale, out, watch)?;
        }
        Ok(table)
    }

    /// Makes pixels of the coefficients of a progressive file.
    fn draw_progressive(
        &mut self,
        frame: &Frame,
        window: Window,
        scale: Scale,
        out: &mut [u8],
        watch: &mut impl Watch,
    ) -> Result<(), Refusal> {
        match scale {
            Scale::Full => {
                let samples = Watched { samples: &mut self.planes, watch };
                self.progressive.draw(Picture::new(&frame.geometry, samples, window, out))
            }
            Scale::Half => {
                let samples = Watched { samples: &mut self.half, watch };
                self.progressive.draw(Picture::new(&frame.geometry, samples, window, out))
            }
        }
    }
}
