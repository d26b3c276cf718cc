//! Borrowed rectangles of 8-bit RGB pixels: the one shape in which kernels pass pictures to each other.

/// A rectangle inside an image, in pixels: `x` to the right, `y` down, the origin at the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
}

impl Rect {
    /// The whole of an image of `width` x `height`.
    pub const fn whole(width: u32, height: u32) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// Whether the rectangle is not empty and lies inside an image of `width` x `height`.
    pub fn fits(&self, width: u32, height: u32) -> bool {
        self.width > 0
            && self.height > 0
            && u64::from(self.x) + u64::from(self.width) <= u64::from(width)
            && u64::from(self.y) + u64::from(self.height) <= u64::from(height)
    }
}

/// A view of interleaved 8-bit RGB pixels, row-major, whose rows may be further apart than their width.
#[derive(Clone, Copy, Debug)]
pub struct RgbView<'a> {
    pixels: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
}

impl<'a> RgbView<'a> {
    /// A view of `height` rows of `width` pixels that start `stride` bytes apart.
    ///
    /// `pixels` may be longer than the picture: kernels may read (never use) what lies behind a row's end,
    /// which lets them load whole vectors.
    ///
    /// # Panics
    ///
    /// If a side is 0, if `stride < 3 * width`, or if `pixels` is shorter than
    /// `stride * (height - 1) + 3 * width` bytes.
    pub fn new(pixels: &'a [u8], width: usize, height: usize, stride: usize) -> Self {
        assert!(width > 0 && height > 0, "an image view needs at least one pixel, got {width} x {height}");
        assert!(stride >= 3 * width, "stride {stride} is shorter than a row of {width} RGB pixels");
        let needed = stride * (height - 1) + 3 * width;
        assert!(pixels.len() >= needed, "{} bytes for a view of {needed}", pixels.len());
        Self { pixels, width, height, stride }
    }

    /// A view of rows without gaps: `3 * width * height` bytes.
    ///
    /// # Panics
    ///
    /// As [`RgbView::new`].
    pub fn packed(pixels: &'a [u8], width: usize, height: usize) -> Self {
        Self::new(pixels, width, height, 3 * width)
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Distance between the starts of two rows, in bytes.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The `3 * width` bytes of row `y`.
    ///
    /// # Panics
    ///
    /// If `y` is not below the height.
    pub fn row(&self, y: usize) -> &'a [u8] {
        assert!(y < self.height, "row {y} of {}", self.height);
        let start = y * self.stride;
        &self.pixels[start..start + 3 * self.width]
    }

    /// All bytes from the start of row `y` to the end of the memory behind the view: row `y` first, then
    /// whatever follows. For vector loads that run over the end of a row.
    ///
    /// # Panics
    ///
    /// If `y` is not below the height.
    pub fn tail(&self, y: usize) -> &'a [u8] {
        assert!(y < self.height, "row {y} of {}", self.height);
        &self.pixels[y * self.stride..]
    }

    /// The part of the view inside `rect`, without a copy.
    ///
    /// # Panics
    ///
    /// If `rect` does not fit into the view.
    #[must_use]
    pub fn crop(&self, rect: Rect) -> RgbView<'a> {
        assert!(
            rect.fits(self.width as u32, self.height as u32),
            "{rect:?} is outside a view of {} x {}",
            self.width,
            self.height
        );
        let start = rect.y as usize * self.stride + 3 * rect.x as usize;
        Self::new(&self.pixels[start..], rect.width as usize, rect.height as usize, self.stride)
    }
}
