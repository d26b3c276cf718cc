//! An image that text, rectangles and lines can be drawn on. What lies outside is cut off.

use embedded_graphics::{
    Drawable as _,
    draw_target::DrawTarget,
    geometry::{OriginDimensions, Point, Size},
    mono_font::{MonoFont, MonoTextStyle},
    pixelcolor::{Rgb888, RgbColor as _},
    primitives::{Circle, Line, Primitive as _, PrimitiveStyle, Rectangle},
    text::{Alignment, Baseline, Text, TextStyleBuilder},
};
use image::{Rgb, RgbImage};

/// Longest line in pixels that is drawn at once.
const LINE_PART: f64 = 500.0;

/// The font and the colour of a text.
#[derive(Clone, Copy)]
pub(super) struct Ink {
    pub(super) font: &'static MonoFont<'static>,
    pub(super) colour: [u8; 3],
}

pub(super) struct Canvas(pub(super) RgbImage);

impl Canvas {
    /// Text whose upper edge and left end, centre or right end are `at`. Characters beyond ASCII show as `?`.
    pub(super) fn text(&mut self, text: &str, at: (u32, u32), alignment: Alignment, ink: Ink) {
        let colour = MonoTextStyle::new(ink.font, rgb(ink.colour));
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
        // Drawing into memory cannot fail, here and below.
        let _ = Text::with_text_style(text, point(at.0 as f64, at.1 as f64), colour, style).draw(self);
    }

    /// Packed pixels of `side` x `side`.
    pub(super) fn paste(&mut self, pixels: &[u8], side: u32, at: (u32, u32)) {
        for (i, pixel) in pixels.chunks_exact(3).enumerate() {
            let (x, y) = (at.0 + i as u32 % side, at.1 + i as u32 / side);
            self.0.put_pixel(x, y, Rgb([pixel[0], pixel[1], pixel[2]]));
        }
    }

    /// A filled rectangle.
    pub(super) fn fill(&mut self, from: (f64, f64), to: (f64, f64), colour: [u8; 3]) {
        let corners = Rectangle::with_corners(point(from.0, from.1), point(to.0 - 1.0, to.1 - 1.0));
        let _ = corners.into_styled(PrimitiveStyle::with_fill(rgb(colour))).draw(self);
    }

    /// A line with round ends.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), width: u32, colour: [u8; 3]) {
        let style = PrimitiveStyle::with_stroke(rgb(colour), width);
        // In parts, since the arithmetic behind a line that is both thick and long overflows.
        let parts = ((to.0 - from.0).hypot(to.1 - from.1) / LINE_PART).ceil().max(1.0);
        let along = |part: f64| {
            point(from.0 + part / parts * (to.0 - from.0), from.1 + part / parts * (to.1 - from.1))
        };
        for part in 0..parts as u32 {
            let (part, next) = (f64::from(part), f64::from(part) + 1.0);
            let _ = Line::new(along(part), along(next)).into_styled(style).draw(self);
        }
        for end in [from, to] {
            let disc = Circle::with_center(point(end.0, end.1), width);
            let _ = disc.into_styled(PrimitiveStyle::with_fill(rgb(colour))).draw(self);
        }
    }
}

fn point(x: f64, y: f64) -> Point {
    Point::new(x.round() as i32, y.round() as i32)
}

fn rgb([red, green, blue]: [u8; 3]) -> Rgb888 {
    Rgb888::new(red, green, blue)
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Self::Error>
    where
        I: IntoIterator<Item = embedded_graphics::Pixel<Rgb888>>,
    {
        for embedded_graphics::Pixel(at, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) else { continue };
            if x < self.0.width() && y < self.0.height() {
                self.0.put_pixel(x, y, Rgb([colour.r(), colour.g(), colour.b()]));
            }
        }
        Ok(())
    }
}
