//! Orders are permutations: every sample once an epoch, at any length.

use bandwise_curriculum::{Order, OrderKind};

fn assert_permutation(seed: u64, epoch: u64, len: u64) {
    let order = Order::new(OrderKind::Shuffled, seed, epoch, len);
    let mut seen = vec![0_u64; len.div_ceil(64) as usize];
    for position in 0..len {
        let sample = order.sample(position);
        let (word, bit) = ((sample / 64) as usize, 1 << (sample % 64));
        assert!(sample < len && seen[word] & bit == 0, "sample {sample} of {len} at position {position}");
        seen[word] |= bit;
    }
}

#[test]
fn short_lists_are_permuted() {
    for len in [1, 2, 3, 7, 100, 1000, 1023, 1024, 1025, 1026, 4095, 4096, 4097, 65_537] {
        for epoch in 0..5 {
            assert_permutation(epoch * 31, epoch, len);
        }
    }
}

/// ImageNet-1k.
#[test]
fn one_million_samples_are_permuted() {
    assert_permutation(0, 0, 1_281_167);
}

/// ImageNet-22k.
#[test]
fn fourteen_million_samples_are_permuted() {
    assert_permutation(1, 89, 14_200_000);
}

/// No memory of its own, no overflow, however long the list.
#[test]
fn lists_beyond_memory_have_orders() {
    for len in [1 << 33, 1 << 40, (1 << 63) + 1, u64::MAX] {
        let order = Order::new(OrderKind::Shuffled, 3, 1, len);
        let mut samples: Vec<_> = (0..1000).map(|i| order.sample(len - 1 - i * (len / 1000))).collect();
        samples.sort_unstable();
        assert!(samples.is_sorted_by(|a, b| a < b) && samples.iter().all(|&sample| sample < len));
    }
}
