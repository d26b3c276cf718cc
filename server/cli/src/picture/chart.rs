//! Charts: panels below each other that share the axis from left to right, as a PNG.
//!
//! They are drawn with the same tools as contact sheets: shapes by embedded-graphics, three times too large and reduced
//! by our own resizer, which smooths them; text at its final size, which keeps it sharp. A plotting crate would add
//! fonts or a second rasteriser for one picture.

use bandwise_kernels::{Filter, Resizer, RgbView, SimdLevel};
use embedded_graphics::{mono_font::ascii, text::Alignment};
use image::{Rgb, RgbImage};

use super::canvas::{Canvas, Ink};

/// Sizes in pixels of the finished picture.
const WIDTH: u32 = 1400;
const LEFT: u32 = 92;
const RIGHT: u32 = 36;
const HEAD: u32 = 76;
const PANEL: u32 = 170;
const PANEL_TITLE: u32 = 40;
const FOOT: u32 = 74;

/// Pixels that are drawn for one of the finished picture, each way.
const SCALE: u32 = 3;

const PAPER: [u8; 3] = [255, 255, 255];
const GRID: [u8; 3] = [226, 228, 232];
const BORDER: [u8; 3] = [176, 180, 188];
const TITLE: Ink = Ink { font: &ascii::FONT_10X20, colour: [20, 24, 32] };
const HEADING: Ink = Ink { font: &ascii::FONT_9X15_BOLD, colour: [20, 24, 32] };
const LABEL: Ink = Ink { font: &ascii::FONT_8X13, colour: [70, 76, 88] };

/// A curve: its points from left to right, in the units of the axes. It goes straight from point to point; two points
/// at one place are a jump.
pub(crate) struct Curve {
    pub(crate) colour: [u8; 3],
    pub(crate) points: Vec<(f64, f64)>,
    /// Name for the legend; empty where the panel's title says it.
    pub(crate) name: String,
}

/// One picture of the chart.
pub(crate) struct Panel {
    /// The quantity and its unit.
    pub(crate) title: String,
    /// Marks of the upward axis from 0 up; the last is its end.
    pub(crate) marks: Vec<(f64, String)>,
    /// The first is filled down to the axis.
    pub(crate) curves: Vec<Curve>,
    /// Text below the curve, where there is room for it.
    pub(crate) notes: Vec<Note>,
}

/// Text below a level part of a curve.
pub(crate) struct Note {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) value: f64,
    pub(crate) text: String,
}

/// Panels over one axis from 0 to 1.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    /// The quantity and the unit of the axis from left to right.
    pub(crate) axis: String,
    pub(crate) marks: Vec<(f64, String)>,
    /// Vertical lines through all panels, and above them the text for the middle between each and the next.
    pub(crate) borders: Vec<f64>,
    pub(crate) spans_name: String,
    pub(crate) spans: Vec<String>,
    pub(crate) panels: Vec<Panel>,
}

impl Chart {
    /// Draws the chart.
    pub(crate) fn draw(&self) -> RgbImage {
        let height = HEAD + self.panels.len() as u32 * (PANEL_TITLE + PANEL) + FOOT;
        let mut shapes = Canvas(RgbImage::from_pixel(WIDTH * SCALE, height * SCALE, Rgb(PAPER)));
        for (i, panel) in self.panels.iter().enumerate() {
            self.shapes(panel, top(i), &mut shapes);
        }
        let mut canvas = Canvas(reduced(&shapes.0));
        canvas.text(&self.title, (LEFT, 14), Alignment::Left, TITLE);
        canvas.text(&self.subtitle, (LEFT, 42), Alignment::Left, LABEL);
        for (i, panel) in self.panels.iter().enumerate() {
            panel.labels(top(i), &mut canvas);
        }
        self.axis_labels(height - FOOT, &mut canvas);
        canvas.0
    }

    fn shapes(&self, panel: &Panel, top: u32, canvas: &mut Canvas) {
        let place = |x, y| scaled((across(x), panel.height(y, top)));
        if let Some(curve) = panel.curves.first() {
            curve.fill(panel, top, canvas);
        }
        for &(y, _) in &panel.marks {
            canvas.line(place(0.0, y), place(1.0, y), SCALE, GRID);
        }
        for &x in &self.borders {
            canvas.line(place(x, 0.0), place(x, panel.end()), SCALE, GRID);
        }
        canvas.line(place(0.0, 0.0), place(1.0, 0.0), SCALE, BORDER);
        canvas.line(place(0.0, 0.0), place(0.0, panel.end()), SCALE, BORDER);
        for &(x, _) in &self.marks {
            let (x, y) = place(x, 0.0);
            canvas.line((x, y), (x, y + 5.0 * f64::from(SCALE)), SCALE, BORDER);
        }
        // The first curve is the main one, so it comes last.
        for curve in panel.curves.iter().rev() {
            for pair in curve.points.windows(2) {
                canvas.line(place(pair[0].0, pair[0].1), place(pair[1].0, pair[1].1), 7, curve.colour);
            }
        }
    }

    fn axis_labels(&self, y: u32, canvas: &mut Canvas) {
        for (x, text) in &self.marks {
            canvas.text(text, (across(*x) as u32, y + 9), Alignment::Center, LABEL);
        }
        canvas.text(&self.axis, (LEFT, y + 34), Alignment::Left, HEADING);
        canvas.text(&self.spans_name, (LEFT - 10, HEAD - 6), Alignment::Right, LABEL);
        for (pair, text) in self.borders.windows(2).zip(&self.spans) {
            if fits(text, pair[0], pair[1]) {
                let middle = across(f64::midpoint(pair[0], pair[1])) as u32;
                canvas.text(text, (middle, HEAD - 6), Alignment::Center, LABEL);
            }
        }
    }
}

impl Panel {
    fn end(&self) -> f64 {
        self.marks.last().map_or(1.0, |(end, _)| *end)
    }

    /// Pixel row of a value.
    fn height(&self, value: f64, top: u32) -> f64 {
        let share = (value / self.end()).clamp(0.0, 1.0);
        f64::from(top + PANEL) - share * f64::from(PANEL)
    }

    fn labels(&self, top: u32, canvas: &mut Canvas) {
        canvas.text(&self.title, (LEFT, top - 22), Alignment::Left, HEADING);
        let mut right = WIDTH - RIGHT;
        for curve in self.curves.iter().rev().filter(|curve| !curve.name.is_empty()) {
            canvas.text(
                &curve.name,
                (right, top - 21),
                Alignment::Right,
                Ink { colour: curve.colour, ..LABEL },
            );
            right -= 8 * (curve.name.len() as u32 + 3);
        }
        for (value, text) in &self.marks {
            let y = self.height(*value, top) as u32;
            canvas.text(text, (LEFT - 10, y - 6), Alignment::Right, LABEL);
        }
        for note in self.notes.iter().filter(|note| fits(&note.text, note.from, note.to)) {
            let y = (self.height(note.value, top) as u32 + 5).min(top + PANEL - 16);
            canvas.text(&note.text, (across(note.from) as u32 + 6, y), Alignment::Left, LABEL);
        }
    }
}

impl Curve {
    /// Fills the space down to the axis with a pale tone, column by column.
    fn fill(&self, panel: &Panel, top: u32, canvas: &mut Canvas) {
        let pale = self.colour.map(|channel| 255 - (255 - channel) / 6);
        let floor = f64::from((top + PANEL) * SCALE);
        for pair in self.points.windows(2) {
            let [from, to] = [pair[0], pair[1]].map(|(x, y)| scaled((across(x), panel.height(y, top))));
            for column in from.0.round() as u32..to.0.round() as u32 {
                let part = (f64::from(column) - from.0) / (to.0 - from.0).max(1.0);
                let y = from.1 + part * (to.1 - from.1);
                canvas.fill((f64::from(column), y), (f64::from(column) + 1.0, floor), pale);
            }
        }
    }
}

/// Upper edge of the space of a panel.
fn top(panel: usize) -> u32 {
    HEAD + panel as u32 * (PANEL_TITLE + PANEL) + PANEL_TITLE
}

/// Pixel column of a place from 0 to 1.
fn across(x: f64) -> f64 {
    f64::from(LEFT) + x * f64::from(WIDTH - LEFT - RIGHT)
}

/// Whether a label has room between two places.
fn fits(text: &str, from: f64, to: f64) -> bool {
    across(to) - across(from) >= 8.0 * (text.len() + 1) as f64
}

fn scaled((x, y): (f64, f64)) -> (f64, f64) {
    (x * f64::from(SCALE), y * f64::from(SCALE))
}

fn reduced(large: &RgbImage) -> RgbImage {
    let (width, height) = (large.width() / SCALE, large.height() / SCALE);
    let mut small = RgbImage::new(width, height);
    let view = RgbView::packed(large.as_raw(), large.width() as usize, large.height() as usize);
    Resizer::new(SimdLevel::detect()).resize(
        view,
        Filter::Bilinear,
        &mut small,
        width as usize,
        height as usize,
    );
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_drawn_where_their_values_are() {
        let red = [200, 0, 0];
        let curve = Curve {
            colour: red,
            points: vec![(0.0, 5.0), (0.5, 5.0), (0.5, 10.0), (1.0, 10.0)],
            name: String::new(),
        };
        let panel = Panel {
            title: "panel".into(),
            marks: vec![(0.0, "0".into()), (10.0, "10".into())],
            curves: vec![curve],
            notes: Vec::new(),
        };
        let chart = Chart {
            title: "title".into(),
            subtitle: String::new(),
            axis: "axis".into(),
            marks: vec![(0.0, "0".into()), (1.0, "1".into())],
            borders: vec![0.0, 0.5, 1.0],
            spans_name: "part".into(),
            spans: vec!["a".into(), "b".into()],
            panels: vec![panel],
        };
        let image = chart.draw();
        assert_eq!((image.width(), image.height()), (WIDTH, HEAD + PANEL_TITLE + PANEL + FOOT));
        let middle = top(0) + PANEL / 2;
        let is_red = |x: f64, y: u32| image.get_pixel(across(x) as u32, y).0[1] < 60;
        assert!(is_red(0.25, middle) && is_red(0.75, top(0)) && is_red(0.5, top(0) + PANEL / 4));
        assert!(!is_red(0.75, middle) && !is_red(0.25, top(0) + PANEL / 4));
    }
}
