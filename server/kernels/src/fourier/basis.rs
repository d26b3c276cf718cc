//! The matrices of a Fourier crop (`pipeline.md` e.3) and what they are made from.
//!
//! With `h = M / 2`, the crop of a plane `x` is
//!
//! ```text
//! y = D x D^T + delta * (-1)^(m1 + m2)
//! D[m, n] = 1/N * sin(pi M t) / tan(pi t),  t = m/M - n/N            (M/N where t is an integer)
//! delta   = -1/N^2 * sum over n1, n2 of x[n1, n2] s[n1] s[n2],  s[n] = sin(2 pi h n / N)
//! ```
//!
//! Let `G` divide `M = P G` and `N = Q G`. `D` does not change when `m` moves on by `P` and `n` by `Q`, so
//! transforms of length `G` of the strands of a line (`strand`) take it apart: for each frequency `c` of
//! them there is one `P x Q` matrix,
//!
//! ```text
//! K[i, j] = 1/G * sum over a of D[P a + i, j] exp(-2 pi i c a / G)
//! ```
//!
//! `D` does not change either when both its indices are mirrored, so `K[-i, -j]` is the conjugate of
//! `K[i, j]`. Hence between folded strands the matrix is real: with strands of differences taken times `-i`,
//! and the middle strand `j = Q / 2` turned by `exp(-i pi c / G)` to where its mirror image is itself, it is
//! `K`'s even or odd part in `j`, and of that the real or the imaginary part.
//!
//! `s` is the one frequency without a partner: seen at `c = 0` (even `P`) or `G / 2` (odd `P`), as one row
//! more, which delivers one half of delta's double sum.

use std::f64::consts::PI;

use super::product::{Block, Strands};
use super::strand::{Strand, unchanged};
use super::transform::{LONGEST, frequencies};

/// A number and its imaginary part.
type Pair = [f64; 2];

#[derive(Debug)]
pub(super) struct Basis {
    /// `N`.
    pub(super) side: usize,
    /// `M`.
    pub(super) outputs: usize,
    /// `G`, a power of two.
    pub(super) group: usize,
    /// `Q`.
    pub(super) strands_in: usize,
    /// `P`.
    pub(super) strands_out: usize,
    /// For the frequencies 0 and `G / 2`, whose spectra are real.
    pub(super) reals: Vec<Block>,
    /// For each of [`frequencies`].
    pub(super) pairs: Vec<Block>,
    /// The rotation of middle strands at each of [`frequencies`]: cosine and sine.
    pub(super) turns: Vec<[f32; 2]>,
    /// For each strand: how much of it is in the sum over `s`.
    pub(super) sine_row: Vec<f32>,
    /// `s`.
    sine: Vec<f64>,
}

impl Basis {
    /// For `half < side / 2 + 1`, `side >= 3`.
    pub(super) fn new(side: usize, half: usize) -> Self {
        let outputs = 2 * half;
        let group = (1 << (side | outputs).trailing_zeros()).min(LONGEST);
        let (strands_in, strands_out) = (side / group, outputs / group);
        let sine: Vec<f64> = (0..side).map(|n| sine(side, half, n)).collect();
        let sine_at = |index| -sine[Strand::of(strands_in, index).offset(strands_in)] as f32;
        let angle = |c: usize| PI * c as f64 / group as f64;
        let kernel = Kernel::new(side, outputs, group);
        Self {
            side,
            outputs,
            group,
            strands_in,
            strands_out,
            reals: (0..group.min(2)).flat_map(|slot| kernel.real(slot)).collect(),
            pairs: frequencies(group).into_iter().enumerate().map(|(k, c)| kernel.pair(k, c)).collect(),
            turns: frequencies(group)
                .into_iter()
                .map(|c| [libm::cos(angle(c)) as f32, libm::sin(angle(c)) as f32])
                .collect(),
            sine_row: (0..strands_in).map(sine_at).collect(),
            sine,
        }
    }

    /// The slot of the unpaired frequency: at frequency 0 (0) or `G / 2` (1).
    pub(super) fn sine_slot(&self) -> usize {
        self.strands_out % 2
    }

    /// delta, from the sums of `x s` along all lines.
    pub(super) fn checkerboard(&self, sums: &[f32]) -> f32 {
        let sum = self.sine.iter().zip(sums).fold(0.0, |sum, (s, &value)| sum + s * f64::from(value));
        (-sum / (self.side * self.side) as f64) as f32
    }
}

/// `sin(2 pi h n / N)`; the angle is reduced in integers first, so that it is exact for every `n`.
fn sine(side: usize, half: usize, n: usize) -> f64 {
    libm::sin(2.0 * PI * (half * n % side) as f64 / side as f64)
}

/// `exp(-i pi step / group)`.
fn unit(step: usize, group: usize) -> Pair {
    let angle = PI * step as f64 / group as f64;
    [libm::cos(angle), -libm::sin(angle)]
}

fn product(a: Pair, b: Pair) -> Pair {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// `D` and what follows from it.
struct Kernel {
    side: usize,
    outputs: usize,
    group: usize,
    /// `exp(-i pi step / G)`, a full turn.
    turns: Vec<Pair>,
}

impl Kernel {
    fn new(side: usize, outputs: usize, group: usize) -> Self {
        let turns = (0..2 * group).map(|step| unit(step, group)).collect();
        Self { side, outputs, group, turns }
    }

    /// The matrices for the frequency 0 (`slot` 0) or `G / 2`. Nothing passes between strands that mirroring
    /// leaves as they are and strands that it negates.
    fn real(&self, slot: usize) -> impl Iterator<Item = Block> {
        let (rows, columns) = (self.outputs / self.group, self.side / self.group);
        let (row, column) = (unchanged(rows, slot), unchanged(columns, slot));
        let at = |row, column| self.folded(row, column, slot * self.group / 2) as f32;
        let strands = |range, count| Strands { range, count };
        let even = Block::new(strands(0..row, rows), strands(0..column, columns), [slot; 2], at);
        let odd = (row < rows)
            .then(|| Block::new(strands(row..rows, rows), strands(column..columns, columns), [slot; 2], at));
        std::iter::once(even).chain(odd)
    }

    /// The matrix for the frequency `c`, number `k` of [`frequencies`]. It stands for `-c` too, hence the 2.
    fn pair(&self, k: usize, c: usize) -> Block {
        let (rows, columns) = (self.outputs / self.group, self.side / self.group);
        let at = |row, column| (2.0 * self.folded(row, column, c)) as f32;
        Block::new(Strands::all(rows), Strands::all(columns), [2 + 2 * k, 3 + 2 * k], at)
    }

    /// `K` between folded strands `row` and `column`.
    fn folded(&self, row: usize, column: usize, c: usize) -> f64 {
        let (rows, columns) = (self.outputs / self.group, self.side / self.group);
        let (output, input) = (Strand::of(rows, row), Strand::of(columns, column));
        let (m, n) = (output.offset(rows), input.offset(columns));
        let turn = |value| self.turned(value, input, output, c);
        let straight = turn(self.transform(m, n, c));
        let mirrored = match input {
            Strand::First | Strand::Middle => straight,
            Strand::Sum(_) | Strand::Difference(_) => turn(self.transform(m, self.side - n, c)),
        };
        match (input.is_difference(), output.is_difference()) {
            (false, false) => 0.5 * (straight[0] + mirrored[0]),
            (false, true) => 0.5 * (straight[1] + mirrored[1]),
            (true, false) => 0.5 * (mirrored[1] - straight[1]),
            (true, true) => 0.5 * (straight[0] - mirrored[0]),
        }
    }

    /// `K` with middle strands turned to where they are symmetric.
    fn turned(&self, value: Pair, input: Strand, output: Strand, c: usize) -> Pair {
        let turn = self.turns[c];
        let value = if output == Strand::Middle { product(value, turn) } else { value };
        if input == Strand::Middle { product(value, [turn[0], -turn[1]]) } else { value }
    }

    /// `K[m, n]`.
    fn transform(&self, m: usize, n: usize, c: usize) -> Pair {
        let (group, step) = (self.group, self.outputs / self.group);
        let mut sum = [0.0; 2];
        for a in 0..group {
            let (turn, value) = (self.turns[2 * (c * a % group)], self.at(step * a + m, n));
            sum = [sum[0] + turn[0] * value, sum[1] + turn[1] * value];
        }
        sum.map(|part| part / group as f64)
    }

    /// `D[m, n]`, which depends on `(m * N - n * M) mod (M * N)` alone.
    fn at(&self, m: usize, n: usize) -> f64 {
        let (side, outputs) = (self.side, self.outputs);
        let period = side * outputs;
        let phase = (m * side + period - n * outputs) % period;
        if phase == 0 {
            return outputs as f64 / side as f64;
        }
        // sin(pi M t) with t = phase / (M N) has the period 2 N in `phase`.
        let wave = libm::sin(PI * (phase % (2 * side)) as f64 / side as f64);
        wave / libm::tan(PI * phase as f64 / period as f64) / side as f64
    }
}
