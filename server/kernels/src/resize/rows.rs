//! Input rows for the horizontal pass, four at a time, with bytes to spare behind each.
//!
//! Vector loads run a little over the end of a row. Nearly always the next row or the rest of the picture
//! lies there; only rows too near the end of the memory are copied to where there is room.

use crate::RgbView;

/// Rows that the horizontal kernels treat at once, so that they load each weight once for all of them.
pub(super) const ROWS: usize = 4;

/// Four input rows: the pixels of a row, then any bytes.
pub(super) type Rows<'a> = [&'a [u8]; ROWS];

/// The memory of copied rows.
#[derive(Debug, Default)]
pub(super) struct SpareRows(Vec<u8>);

impl SpareRows {
    /// The rows from `first` on, each with at least `needed` bytes; behind the last row it is repeated.
    pub(super) fn rows<'a>(&'a mut self, view: &RgbView<'a>, first: usize, needed: usize) -> Rows<'a> {
        let numbers: [usize; ROWS] = std::array::from_fn(|i| (first + i).min(view.height() - 1));
        if numbers.iter().any(|&y| view.tail(y).len() < needed) {
            self.0.resize(self.0.len().max(ROWS * needed), 0);
            for (copy, &y) in self.0.chunks_exact_mut(needed).zip(&numbers) {
                let row = view.row(y);
                let length = row.len().min(needed);
                copy[..length].copy_from_slice(&row[..length]);
            }
        }
        let copies = &self.0;
        std::array::from_fn(|i| {
            let tail = view.tail(numbers[i]);
            if tail.len() < needed { &copies[i * needed..][..needed] } else { tail }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_near_the_end_are_copied_and_the_last_is_repeated() {
        let pixels: Vec<u8> = (0..18).collect();
        let view = RgbView::packed(&pixels, 2, 3);
        let mut spare = SpareRows::default();
        let rows = spare.rows(&view, 0, 10);
        assert!(rows.iter().all(|row| row.len() >= 10));
        let starts = rows.map(|row| row[..6].to_vec());
        assert_eq!(starts[0], pixels[..6]);
        assert_eq!(starts[1], pixels[6..12]);
        assert_eq!(starts[2], pixels[12..]);
        assert_eq!(starts[3], pixels[12..]);
    }
}
