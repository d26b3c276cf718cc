use super::super::super::truncate::truncate_f64;
use super::super::cubic_of_bytes;
use super::*;

/// Numbers without a pattern.
struct Numbers(u32);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 15)).wrapping_mul(0x2c1b_3c6d);
        mixed ^ (mixed >> 13)
    }

    fn taps(&mut self) -> [u8; 4] {
        let mut taps = self.next().to_le_bytes();
        match self.next() % 4 {
            // The steepest slopes, and nearly flat ones.
            0 => taps = taps.map(|tap| if tap < 128 { 0 } else { 255 }),
            1 => taps = taps.map(|tap| tap % 3 + 100),
            _ => {}
        }
        taps
    }
}

/// A fraction with which the value of these taps is within 1e-6 of a whole number from 1 to 255, above or below.
fn fraction_near_whole(taps: [u8; 4], numbers: &mut Numbers) -> Option<f64> {
    let value = |d: f64| cubic_of_bytes(taps, d);
    let (mut low, mut high) =
        (f64::from(numbers.next() % 100) / 200.0, 1.0 - f64::from(numbers.next() % 100) / 200.0);
    let between = value(low).min(value(high)).ceil();
    if between >= value(low).max(value(high)) || !(1.0..=255.0).contains(&between) {
        return None;
    }
    let rises = value(low) < between;
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if (value(middle) < between) == rises {
            low = middle;
        } else {
            high = middle;
        }
    }
    let d = low + f64::from(numbers.next() % 2001) * 1e-12 - 1e-9;
    ((value(d) - between).abs() < 1e-6).then_some(d)
}

fn exact(taps: [u8; 4], d: f64) -> u8 {
    truncate_f64(cubic_of_bytes(taps, d))
}

/// Rows of taps with room behind them.
fn rows(taps: &[[u8; 4]]) -> [Vec<u8>; 4] {
    [0, 1, 2, 3].map(|row| taps.iter().map(|taps| taps[row]).chain([0; SPARE]).collect())
}

fn slices(rows: &[Vec<u8>; 4]) -> [&[u8]; 4] {
    rows.each_ref().map(Vec::as_slice)
}

#[test]
fn values_next_to_whole_numbers_are_found_and_others_are_right() {
    for level in SimdLevel::available() {
        let (mut numbers, mut unsure, mut wrong) = (Numbers(1), Vec::new(), 0);
        for length in (3..=210).step_by(3).chain([600; 40]) {
            let mut cases = Vec::new();
            while cases.len() < length / 3 {
                let taps = numbers.taps();
                cases.extend(fraction_near_whole(taps, &mut numbers).map(|d| (taps, d)));
            }
            let mut row = Row::default();
            row.reset(length);
            for (x, (_, d)) in cases.iter().enumerate() {
                row.set(level, x, *d);
            }
            // One channel next to a whole number, one flat, and one anywhere.
            let taps: Vec<[u8; 4]> =
                cases.iter().flat_map(|(taps, _)| [*taps, [taps[0]; 4], numbers.taps()]).collect();
            let mut out = vec![0; length];
            let rows = rows(&taps);
            interpolate_row(level, slices(&rows), &row, 0, &mut out, &mut unsure);
            for (at, value) in out.into_iter().enumerate() {
                let right = exact(taps[at], cases[at / 3].1);
                match at % 3 {
                    0 => assert!(unsure.contains(&at), "{level} {:?}", cases[at / 3]),
                    1 => assert!(!unsure.contains(&at), "{level}"),
                    _ => {}
                }
                assert!(value == right || unsure.contains(&at), "{level} {:?} {:?}", taps[at], cases[at / 3]);
                wrong += usize::from(value != right);
            }
            assert!(unsure.iter().all(|at| *at < length));
        }
        assert!(wrong > 1000, "{level}: nothing would be wrong without a guard: {wrong}");
    }
}

#[test]
fn one_fraction_for_all_bytes_gives_what_it_gives_for_each() {
    for level in SimdLevel::available() {
        let (mut numbers, mut unsure) = (Numbers(2), Vec::new());
        for round in 0..3000 {
            let length = 1 + round % 200;
            let taps: Vec<[u8; 4]> = (0..length).map(|_| numbers.taps()).collect();
            let special = [0.0, 1.0, 0.5, 1.0 / 64.0, 1e-17, 1e-9, 1.0 - 1e-9, 0.1, 1.0 / 3.0];
            let near = fraction_near_whole(taps[0], &mut numbers);
            let any = f64::from(numbers.next()) / f64::from(u32::MAX);
            let d = special.get(round / 20).copied().or(near).unwrap_or(any);
            let (rows, mut out) = (rows(&taps), vec![0; length]);
            interpolate(level, slices(&rows), d, &mut out, &mut unsure);
            for (at, value) in out.into_iter().enumerate() {
                assert!(value == exact(taps[at], d) || unsure.contains(&at), "{level} {:?} {d}", taps[at]);
            }
            assert!(d * 64.0 % 1.0 != 0.0 || unsure.is_empty(), "{level} {d}: all sums are exact");
        }
    }
}

#[test]
fn sums_are_within_the_margin() {
    let mut numbers = Numbers(3);
    for bits in [7, 8] {
        let one = f64::from(1 << one_bits(bits));
        let mut most: f64 = 0.0;
        for _ in 0..300_000 {
            let (taps, d) = (numbers.taps(), f64::from(numbers.next()) / f64::from(u32::MAX));
            let weights = whole_weights(d, bits);
            assert_eq!(weights.iter().sum::<i32>(), 1 << one_bits(bits));
            let sum: i32 = taps.into_iter().zip(weights).map(|(tap, weight)| i32::from(tap) * weight).sum();
            most = most.max((f64::from(sum) - cubic_of_bytes(taps, d) * one).abs());
        }
        assert!(most < 383.0, "{bits}: {most}");
    }
}
