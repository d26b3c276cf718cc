//! Float planes into a tensor row.

use super::{Dtype, Layout, check_output};
use crate::SimdLevel;
use crate::level::Kind;

/// Writes three float planes (R, G, B) of `width` x `height` as one tensor row of `dtype` in `layout`.
///
/// The half formats round half to even; `u8` rounds half to even and clamps to 0..255 (a NaN becomes 0).
/// `out` needs no alignment.
///
/// # Panics
///
/// If `planes` is not exactly `3 * width * height` floats, or `out` not that many elements of `dtype`.
pub fn write_planes(
    level: SimdLevel,
    planes: &[f32],
    width: usize,
    height: usize,
    dtype: Dtype,
    layout: Layout,
    out: &mut [u8],
) {
    assert_eq!(planes.len(), 3 * width * height, "three planes of {width} x {height}");
    check_output(out, width, height, dtype);
    match level.kind() {
        Kind::Scalar => super::scalar::write_planes(planes, dtype, layout, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => super::avx2::write_planes(proof, planes, dtype, layout, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => super::avx2::write_planes(proof.avx2(), planes, dtype, layout, out),
    }
}
