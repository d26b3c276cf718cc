//! Orders look like draws from all permutations: each statistic has the value that chance gives it, and a
//! Fisher-Yates shuffle passes the same test beside it.
//!
//! Seeds are fixed, so a test passes always or never. Bounds are four to five standard deviations of what
//! chance gives; a Feistel network of four rounds is far beyond several of them.

use std::collections::HashMap;

use bandwise_curriculum::{Order, OrderKind};
use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const BOUND: f64 = 4.5;

fn order(seed: u64, epoch: u64, len: usize) -> Vec<u64> {
    let order = Order::new(OrderKind::Shuffled, seed, epoch, len as u64);
    (0..len as u64).map(|position| order.sample(position)).collect()
}

/// The oracle: the textbook shuffle with a generator of its own.
fn fisher_yates(seed: u64, epoch: u64, len: usize) -> Vec<u64> {
    let mut rng = ChaCha8Rng::from_seed([0xfe; 32]);
    rng.set_stream(seed << 32 | epoch);
    let mut samples: Vec<u64> = (0..len as u64).collect();
    for last in (1..len).rev() {
        samples.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
    }
    samples
}

type Shuffle = fn(u64, u64, usize) -> Vec<u64>;

const SHUFFLES: [(&str, Shuffle); 2] = [("order", order), ("fisher-yates", fisher_yates)];

/// Asserts for both shuffles that a statistic, in standard deviations from its expectation, is small.
fn assert_chance(statistic: &str, deviation: impl Fn(Shuffle) -> f64) {
    for (name, shuffle) in SHUFFLES {
        let deviation = deviation(shuffle);
        assert!(deviation.abs() < BOUND, "{statistic} of {name}: {deviation} standard deviations");
    }
}

/// Chi-square of counts against equal expectations, in standard deviations.
fn chi_square(counts: impl IntoIterator<Item = u64>, expected: f64, cells: f64) -> f64 {
    let sum: f64 = counts.into_iter().map(|count| (count as f64 - expected).powi(2) / expected).sum();
    (sum - (cells - 1.0)) / (2.0 * (cells - 1.0)).sqrt()
}

/// All permutations of tiny lists come up equally often.
#[test]
fn tiny_lists_reach_every_permutation() {
    for (len, permutations) in [(2, 2), (3, 6), (4, 24), (5, 120)] {
        assert_chance(&format!("permutations of {len}"), |shuffle| {
            let trials = permutations * 1000;
            let mut counts: HashMap<Vec<u64>, u64> = HashMap::new();
            for trial in 0..trials {
                *counts.entry(shuffle(trial % 100, trial / 100, len)).or_default() += 1;
            }
            assert_eq!(counts.len() as u64, permutations);
            chi_square(counts.into_values(), 1000.0, permutations as f64)
        });
    }
}

/// Samples `from` positions apart come to lie `to` apart no more often than by chance; a network works on
/// rows of the square root of the length, so that distance is looked at as well.
#[test]
fn neighbours_are_parted() {
    for (len, trials) in [(1025, 2000), (5000, 500), (100_000, 40)] {
        let row = (len as f64).sqrt().ceil() as usize;
        for (from, to) in [(1, 1), (1, row), (row, 1), (row, row)] {
            assert_chance(&format!("{from} -> {to} of {len}"), |shuffle| {
                let count: usize =
                    (0..trials).map(|epoch| kept_apart(&shuffle(1, epoch, len), from, to)).sum();
                // Ordered pairs of samples `to` apart among all ordered pairs.
                let chance = 2.0 * (len - to) as f64 / (len * (len - 1)) as f64;
                let expected = chance * (len - from) as f64 * trials as f64;
                (count as f64 - expected) / expected.sqrt()
            });
        }
    }
}

fn kept_apart(samples: &[u64], from: usize, to: usize) -> usize {
    samples.iter().zip(&samples[from..]).filter(|(a, b)| a.abs_diff(**b) == to as u64).count()
}

/// Batches of a dataset that is sorted by class hold the classes as draws without replacement do.
#[test]
fn batches_mix_sorted_classes() {
    let (len, classes, batch, epochs) = (50_000_usize, 100, 500, 20);
    assert_chance("class counts", |shuffle| {
        let share = batch as f64 / classes as f64;
        let without_replacement = (len - batch) as f64 / (len - 1) as f64;
        let variance = share * (1.0 - 1.0 / classes as f64) * without_replacement;
        let mut sum = 0.0;
        for epoch in 0..epochs {
            for batch in shuffle(2, epoch, len).chunks_exact(batch) {
                let counts = class_counts(batch, len / classes, classes);
                sum += counts.iter().map(|&count| (count - share).powi(2)).sum::<f64>() / variance;
            }
        }
        let cells = (epochs as usize * (len / batch) * classes) as f64;
        // The counts of a batch sum to its size, and those of a class over an epoch to the class.
        (sum / cells - 1.0) / (2.0 / cells).sqrt()
    });
}

fn class_counts(batch: &[u64], class_len: usize, classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    for &sample in batch {
        counts[sample as usize / class_len] += 1.0;
    }
    counts
}

/// Samples move as far as chance moves them, on average and in how much that differs between epochs.
#[test]
fn samples_move_as_far_as_chance_moves_them() {
    for (len, trials) in [(1025, 2000), (5000, 500)] {
        let n = len as f64;
        let scores = |shuffle: Shuffle| {
            // The mean displacement has mean (n^2 - 1) / 3n and variance about 2n / 45.
            let score = |epoch| {
                (mean_displacement(&shuffle(3, epoch, len)) - (n - 1.0 / n) / 3.0) / (n * 2.0 / 45.0).sqrt()
            };
            (0..trials).map(score).collect::<Vec<f64>>()
        };
        let t = trials as f64;
        assert_chance("displacement", |shuffle| scores(shuffle).iter().sum::<f64>() / t.sqrt());
        assert_chance("variance of displacement", |shuffle| {
            let variance = scores(shuffle).iter().map(|score| score * score).sum::<f64>() / t;
            (variance - 1.0) / (2.0 / t).sqrt()
        });
    }
}

fn mean_displacement(samples: &[u64]) -> f64 {
    let sum: u64 = samples.iter().zip(0..).map(|(sample, position)| sample.abs_diff(position)).sum();
    sum as f64 / samples.len() as f64
}

/// Epochs, and seeds, share no more samples at the same position than chance gives: one.
#[test]
fn epochs_and_seeds_are_unrelated() {
    let (len, trials) = (1500, 2000);
    for (seed_step, epoch_step) in [(0, 1), (1, 0), (1, 1)] {
        assert_chance(&format!("agreement {seed_step} {epoch_step}"), |shuffle| {
            let agreement = |trial| {
                let (one, other) = (shuffle(4, trial, len), shuffle(4 + seed_step, trial + epoch_step, len));
                one.iter().zip(&other).filter(|(a, b)| a == b).count()
            };
            let count: usize = (0..trials).map(agreement).sum();
            (count as f64 - trials as f64) / (trials as f64).sqrt()
        });
        assert_chance(&format!("correlation {seed_step} {epoch_step}"), |shuffle| {
            let correlation = |trial| {
                correlation(&shuffle(4, trial, len), &shuffle(4 + seed_step, trial + epoch_step, len))
            };
            let sum: f64 = (0..trials).map(correlation).sum();
            sum * (len as f64 - 1.0).sqrt() / (trials as f64).sqrt()
        });
    }
}

/// Pearson's correlation of two permutations of the same length.
fn correlation(one: &[u64], other: &[u64]) -> f64 {
    let n = one.len() as f64;
    let mean = (n - 1.0) / 2.0;
    let product = |(a, b): (&u64, &u64)| (*a as f64 - mean) * (*b as f64 - mean);
    let covariance: f64 = one.iter().zip(other).map(product).sum::<f64>() / n;
    covariance / ((n * n - 1.0) / 12.0)
}

/// Every region of the data is spread evenly over the epoch.
#[test]
fn regions_are_spread_over_the_epoch() {
    let (len, side, trials) = (100_000_usize, 32, 40);
    assert_chance("grid", |shuffle| {
        let mut counts = vec![0_u64; side * side];
        for epoch in 0..trials {
            for (position, sample) in shuffle(5, epoch, len).into_iter().enumerate() {
                counts[position * side / len * side + sample as usize * side / len] += 1;
            }
        }
        let expected = (len * trials as usize) as f64 / (side * side) as f64;
        // Rows and columns are fixed sums, so there are (side - 1)^2 free cells.
        let free = ((side - 1) * (side - 1)) as f64;
        chi_square(counts, expected, free + 1.0)
    });
}
