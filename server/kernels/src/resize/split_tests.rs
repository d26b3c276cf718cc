//! Splits against the weights that they are made of.

use super::super::axis::tests::{axis, joined_axes};
use super::super::filter::{Filter, PRECISION};
use super::*;

/// Axes of every kind: plain ones, and ones that join resizes.
fn axes() -> impl Iterator<Item = (String, Axis)> {
    let small = (1..40).flat_map(|i| (1..40).map(move |o| (i, o)));
    let plain = small.chain([(9000, 2), (2, 500)]).flat_map(|(input, output)| {
        let name = move |filter| format!("{filter} {input} -> {output}");
        [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos]
            .map(|filter| (name(filter), axis(filter, input, output)))
    });
    plain.chain(joined_axes())
}

#[test]
fn splits_lose_nothing_for_any_size() {
    for (name, axis) in axes() {
        let largest = axis.padded_weights().iter().map(|q| q.abs()).max().unwrap();
        assert!(largest < 2 << PRECISION, "{name}: {largest}");
        for (group, quad) in axis.padded_weights().as_chunks::<GROUP>().0.iter().zip(quads(&axis)) {
            for (tap, &q) in group.iter().enumerate() {
                let byte = |part: usize| i32::from(quad.0[part].to_le_bytes()[tap] as i8);
                assert_eq!(byte(0) + (byte(1) << 8) + (byte(2) << 16), q);
            }
        }
        for (&[a, b], pair) in axis.padded_weights().as_chunks::<2>().0.iter().zip(pairs(&axis)) {
            let join = |shift: u32| {
                let high = i32::from((pair.high >> shift) as i16);
                (high << PAIR_SHIFT) + i32::from((pair.low >> shift) as i16)
            };
            assert_eq!((join(0), join(16)), (a, b));
        }
    }
}
