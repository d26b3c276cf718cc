//! The matrices of a Fourier crop and the steps that use them (`pipeline.md` e.3).
//!
//! With `h = M / 2`, the crop of a plane `x` is
//!
//! ```text
//! y = D x D^T + delta * (-1)^(m1 + m2)
//! D[m, n] = 1/N * sin(pi M t) / tan(pi t),  t = m/M - n/N            (M/N where t is an integer)
//! delta   = -1/N^2 * sum over n1, n2 of x[n1, n2] s[n1] s[n2],  s[n] = sin(2 pi h n / N)
//! ```
//!
//! `D` is unchanged if both indices are mirrored (`m -> M - m`, `n -> N - n`), so it splits into a part for
//! sums of mirrored inputs (even) and one for differences (odd), each with rows `0..=h` only:
//!
//! ```text
//! a[m] = sum of even[m, n] * (x[n] + x[N - n]),  b[m] = sum of odd[m, n] * (x[n] - x[N - n])
//! y[m] = a[m] + b[m],  y[M - m] = a[m] - b[m],  y[0] = a[0],  y[h] = a[h]
//! ```
//!
//! Row 0 of the odd part would be all 0 and is never asked for; `s`, which is odd too, sits there instead,
//! and so the first product delivers one half of delta's double sum for free.

use std::f64::consts::PI;

use super::fold::{fold, fold_rows, unfold};
use super::{COLUMNS, Matrix, multiply};
use crate::SimdLevel;

#[derive(Debug)]
pub(super) struct Basis {
    side: usize,
    /// Half the output side, at least 1.
    pub(super) half: usize,
    /// `half + 1` rows of [`Basis::sums`] numbers.
    even: Vec<f32>,
    /// `half` rows of [`Basis::differences`] numbers; row 0 is the sine of the unpaired frequency.
    odd: Vec<f32>,
    /// `even` and `odd` transposed, their rows padded with zeros to `padded_half`.
    even_turned: Vec<f32>,
    odd_turned: Vec<f32>,
    /// The sine of the unpaired frequency, in full.
    sine: Vec<f64>,
}

impl Basis {
    /// For `half < side / 2 + 1`, `side >= 3`.
    pub(super) fn new(side: usize, half: usize) -> Self {
        let (sums, differences) = (side / 2 + 1, (side - 1) / 2);
        let sine: Vec<f64> = (0..side).map(|n| sine(side, half, n)).collect();
        let kernel = Kernel::new(side, half);
        let mut even = Vec::with_capacity((half + 1) * sums);
        for m in 0..=half {
            even.extend(
                (0..sums).map(|n| (0.5 * (kernel.at(m, n) + kernel.at(m, (side - n) % side))) as f32),
            );
        }
        let mut odd: Vec<f32> = sine[1..=differences].iter().map(|&value| value as f32).collect();
        for m in 1..half {
            odd.extend((1..=differences).map(|n| (0.5 * (kernel.at(m, n) - kernel.at(m, side - n))) as f32));
        }
        let padded = (half + 1).next_multiple_of(COLUMNS);
        let even_turned = turned(&even, sums, padded);
        let odd_turned = turned(&odd, differences, padded);
        Self { side, half, even, odd, even_turned, odd_turned, sine }
    }

    /// Inputs after folding that are sums (or samples that are their own mirror image).
    fn sums(&self) -> usize {
        self.side / 2 + 1
    }

    /// Inputs after folding that are differences.
    fn differences(&self) -> usize {
        (self.side - 1) / 2
    }

    fn padded_side(&self) -> usize {
        self.side.next_multiple_of(COLUMNS)
    }

    fn padded_half(&self) -> usize {
        (self.half + 1).next_multiple_of(COLUMNS)
    }

    pub(super) fn scratch_len(&self) -> usize {
        let down = (self.side + 2 * self.half + 1) * self.padded_side();
        let across = 2 * self.half * (self.side + 2 * self.padded_half());
        down + across + self.side
    }

    pub(super) fn apply(&self, level: SimdLevel, input: &[f32], output: &mut [f32], scratch: &mut [f32]) {
        let (columns, outputs) = (self.padded_side(), 2 * self.half);
        let (folded, scratch) = scratch.split_at_mut(self.side * columns);
        let (even, scratch) = scratch.split_at_mut((self.half + 1) * columns);
        let (odd, scratch) = scratch.split_at_mut(self.half * columns);
        let offset = rough_mean(input);
        fold_rows(input, self.side, offset, columns, folded);
        let (sums, differences) = folded.split_at(self.sums() * columns);
        multiply(level, self.even_matrix(), Matrix { values: sums, stride: columns }, even);
        multiply(level, self.odd_matrix(), Matrix { values: differences, stride: columns }, odd);

        let (across, scratch) = scratch.split_at_mut(outputs * self.side);
        let (even_out, scratch) = scratch.split_at_mut(outputs * self.padded_half());
        let (odd_out, line) = scratch.split_at_mut(outputs * self.padded_half());
        let line = &mut line[..self.side];
        for (m, out) in across.chunks_exact_mut(self.side).enumerate() {
            unfold(m, even, odd, columns, line);
            fold(line, out);
        }
        let turned = |values| Matrix { values, stride: self.padded_half() };
        multiply(level, Matrix { values: across, stride: self.side }, turned(&self.even_turned), even_out);
        let differences = Matrix { values: &across[self.sums()..], stride: self.side };
        multiply(level, differences, turned(&self.odd_turned), odd_out);
        self.finish(even_out, odd_out, offset, self.checkerboard(odd), output);
    }

    fn even_matrix(&self) -> Matrix<'_> {
        Matrix { values: &self.even, stride: self.sums() }
    }

    fn odd_matrix(&self) -> Matrix<'_> {
        Matrix { values: &self.odd, stride: self.differences() }
    }

    /// delta: `first` starts with the sine's product with every column.
    fn checkerboard(&self, first: &[f32]) -> f32 {
        let sum = self.sine.iter().zip(first).fold(0.0, |sum, (s, &value)| sum + s * f64::from(value));
        (-sum / (self.side * self.side) as f64) as f32
    }

    /// Joins the halves of every output row, and adds what is added to all.
    fn finish(&self, even: &[f32], odd: &[f32], offset: f32, delta: f32, output: &mut [f32]) {
        let (half, side) = (self.half, 2 * self.half);
        let rows = even.chunks_exact(self.padded_half()).zip(odd.chunks_exact(self.padded_half()));
        for (m1, (out, (even, odd))) in output.chunks_exact_mut(side).zip(rows).enumerate() {
            let delta = if m1 % 2 == 0 { delta } else { -delta };
            let added = [offset + delta, offset - delta];
            out[0] = even[0] + added[0];
            out[half] = even[half] + added[half % 2];
            for m in 1..half {
                out[m] = even[m] + odd[m] + added[m % 2];
                out[side - m] = even[m] - odd[m] + added[m % 2];
            }
        }
    }
}

/// The mean of a few hundred samples: any constant may be taken out, a near one is enough.
fn rough_mean(plane: &[f32]) -> f32 {
    let step = (plane.len() / 512).max(1) | 1;
    let samples = plane.iter().step_by(step);
    let count = samples.len();
    samples.sum::<f32>() / count as f32
}

/// `sin(2 pi h n / N)`; the angle is reduced in integers first, so that it is exact for every `n`.
fn sine(side: usize, half: usize, n: usize) -> f64 {
    libm::sin(2.0 * PI * (half * n % side) as f64 / side as f64)
}

/// The entries of `D`, which depend on `(m * N - n * M) mod (M * N)` alone.
struct Kernel {
    side: usize,
    output: usize,
}

impl Kernel {
    fn new(side: usize, half: usize) -> Self {
        Self { side, output: 2 * half }
    }

    fn at(&self, m: usize, n: usize) -> f64 {
        let (side, output) = (self.side, self.output);
        let period = side * output;
        let phase = (m * side + period - n * output) % period;
        if phase == 0 {
            return output as f64 / side as f64;
        }
        // sin(pi M t) with t = phase / (M N) has the period 2 N in `phase`.
        let wave = libm::sin(PI * (phase % (2 * side)) as f64 / side as f64);
        wave / libm::tan(PI * phase as f64 / period as f64) / side as f64
    }
}

/// The transpose of rows of `columns` numbers, its own rows padded with zeros to `padded`.
fn turned(matrix: &[f32], columns: usize, padded: usize) -> Vec<f32> {
    let mut out = vec![0.0; columns * padded];
    for (m, row) in matrix.chunks_exact(columns).enumerate() {
        for (n, &value) in row.iter().enumerate() {
            out[n * padded + m] = value;
        }
    }
    out
}
