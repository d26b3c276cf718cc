use super::*;

const SIDE: usize = 80;

/// A picture without a pattern; of few values if `plain`.
fn pixels(seed: u32, plain: bool) -> Vec<u8> {
    let value = |i: u32| {
        let mixed = (i.wrapping_mul(0x9e37_79b1) ^ seed).wrapping_mul(0x85eb_ca6b);
        let value = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35) >> 24;
        if plain { value / 128 * 255 } else { value }
    };
    (0..3 * (SIDE * SIDE) as u32).map(|i| value(i) as u8).collect()
}

/// The bytes of a chunk by the quick way, those of them that are unsure, and the bytes of Pillow's arithmetic.
fn both(
    level: SimdLevel,
    pixels: &mut [u8],
    lines: [Line; 2],
    first: usize,
) -> (Vec<u8>, Vec<bool>, Vec<u8>) {
    let mut work = Workspace::default();
    let parts = work.parts(&Picture { pixels, width: SIDE, height: SIDE });
    let (mut quick, mut exact) = (vec![0; 3 * CHUNK + LOAD], vec![0; 3 * CHUNK + LOAD]);
    let walk = Walk::new(lines.map(|line| line.position(first) - 0.5), lines.map(|line| line.slope));
    let step = Chunk::new().interpolate(level, parts.source, walk, CHUNK, &mut quick, parts.unsure);
    again::<CHUNK>(level, parts.source, lines, first..first + CHUNK, &mut exact);
    let mut unsure = vec![false; 3 * CHUNK];
    for at in parts.unsure.iter() {
        unsure[3 * at..3 * (at + step)].fill(true);
    }
    (quick, unsure, exact)
}

/// Moves a fraction until the value of a byte is next to a whole number, above or below.
fn next_to_whole(pixels: &[u8], at: usize, row: usize, x_fraction: f64, steps: f64) -> Option<f64> {
    let value = |d: f64| {
        let along = [0, 1, 2, 3].map(|j| {
            let taps = [0, 3, 6, 9].map(|i| pixels[3 * SIDE * (row - 1 + j) + at - 3 + i]);
            super::super::affine::cubic_of_bytes(taps, x_fraction)
        });
        super::super::affine::cubic(along, d)
    };
    let (mut low, mut high) = (0.2, 0.8);
    let whole = value(low).min(value(high)).ceil();
    if whole >= value(low).max(value(high)) || !(1.0..=255.0).contains(&whole) {
        return None;
    }
    let rises = value(low) < whole;
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if (value(middle) < whole) == rises {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low + steps * 1e-10)
}

#[test]
fn values_next_to_whole_numbers_are_found_and_others_are_right() {
    for level in SimdLevel::available() {
        let mut wrong = 0;
        for round in 0..3000_u32 {
            let mut pixels = pixels(round, round % 3 == 0);
            // Far from where a fraction changes sides with the last bit.
            let (x_fraction, row) = (0.1 + f64::from(round) / 4000.0, 2 + round as usize % 70);
            let at = 3 * (4 + round as usize % CHUNK) + round as usize % 3;
            let steps = f64::from(round % 5) - 2.0;
            let Some(y_fraction) = next_to_whole(&pixels, at, row, x_fraction, steps) else { continue };
            let lines = [
                Line { slope: 1.0, shift: 0.0, offset: x_fraction },
                Line { slope: 0.0, shift: row as f64 + 0.5, offset: y_fraction },
            ];
            let first = 4;
            let (quick, unsure, exact) = both(level, &mut pixels, lines, first);
            assert!(unsure[at - 3 * first], "{level} {round}");
            for i in 0..3 * CHUNK {
                assert!(quick[i] == exact[i] || unsure[i], "{level} {round} {i}");
                wrong += usize::from(quick[i] != exact[i]);
            }
        }
        assert!(wrong > 300, "{level}: nothing would be wrong without a guard: {wrong}");
    }
}

#[test]
fn plain_pictures_are_never_unsure() {
    for level in SimdLevel::available().into_iter().filter(|level| *level != SimdLevel::SCALAR) {
        for value in 0..=255 {
            let lines = [
                Line { slope: 0.912_345_67, shift: f64::from(value) / 97.0, offset: 3.0 },
                Line { slope: 0.312_345_67, shift: f64::from(value) / 171.0, offset: 2.0 },
            ];
            let (quick, unsure, exact) = both(level, &mut vec![value; 3 * SIDE * SIDE], lines, 3);
            assert_eq!(quick[..3 * CHUNK], exact[..3 * CHUNK], "{level} {value}");
            assert!(!unsure.contains(&true), "{level} {value}");
        }
    }
}

#[test]
fn walks_in_all_directions_give_what_positions_give() {
    for level in SimdLevel::available() {
        let mut unsure_pixels = 0;
        for round in 0..2000_u32 {
            let mut pixels = pixels(round, round % 4 == 0);
            let (sine, cosine) = (f64::from(round) * 0.01).sin_cos();
            let length = 39.0;
            let lines = [(cosine, 40.0), (sine, 40.0)].map(|(slope, middle)| Line {
                slope: slope * length / 40.0,
                shift: middle,
                offset: -slope * length / 40.0 * (CHUNK as f64 / 2.0 + 3.0),
            });
            let (quick, unsure, exact) = both(level, &mut pixels, lines, 3);
            for i in 0..3 * CHUNK {
                assert!(quick[i] == exact[i] || unsure[i], "{level} {round} {i}");
            }
            unsure_pixels += unsure.iter().filter(|unsure| **unsure).count() / 3;
        }
        assert!(level == SimdLevel::SCALAR || unsure_pixels < 2000 * CHUNK / 20, "{level} {unsure_pixels}");
    }
}
