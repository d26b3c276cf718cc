//! Orders: the sample at each position of an epoch. A keyed permutation with random access.
//!
//! Keys come from `ChaCha8` under (seed, epoch), so any position of any epoch is found without what came before, on
//! every machine alike. Up to [`TABLE_LEN`] samples the permutation is a Fisher-Yates shuffle, written out: each of the
//! `len!` permutations is as likely as the next, which no Feistel network on so small a rectangle achieves. Longer
//! lists are permuted by the network in `feistel.rs`, in constant memory. Golden values come from a second
//! implementation in Python (`tests/golden_orders.py`).
//!
//! The plan decides how rows are cut out of an epoch, and the dataset what a sample is.

use bandwise_choice::choices;
use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::feistel::{Feistel, ROUNDS, scale_below};

/// Keeps these draws apart from all others of the same seed and epoch.
const DOMAIN: [u8; 16] = *b"bandwise order 1";

/// Longest list that is shuffled in a table, of two bytes a sample.
const TABLE_LEN: u64 = 1024;

choices! {
    /// The order of the samples of an epoch.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum OrderKind: "order" {
        /// In an order that looks random and that (seed, epoch) decide.
        Shuffled = "shuffled",
        /// As the dataset lists them.
        Sequential = "sequential",
    }
}

/// The order of the samples in one epoch.
#[derive(Debug, Clone)]
pub struct Order {
    len: u64,
    permutation: Permutation,
}

#[derive(Debug, Clone)]
enum Permutation {
    Identity,
    Table(Box<[u16]>),
    Network(Feistel),
}

impl Order {
    /// The order of `len` samples in an epoch. It costs some 100 ns, up to 1024 samples a few
    /// microseconds, and holds at most 2 KiB. Sequential orders are the same for every seed and epoch.
    pub fn new(kind: OrderKind, seed: u64, epoch: u64, len: u64) -> Self {
        let permutation = match kind {
            OrderKind::Sequential => Permutation::Identity,
            OrderKind::Shuffled if len <= TABLE_LEN => {
                Permutation::Table(shuffled_table(len as u16, &mut keyed_rng(seed, epoch)))
            }
            OrderKind::Shuffled => Permutation::Network(keyed_network(len, &mut keyed_rng(seed, epoch))),
        };
        Self { len, permutation }
    }

    /// Samples in the epoch.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the epoch has no samples.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sample id at a position; a permutation of `0..len`. Some tens of nanoseconds, without allocation.
    ///
    /// # Panics
    ///
    /// If `position` is not below [`Order::len`]. Positions come from a located step of a plan for the same
    /// number of samples, which always lie below it.
    pub fn sample(&self, position: u64) -> u64 {
        assert!(position < self.len, "position {position} of an order of {} samples", self.len);
        match &self.permutation {
            Permutation::Identity => position,
            Permutation::Table(table) => u64::from(table[position as usize]),
            Permutation::Network(network) => network.permute(position),
        }
    }
}

fn keyed_rng(seed: u64, epoch: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&epoch.to_le_bytes());
    key[16..].copy_from_slice(&DOMAIN);
    ChaCha8Rng::from_seed(key)
}

/// Fisher-Yates; 64 bits a draw leave a bias below 2^-54.
fn shuffled_table(len: u16, rng: &mut ChaCha8Rng) -> Box<[u16]> {
    let mut table: Box<[u16]> = (0..len).collect();
    for last in (1..table.len()).rev() {
        let other = scale_below(rng.next_u64(), last as u64 + 1);
        table.swap(last, other as usize);
    }
    table
}

fn keyed_network(len: u64, rng: &mut ChaCha8Rng) -> Feistel {
    let keys: [u64; ROUNDS] = std::array::from_fn(|_| rng.next_u64());
    Feistel::new(len, keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(seed: u64, epoch: u64, len: u64) -> Vec<u64> {
        let order = Order::new(OrderKind::Shuffled, seed, epoch, len);
        (0..len.min(8)).map(|position| order.sample(position)).collect()
    }

    #[test]
    fn a_sequential_order_is_the_datasets() {
        let order = Order::new(OrderKind::Sequential, 7, 3, 1 << 40);
        assert_eq!([0, 5, (1 << 40) - 1].map(|position| order.sample(position)), [0, 5, (1 << 40) - 1]);
    }

    #[test]
    #[should_panic(expected = "position 10 of an order of 10 samples")]
    fn positions_behind_the_end_panic() {
        Order::new(OrderKind::Sequential, 0, 0, 10).sample(10);
    }

    #[test]
    fn an_empty_epoch_has_no_positions() {
        let order = Order::new(OrderKind::Shuffled, 0, 0, 0);
        assert_eq!((order.is_empty(), order.len()), (true, 0));
    }

    #[test]
    fn seeds_and_epochs_have_their_own_orders() {
        for len in [100, 10_000] {
            assert_eq!(samples(1, 2, len), samples(1, 2, len));
            assert_ne!(samples(1, 2, len), samples(2, 2, len));
            assert_ne!(samples(1, 2, len), samples(1, 3, len));
            assert_ne!(samples(1, 2, len), samples(2, 1, len));
        }
    }

    /// Running and recorded jobs rely on these values: a change means that they show other images, and asks
    /// for a new version of the pixel semantics. The values are those of `tests/golden_orders.py`.
    #[test]
    fn the_orders_of_jobs_never_change() {
        assert_eq!(samples(0, 0, 10), [3, 2, 1, 8, 4, 7, 6, 0]);
        assert_eq!(samples(0, 0, 1024), [141, 176, 781, 121, 481, 814, 988, 502]);
        assert_eq!(samples(0, 0, 1025), [845, 959, 976, 712, 350, 889, 518, 385]);
        assert_eq!(
            samples(0, 0, 1_281_167),
            [616657, 450974, 1166780, 548496, 1203047, 1268446, 1114938, 1034920]
        );
        assert_eq!(
            samples(42, 299, 1_281_167),
            [702394, 649518, 813146, 194056, 1046918, 1224438, 77982, 1014253]
        );
        assert_eq!(
            samples(u64::MAX, 1, 14_200_000),
            [4407031, 12791813, 752272, 7176487, 9822428, 11157460, 2708738, 4292953]
        );
    }
}
