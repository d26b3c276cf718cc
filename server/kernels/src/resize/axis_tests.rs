//! Weights against the check vectors of Pillow, and the ranges that the kernels rely on.

use super::super::Anchor;
use super::super::filter::HALF;
use super::*;

pub(in super::super) fn axis(filter: Filter, input: usize, output: usize) -> Axis {
    built(AxisKey { filter, input, output, first: 0, wanted: output, detour: None })
}

fn built(key: AxisKey) -> Axis {
    let mut axis = Axis::default();
    axis.rebuild(SimdLevel::detect(), key);
    axis
}

#[test]
fn bicubic_8_to_3_has_pillows_weights() {
    let axis = axis(Filter::Bicubic, 8, 3);
    assert_eq!(axis.spans.start(0), 0);
    assert_eq!(axis.weights(0), [1357984, 1678094, 1096189, 261175, -104842, -91194, -3102]);
    assert_eq!(axis.spans.start(1), 0);
    assert_eq!(axis.weights(1), [-113649, 59548, 732425, 1418827, 1418827, 732425, 59548, -113649]);
}

#[test]
fn lanczos_224_to_96_has_pillows_weights() {
    let axis = axis(Filter::Lanczos, 224, 96);
    assert_eq!(axis.weights(0), [1641511, 1842519, 977996, 0, -277004, -68094, 59186, 18188]);
    assert_eq!(axis.spans.start(50), 111);
    let weights = [
        17142, 55781, -64175, -261065, 0, 921721, 1736498, 1547056, 571194, -169463, -215756, 0, 51030, 4341,
    ];
    assert_eq!(axis.weights(50), weights);
}

pub(in super::super) fn joined_axes() -> impl Iterator<Item = (String, Axis)> {
    let lengths = (1..30).chain([95, 96, 97, 150, 223, 224, 225, 350, 500, 1999]);
    let outputs = [(224, 96), (224, 128), (224, 160), (224, 224), (32, 2), (512, 384)];
    let cases = lengths.flat_map(move |length| outputs.map(|(between, output)| (length, between, output)));
    cases.flat_map(|(length, between, output)| {
        let ways = [(1, 0, Anchor::Ends), (2, 1, Anchor::First), (4, 0, Anchor::Last), (8, 7, Anchor::Ends)];
        ways.map(|(shrink, lead, anchor)| {
            let detour = Detour { shrink, lead, length, between, last: Filter::Lanczos, anchor };
            let input = (lead + length).div_ceil(shrink);
            let key = AxisKey {
                filter: Filter::Bicubic,
                input,
                output,
                first: 0,
                wanted: output,
                detour: Some(detour),
            };
            (format!("{length} / {shrink} + {lead} -> {between} -> {output}"), built(key))
        })
    })
}

#[test]
fn sums_stay_inside_32_bits() {
    let larger = (1..60).flat_map(|i| (1..60).map(move |o| (i, o)));
    let lanczos = larger.map(|(i, o)| (format!("{i} -> {o}"), axis(Filter::Lanczos, i, o)));
    for (name, axis) in lanczos.chain(joined_axes()) {
        for output in 0..axis.spans.outputs() {
            let sum: i64 = axis.weights(output).iter().map(|&q| i64::from(q.abs())).sum();
            assert!(sum * 255 + i64::from(HALF) < 1 << 31, "{name}: {sum}");
        }
    }
}

#[test]
fn starts_never_fall_and_inputs_exist() {
    for (name, axis) in joined_axes() {
        assert!(axis.spans.starts().is_sorted(), "{name}");
    }
}
