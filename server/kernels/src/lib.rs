//! Pure pixel kernels of Bandwise: resize, flip, Fourier crop, tensor output.
//!
//! Kernels are functions on slices. They know no clock, environment, file, log, async runtime or protobuf,
//! and allocate nothing per row. Every SIMD path gives the bytes of its scalar twin.

mod level;
mod view;

pub use level::SimdLevel;
pub use view::{Rect, RgbView};
