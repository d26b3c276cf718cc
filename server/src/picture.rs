//! Contact sheets: tiles in a grid, with titles, as a PNG. Charts are in `picture/chart.rs`.

mod canvas;
pub(crate) mod chart;

use bandwise_kernels::{Filter, Resizer, RgbView, SimdLevel, log_magnitude};
use embedded_graphics::{
    mono_font::{MonoFont, ascii},
    text::Alignment,
};
use image::{Rgb, RgbImage};

use canvas::{Canvas, Ink};

/// Space between tiles and around the sheet, in pixels.
const GAP: u32 = 6;

/// Space for the lines of text above a column or below a tile.
const LINE: u32 = 14;

/// Space for the names of the rows.
const NAME_WIDTH: u32 = 190;

const BACKGROUND: Rgb<u8> = Rgb([24, 26, 30]);

const INK: Ink = Ink { font: &FONT, colour: [220, 222, 228] };

const FONT: MonoFont<'_> = ascii::FONT_7X13;

/// A square picture of packed 8-bit RGB pixels.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    side: usize,
    pixels: Vec<u8>,
    /// A line below the tile; empty for none.
    caption: String,
}

impl Tile {
    /// A tile of `side` x `side` pixels.
    pub(crate) fn new(side: usize, pixels: Vec<u8>) -> Self {
        debug_assert_eq!(pixels.len(), 3 * side * side, "a tile is square");
        Self { side, pixels, caption: String::new() }
    }

    /// The same with a line below it.
    pub(crate) fn captioned(mut self, caption: String) -> Self {
        self.caption = caption;
        self
    }

    /// The centred log-magnitude spectrum of the tile's brightness, placed in a frame of `frame` x `frame`
    /// frequencies, so that the bands of tiles of different sizes can be compared.
    pub(crate) fn spectrum(&self, frame: usize) -> Self {
        let luma: Vec<f32> = self
            .pixels
            .chunks_exact(3)
            .map(|p| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]))
            .collect();
        let magnitudes = log_magnitude(&luma, self.side, self.side);
        let frame = frame.max(self.side);
        let offset = frame / 2 - self.side / 2;
        let mut pixels = vec![0; 3 * frame * frame];
        for (y, row) in magnitudes.chunks_exact(self.side).enumerate() {
            let start = 3 * ((y + offset) * frame + offset);
            for (pixel, &value) in pixels[start..].chunks_exact_mut(3).zip(row) {
                pixel.copy_from_slice(&heat(value));
            }
        }
        Self::new(frame, pixels)
    }

    /// Scaled to `side` x `side` with Pillow's bicubic.
    fn scaled(&self, resizer: &mut Resizer, side: usize) -> Vec<u8> {
        let mut out = vec![0; 3 * side * side];
        let view = RgbView::packed(&self.pixels, self.side, self.side);
        resizer.resize(view, Filter::Bicubic, &mut out, side, side);
        out
    }
}

/// Black over violet and orange to white; 0 is the darkest. Low magnitudes are stretched apart.
fn heat(value: f32) -> [u8; 3] {
    let v = ((value - 0.25) / 0.75).clamp(0.0, 1.0);
    let channel = |low: f32, high: f32| (255.0 * ((v - low) / (high - low)).clamp(0.0, 1.0)) as u8;
    let blue = if v < 0.5 { channel(0.0, 0.4) / 2 } else { channel(0.7, 1.0) };
    [channel(0.1, 0.7).max(16), channel(0.4, 1.0), blue.max(24)]
}

/// A grid of tiles with a title, column heads and row names.
#[derive(Debug)]
pub(crate) struct Sheet {
    title: String,
    /// Lines above each column.
    heads: Vec<Vec<String>>,
    rows: Vec<(String, Vec<Tile>)>,
    tile_side: u32,
}

impl Sheet {
    /// An empty sheet whose tiles are shown at `tile_side` pixels.
    pub(crate) fn new(title: String, heads: Vec<Vec<String>>, tile_side: u32) -> Self {
        Self { title, heads, rows: Vec::new(), tile_side }
    }

    /// Adds a row of tiles.
    pub(crate) fn row(&mut self, name: String, tiles: Vec<Tile>) {
        self.rows.push((name, tiles));
    }

    /// Draws the sheet.
    pub(crate) fn draw(&self) -> RgbImage {
        let columns = self.heads.len() as u32;
        let head_lines = self.heads.iter().map(Vec::len).max().unwrap_or(0) as u32;
        let caption = if self.has_captions() { LINE } else { 0 };
        let top = 2 * GAP + 2 * LINE + head_lines * LINE;
        let pitch = (self.tile_side + GAP, self.tile_side + GAP + caption);
        let size = (GAP + NAME_WIDTH + columns * pitch.0, top + self.rows.len() as u32 * pitch.1 + GAP);
        let mut canvas = Canvas(RgbImage::from_pixel(size.0, size.1, BACKGROUND));
        canvas.text(&self.title, (GAP, GAP), Alignment::Left, INK);
        let column_x = |column: usize| GAP + NAME_WIDTH + column as u32 * pitch.0;
        for (column, lines) in self.heads.iter().enumerate() {
            for (i, line) in lines.iter().enumerate() {
                let y = GAP + 2 * LINE + i as u32 * LINE;
                canvas.text(line, (column_x(column) + self.tile_side / 2, y), Alignment::Center, INK);
            }
        }
        let mut resizer = Resizer::new(SimdLevel::detect());
        for (row, (name, tiles)) in self.rows.iter().enumerate() {
            let y = top + row as u32 * pitch.1;
            canvas.text(name, (GAP, y + self.tile_side / 2 - LINE / 2), Alignment::Left, INK);
            for (column, tile) in tiles.iter().enumerate() {
                let x = column_x(column);
                canvas.paste(&tile.scaled(&mut resizer, self.tile_side as usize), self.tile_side, (x, y));
                canvas.text(
                    &tile.caption,
                    (x + self.tile_side / 2, y + self.tile_side),
                    Alignment::Center,
                    INK,
                );
            }
        }
        canvas.0
    }

    fn has_captions(&self) -> bool {
        self.rows.iter().any(|(_, tiles)| tiles.iter().any(|tile| !tile.caption.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_room_for_everything() {
        let mut sheet = Sheet::new("title".into(), vec![vec!["a".into(), "b".into()]; 3], 32);
        let tile = || Tile::new(8, vec![200; 3 * 64]);
        sheet.row("one".into(), vec![tile(), tile().captioned("x".into()), tile()]);
        sheet.row("two".into(), vec![tile().spectrum(16)]);
        let image = sheet.draw();
        assert_eq!(image.width(), GAP + NAME_WIDTH + 3 * (32 + GAP));
        // The middle of the first tile shows its colour.
        let top = 2 * GAP + 4 * LINE;
        assert_eq!(image.get_pixel(GAP + NAME_WIDTH + 16, top + 16), &Rgb([200, 200, 200]));
    }

    #[test]
    fn a_constant_tile_has_one_bright_frequency() {
        let spectrum = Tile::new(8, vec![90; 3 * 64]).spectrum(8);
        let brightest = (0..64).max_by_key(|&i| u32::from(spectrum.pixels[3 * i])).unwrap();
        assert_eq!((brightest % 8, brightest / 8), (4, 4));
    }
}
