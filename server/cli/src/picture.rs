//! Contact sheets: tiles in a grid, with titles, as a PNG. Charts are in `picture/chart.rs`.

mod canvas;
pub(crate) mod chart;

use std::borrow::Cow;

use bandwise_kernels::{Filter, Resizer, RgbView, SimdLevel};
use embedded_graphics::{
    mono_font::{MonoFont, ascii},
    text::Alignment,
};
use image::{Rgb, RgbImage};

use crate::spectrum::log_magnitude;
use canvas::{Canvas, Ink};

/// Space between tiles and around the sheet, in pixels.
const GAP: u32 = 6;

/// Space for the lines of text above a column or below a tile.
const LINE: u32 = 14;

/// Side of the largest tile that is drawn pixel by pixel. If a sheet holds larger ones, all its tiles shrink alike.
const MAX_TILE: u32 = 256;

/// Width of a character of [`FONT`] in pixels.
const CHARACTER: u32 = 7;

const BACKGROUND: Rgb<u8> = Rgb([24, 26, 30]);

const INK: Ink = Ink { font: &FONT, colour: [220, 222, 228] };

const FAINT: Ink = Ink { font: &FONT, colour: [150, 154, 164] };

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

    /// The tile's pixels with `side` pixels a side: as they are, or scaled with Pillow's bicubic.
    fn scaled(&self, resizer: &mut Resizer, side: usize) -> Cow<'_, [u8]> {
        if side == self.side {
            return Cow::Borrowed(&self.pixels);
        }
        let mut out = vec![0; 3 * side * side];
        let view = RgbView::packed(&self.pixels, self.side, self.side);
        resizer.resize(view, Filter::Bicubic, &mut out, side, side);
        Cow::Owned(out)
    }
}

/// Black over violet and orange to white; 0 is the darkest. Low magnitudes are stretched apart.
fn heat(value: f32) -> [u8; 3] {
    let v = ((value - 0.25) / 0.75).clamp(0.0, 1.0);
    let channel = |low: f32, high: f32| (255.0 * ((v - low) / (high - low)).clamp(0.0, 1.0)) as u8;
    let blue = if v < 0.5 { channel(0.0, 0.4) / 2 } else { channel(0.7, 1.0) };
    [channel(0.1, 0.7).max(16), channel(0.4, 1.0), blue.max(24)]
}

/// A grid of tiles with a title, a legend, column heads and row names. Tiles keep their size up to 256 pixels, so that
/// those of different bandwidths look as different as they are.
#[derive(Debug)]
pub(crate) struct Sheet {
    title: String,
    /// Lines below the title.
    legend: Vec<String>,
    /// Lines above each column.
    heads: Vec<Vec<String>>,
    rows: Vec<(String, Vec<Tile>)>,
}

/// Positions on a sheet, in pixels.
struct Grid {
    /// Side of a cell, which holds the largest tile.
    cell: u32,
    /// Side of the largest tile before it was scaled.
    largest: u32,
    /// Upper edge of the first row.
    top: u32,
    /// Height of a row with its name and its captions.
    row: u32,
}

impl Sheet {
    /// An empty sheet.
    pub(crate) fn new(title: String, legend: Vec<String>, heads: Vec<Vec<String>>) -> Self {
        Self { title, legend, heads, rows: Vec::new() }
    }

    /// Adds a row of tiles.
    pub(crate) fn row(&mut self, name: String, tiles: Vec<Tile>) {
        self.rows.push((name, tiles));
    }

    /// Draws the sheet.
    pub(crate) fn draw(&self) -> RgbImage {
        let grid = self.grid();
        let mut canvas = Canvas(RgbImage::from_pixel(self.width(&grid), self.height(&grid), BACKGROUND));
        canvas.text(&self.title, (GAP, GAP), Alignment::Left, INK);
        for (i, line) in self.legend.iter().enumerate() {
            canvas.text(line, (GAP, GAP + (1 + i as u32) * LINE), Alignment::Left, FAINT);
        }
        self.draw_heads(&grid, &mut canvas);
        let mut resizer = Resizer::new(SimdLevel::detect());
        for (row, (name, tiles)) in self.rows.iter().enumerate() {
            let y = grid.top + row as u32 * grid.row;
            canvas.text(name, (GAP, y), Alignment::Left, INK);
            for (column, tile) in tiles.iter().enumerate() {
                grid.draw_tile(tile, (grid.x(column), y + LINE), &mut resizer, &mut canvas);
            }
        }
        canvas.0
    }

    fn grid(&self) -> Grid {
        let tiles = self.rows.iter().flat_map(|(_, tiles)| tiles);
        let largest = tiles.clone().map(|tile| tile.side as u32).max().unwrap_or(1);
        let caption = if tiles.clone().any(|tile| !tile.caption.is_empty()) { LINE } else { 0 };
        let cell = largest.min(MAX_TILE);
        Grid {
            cell,
            largest,
            top: self.heads_top() + self.head_lines() * LINE + GAP,
            row: LINE + cell + caption + GAP,
        }
    }

    fn width(&self, grid: &Grid) -> u32 {
        let names = self.rows.iter().map(|(name, _)| name);
        let texts = self.legend.iter().chain([&self.title]).chain(names);
        let longest = texts.map(|line| 2 * GAP + line.chars().count() as u32 * CHARACTER).max().unwrap_or(0);
        grid.x(self.heads.len()).max(longest)
    }

    fn height(&self, grid: &Grid) -> u32 {
        grid.top + self.rows.len() as u32 * grid.row + GAP
    }

    fn heads_top(&self) -> u32 {
        2 * GAP + (1 + self.legend.len() as u32) * LINE
    }

    fn head_lines(&self) -> u32 {
        self.heads.iter().map(Vec::len).max().unwrap_or(0) as u32
    }

    fn draw_heads(&self, grid: &Grid, canvas: &mut Canvas) {
        for (column, lines) in self.heads.iter().enumerate() {
            for (i, line) in lines.iter().enumerate() {
                let y = self.heads_top() + i as u32 * LINE;
                canvas.text(line, (grid.x(column) + grid.cell / 2, y), Alignment::Center, INK);
            }
        }
    }
}

impl Grid {
    /// Left edge of a column.
    fn x(&self, column: usize) -> u32 {
        GAP + column as u32 * (self.cell + GAP)
    }

    /// Draws a tile in the middle of the cell at `corner`, and its caption below the cell.
    fn draw_tile(&self, tile: &Tile, corner: (u32, u32), resizer: &mut Resizer, canvas: &mut Canvas) {
        let side = (tile.side as u32 * self.cell / self.largest).max(1);
        let inset = (self.cell - side) / 2;
        let pixels = tile.scaled(resizer, side as usize);
        canvas.paste(&pixels, side, (corner.0 + inset, corner.1 + inset));
        let caption = shortened(&tile.caption, (self.cell / CHARACTER) as usize);
        canvas.text(&caption, (corner.0 + self.cell / 2, corner.1 + self.cell), Alignment::Center, INK);
    }
}

/// `text` with at most `most` characters; dots stand for the rest.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(2)).collect();
    format!("{kept}..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(tiles: Vec<Tile>) -> RgbImage {
        let mut sheet =
            Sheet::new("title".into(), vec!["legend".into()], vec![vec!["a".into(), "b".into()]; 3]);
        sheet.row("one".into(), tiles);
        sheet.draw()
    }

    /// Number of pixels of the sheet that have the colour of a tile.
    fn pixels_of(image: &RgbImage, value: u8) -> usize {
        image.pixels().filter(|pixel| **pixel == Rgb([value; 3])).count()
    }

    fn tile(side: usize, value: u8) -> Tile {
        Tile::new(side, vec![value; 3 * side * side])
    }

    #[test]
    fn a_sheet_has_room_for_everything() {
        let image = sheet(vec![tile(96, 200), tile(160, 201).captioned("x".into()), tile(224, 202)]);
        assert_eq!((image.width(), image.height()), (GAP + 3 * (224 + GAP), 5 * GAP + 6 * LINE + 224));
    }

    #[test]
    fn tiles_keep_their_sizes() {
        let image = sheet(vec![tile(96, 200), tile(160, 201), tile(224, 202)]);
        for (side, value) in [(96, 200), (160, 201), (224, 202)] {
            assert_eq!(pixels_of(&image, value), side * side, "{side}");
        }
    }

    #[test]
    fn tiles_that_are_too_large_shrink_alike() {
        let image = sheet(vec![tile(256, 200), tile(512, 201)]);
        assert_eq!(pixels_of(&image, 200), 128 * 128);
        assert_eq!(pixels_of(&image, 201), 256 * 256);
    }

    #[test]
    fn a_caption_stays_below_its_tile() {
        assert_eq!(shortened("AutoContrast, ShearX", 20), "AutoContrast, ShearX");
        assert_eq!(shortened("AutoContrast, ShearX", 12), "AutoContra..");
    }

    #[test]
    fn a_constant_tile_has_one_bright_frequency() {
        let spectrum = Tile::new(8, vec![90; 3 * 64]).spectrum(8);
        let brightest = (0..64).max_by_key(|&i| u32::from(spectrum.pixels[3 * i])).unwrap();
        assert_eq!((brightest % 8, brightest / 8), (4, 4));
    }
}
