//! Pure pixel kernels of Bandwise: resize, flip, augmentation, Fourier crop, tensor output; and the search for markers of
//! JPEGs.
//!
//! Kernels are functions on slices. They know no clock, environment, file, log, async runtime or protobuf,
//! and allocate nothing per row. Every SIMD path gives the bytes of its scalar twin: the level is a value
//! ([`SimdLevel`]) that tests force.
//!
//! Unsafe code stands only in the files `avx2.rs` and `avx512.rs` beside a scalar twin, and in the macro of
//! `augment/per_level.rs`, which enters functions compiled for a level.
#![deny(unsafe_code)]

mod augment;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;
mod flip;
mod fourier;
mod level;
mod markers;
mod resize;
mod tensor;
mod view;

pub use augment::{AugmentOp, Augmenter};
pub use flip::flip_horizontal;
pub use fourier::{FourierCrop, FourierError, MAX_FOURIER_SIDE};
pub use level::SimdLevel;
pub use markers::find_marker;
pub use resize::{Anchor, Filter, ReducedPart, ResizeChain, ResizeWeights, Resizer};
pub use tensor::{Dtype, Layout, Normalization, PixelTable, rgb_to_planes_f32, write_pixels, write_planes};
pub use view::{Rect, RgbView};
