//! Tensor output against numpy's and torch's numbers, a naive loop, and every level against the scalar one.

#![allow(clippy::unwrap_used, reason = "a failing check fails the test")]

mod common;

use bandwise_kernels::{
    Dtype, Layout, Normalization, PixelTable, RgbView, SimdLevel, rgb_to_planes_f32, write_pixels,
    write_planes,
};
use common::picture;
use half::{bf16, f16};
use proptest::prelude::*;

const DTYPES: [Dtype; 4] = [Dtype::U8, Dtype::F16, Dtype::Bf16, Dtype::F32];
const LAYOUTS: [Layout; 2] = [Layout::Nchw, Layout::Nhwc];

/// Writes the 256 grey pixels as one row and gives back the elements, channel by channel.
fn ramp(level: SimdLevel, dtype: Dtype) -> Vec<Vec<u8>> {
    let pixels: Vec<u8> = (0..=255).flat_map(|v| [v; 3]).collect();
    let mut out = vec![0; 768 * dtype.size_in_bytes()];
    let table = PixelTable::new(&Normalization::IMAGENET);
    write_pixels(level, &table, RgbView::packed(&pixels, 256, 1), dtype, Layout::Nchw, &mut out);
    out.chunks(dtype.size_in_bytes()).map(<[u8]>::to_vec).collect()
}

fn bits(element: &[u8]) -> u32 {
    element.iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte))
}

#[test]
fn tables_hold_numpys_and_torchs_numbers() {
    for level in SimdLevel::available() {
        let [raw, half, brain, single] = DTYPES.map(|dtype| ramp(level, dtype));
        let bfloat16 = include_str!("golden/bfloat16.txt").lines();
        for (i, (line, brain_line)) in include_str!("golden/tables.txt").lines().zip(bfloat16).enumerate() {
            let fields: Vec<&str> = line.split(' ').collect();
            assert_eq!(format!("{} {}", i / 256, i % 256), fields[..2].join(" "));
            assert_eq!(format!("{:08x}", bits(&single[i])), fields[2], "{level} {line}");
            assert_eq!(format!("{:04x}", bits(&half[i])), fields[3], "{level} {line}");
            assert_eq!(format!("{} {} {:04x}", i / 256, i % 256, bits(&brain[i])), brain_line, "{level}");
            assert_eq!(usize::from(raw[i][0]), i % 256, "{level}");
        }
    }
    assert_eq!(include_str!("golden/tables.txt").lines().count(), 768);
}

fn element(value: f32, dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::U8 => vec![value.round_ties_even().clamp(0.0, 255.0) as u8],
        Dtype::F16 => f16::from_f32_const(value).to_le_bytes().to_vec(),
        Dtype::Bf16 => bf16::from_f32_const(value).to_le_bytes().to_vec(),
        Dtype::F32 => value.to_le_bytes().to_vec(),
    }
}

/// The tensor row of planes, one element at a time.
fn naive(planes: &[f32], dtype: Dtype, layout: Layout) -> Vec<u8> {
    let size = planes.len() / 3;
    let value = |i: usize| match layout {
        Layout::Nchw => planes[i],
        Layout::Nhwc => planes[i % 3 * size + i / 3],
    };
    (0..planes.len()).flat_map(|i| element(value(i), dtype)).collect()
}

/// Usual statistics, and divisors that leave the range of floats.
fn normalization() -> impl Strategy<Value = Normalization> {
    let std =
        prop_oneof![4 => 0.05_f32..1.5, 1 => Just(1e-40_f32), 1 => Just(f32::MIN_POSITIVE), 1 => Just(0.0)];
    let any = ([0.0_f32..1.0, 0.0_f32..1.0, 0.0_f32..1.0], [std.clone(), std.clone(), std]);
    prop_oneof![Just(Normalization::IMAGENET), any.prop_map(|(mean, std)| Normalization { mean, std })]
}

/// Every level, dtype and layout against the definition.
fn check(table: &PixelTable, view: RgbView<'_>) -> Result<(), TestCaseError> {
    let (width, height) = (view.width(), view.height());
    for (level, dtype) in
        SimdLevel::available().into_iter().flat_map(|level| DTYPES.map(|dtype| (level, dtype)))
    {
        let mut planes = vec![0.0; 3 * width * height];
        rgb_to_planes_f32(level, (dtype != Dtype::U8).then_some(table), view, &mut planes);
        for (i, &value) in planes.iter().enumerate() {
            let (c, y, x) = (i / (width * height), i / width % height, i % width);
            let v = view.row(y)[3 * x + c];
            let expected = if dtype == Dtype::U8 { f32::from(v) } else { table.value(c, v) };
            prop_assert_eq!(value.to_bits(), expected.to_bits(), "{} {}", level, dtype);
        }
        for layout in LAYOUTS {
            // One byte more, so that the elements are not aligned.
            let mut out = vec![1; 1 + planes.len() * dtype.size_in_bytes()];
            write_pixels(level, table, view, dtype, layout, &mut out[1..]);
            prop_assert_eq!(&out[1..], naive(&planes, dtype, layout), "{} {} {}", level, dtype, layout);
        }
    }
    Ok(())
}

#[test]
fn large_pictures_are_written_alike_on_every_level() {
    let table = PixelTable::new(&Normalization::IMAGENET);
    for (width, height) in [(224, 224), (97, 95), (5000, 1)] {
        let pixels = picture(7, width, height);
        check(&table, RgbView::packed(&pixels, width, height)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pixels_become_what_their_planes_become_on_every_level(
        (width, height, gap) in (1usize..150, 1usize..12, 0usize..9),
        seed in 0u32..10_000,
        normalization in normalization(),
    ) {
        let stride = 3 * width + gap;
        let bytes = picture(seed, stride.div_ceil(3), height);
        let pixels = &bytes[..stride * (height - 1) + 3 * width];
        check(&PixelTable::new(&normalization), RgbView::new(pixels, width, height, stride))?;
    }

    #[test]
    fn every_level_writes_any_floats_alike(
        (width, height) in (1usize..20, 1usize..6),
        words in proptest::collection::vec(any::<u32>(), 3 * 19 * 5),
        narrow in any::<bool>(),
    ) {
        let float = |word: &u32| if narrow { (*word % 70_000) as f32 / 128.0 - 100.0 } else { f32::from_bits(*word) };
        let planes: Vec<f32> = words[..3 * width * height].iter().map(float).collect();
        for (dtype, layout) in DTYPES.into_iter().flat_map(|dtype| LAYOUTS.map(|layout| (dtype, layout))) {
            let expected = naive(&planes, dtype, layout);
            for level in SimdLevel::available() {
                let mut out = vec![1; 1 + expected.len()];
                write_planes(level, &planes, width, height, dtype, layout, &mut out[1..]);
                prop_assert_eq!(&out[1..], &expected, "{} {} {}", level, dtype, layout);
            }
        }
    }
}

#[test]
fn half_precision_is_right_for_special_values() {
    let values =
        [0.0, -0.0, 65504.0, 65519.9, 65520.0, 1e30, 6e-8, 2.98e-8, 2.99e-8, 6.1e-5, f32::INFINITY, f32::NAN];
    let planes: Vec<f32> = values.into_iter().chain(values.map(|value| -value)).collect();
    for dtype in [Dtype::F16, Dtype::Bf16] {
        for level in SimdLevel::available() {
            let mut out = vec![0; 48];
            write_planes(level, &planes, 8, 1, dtype, Layout::Nchw, &mut out);
            assert_eq!(out, naive(&planes, dtype, Layout::Nchw), "{level} {dtype}");
        }
    }
}

#[test]
fn names_round_trip() {
    for dtype in DTYPES {
        assert_eq!(dtype.to_string().parse(), Ok(dtype));
    }
    for layout in LAYOUTS {
        assert_eq!(layout.to_string().parse(), Ok(layout));
    }
    assert!("f64".parse::<Dtype>().is_err() && "NCHW".parse::<Layout>().is_err());
}

#[test]
#[should_panic(expected = "output bytes for 2 x 1 pixels of f16")]
fn an_output_of_the_wrong_size_is_refused() {
    let table = PixelTable::new(&Normalization::IMAGENET);
    let view = RgbView::packed(&[0; 6], 2, 1);
    write_pixels(SimdLevel::detect(), &table, view, Dtype::F16, Layout::Nchw, &mut [0; 11]);
}
