//! Chroma at the size of luma: libjpeg's triangle filter ("fancy upsampling", jdsample.c).
//!
//! Each sample is three quarters of the nearer chroma sample and a quarter of the next one, across, down or both. Beyond the
//! border of the image the last sample counts again.

/// A row of chroma samples and the part of it that is wanted.
#[derive(Clone, Copy)]
pub(crate) struct ChromaRow<'a> {
    /// Samples from number `first` of the image's row on, one more than wanted at each side where the image has one.
    pub(crate) samples: &'a [u8],
    pub(crate) first: usize,
    /// Samples of a row of the image.
    pub(crate) width: usize,
}

impl ChromaRow<'_> {
    /// Sample number `at` of the image's row, counted from -1; the border's beyond it.
    fn sample(&self, at: isize) -> u32 {
        let at = at.clamp(0, self.width as isize - 1) as usize;
        u32::from(self.samples[at - self.first])
    }
}

/// Twice as many samples across: from number `from` on as many as `out` holds.
pub(crate) fn across(row: ChromaRow<'_>, from: usize, out: &mut [u8]) {
    for (at, out) in (from..).zip(out) {
        let (near, other) = neighbours(at);
        let sum = 3 * row.sample(near) + row.sample(other);
        // Rounded down and up in turns.
        *out = ((sum + 1 + (at as u32 & 1)) >> 2) as u8;
    }
}

/// Twice as many rows: between `near` and `far`, of which the upper one of the two new rows is nearer to the one before.
pub(crate) fn down(near: &[u8], far: &[u8], is_upper: bool, out: &mut [u8]) {
    let round = if is_upper { 1 } else { 2 };
    for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
        *out = ((3 * u32::from(near) + u32::from(far) + round) >> 2) as u8;
    }
}

/// Twice as many across and down: from number `from` on as many as `out` holds.
pub(crate) fn across_and_down(near: ChromaRow<'_>, far: ChromaRow<'_>, from: usize, out: &mut [u8]) {
    let column = |at| 3 * near.sample(at) + far.sample(at);
    for (at, out) in (from..).zip(out) {
        let (this, other) = neighbours(at);
        let sum = 3 * column(this) + column(other);
        *out = ((sum + 8 - (at as u32 & 1)) >> 4) as u8;
    }
}

/// The chroma sample that luma sample `at` is part of, and the one on its other side.
fn neighbours(at: usize) -> (isize, isize) {
    let near = (at / 2) as isize;
    (near, if at.is_multiple_of(2) { near - 1 } else { near + 1 })
}
