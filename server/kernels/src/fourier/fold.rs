//! Sums and differences of mirrored samples, and back.
//!
//! A folded line of `N` samples holds `x[0]`, the sums `x[n] + x[N - n]` for `n` up to half, with `x[N / 2]`
//! alone if `N` is even, and then the differences `x[n] - x[N - n]` from `n = 1` on: `N` numbers again.
//! These are single additions, so the compiler may make vectors of the loops without changing bits.

/// Folds the rows of a square plane, row against mirrored row, after subtracting `offset`. Rows of `folded`
/// are `columns` apart, padded with zeros.
pub(super) fn fold_rows(plane: &[f32], side: usize, offset: f32, columns: usize, folded: &mut [f32]) {
    let row = |n: usize| &plane[n * side..][..side];
    let (sums, differences) = folded.split_at_mut((side / 2 + 1) * columns);
    for (n, out) in sums.chunks_exact_mut(columns).enumerate() {
        out[side..].fill(0.0);
        if n == 0 || 2 * n == side {
            out.iter_mut().zip(row(n)).for_each(|(out, a)| *out = a - offset);
        } else {
            let pairs = row(n).iter().zip(row(side - n));
            out.iter_mut().zip(pairs).for_each(|(out, (a, b))| *out = (a - offset) + (b - offset));
        }
    }
    for (n, out) in (1..).zip(differences.chunks_exact_mut(columns)) {
        out[side..].fill(0.0);
        let pairs = row(n).iter().zip(row(side - n));
        out.iter_mut().zip(pairs).for_each(|(out, (a, b))| *out = a - b);
    }
}

/// Folds one line.
pub(super) fn fold(line: &[f32], folded: &mut [f32]) {
    let side = line.len();
    let pairs = (side - 1) / 2;
    let (sums, differences) = folded.split_at_mut(side / 2 + 1);
    sums[0] = line[0];
    sums[side / 2] = line[side / 2];
    let mirrored = line[1..=pairs].iter().zip(line[side - pairs..].iter().rev());
    for ((sum, difference), (a, b)) in sums[1..].iter_mut().zip(differences).zip(mirrored) {
        *sum = a + b;
        *difference = a - b;
    }
}

/// Row `m` of a product from its even and odd halves, whose rows are `columns` apart: `half + 1` rows and
/// `half` rows, of which row 0 is something else.
pub(super) fn unfold(m: usize, even: &[f32], odd: &[f32], columns: usize, line: &mut [f32]) {
    let half = odd.len() / columns;
    let mirrored = m.min(2 * half - m);
    let even = &even[mirrored * columns..][..line.len()];
    if mirrored == 0 || mirrored == half {
        line.copy_from_slice(even);
        return;
    }
    let odd = &odd[mirrored * columns..][..line.len()];
    let pairs = even.iter().zip(odd);
    if m < half {
        line.iter_mut().zip(pairs).for_each(|(out, (a, b))| *out = a + b);
    } else {
        line.iter_mut().zip(pairs).for_each(|(out, (a, b))| *out = a - b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_pairs_mirrored_samples() {
        let mut folded = [0.0; 6];
        fold(&[1.0, 2.0, 3.0, 10.0, 20.0, 30.0], &mut folded);
        assert_eq!(folded, [1.0, 32.0, 23.0, 10.0, -28.0, -17.0]);
        let mut folded = [0.0; 5];
        fold(&[1.0, 2.0, 3.0, 20.0, 30.0], &mut folded);
        assert_eq!(folded, [1.0, 32.0, 23.0, -28.0, -17.0]);
    }

    #[test]
    fn rows_fold_like_lines() {
        for side in [3, 4, 5, 8] {
            let plane: Vec<f32> = (0..side * side).map(|i| (i * i % 17) as f32).collect();
            let mut folded = vec![9.0; side * 8];
            fold_rows(&plane, side, 2.0, 8, &mut folded);
            for x in 0..side {
                let column: Vec<f32> = (0..side).map(|n| plane[n * side + x] - 2.0).collect();
                let mut expected = vec![0.0; side];
                fold(&column, &mut expected);
                let found: Vec<f32> = (0..side).map(|n| folded[n * 8 + x]).collect();
                assert_eq!(found, expected);
            }
            assert!(folded.chunks(8).all(|row| row[side..].iter().all(|&value| value == 0.0)));
        }
    }
}
