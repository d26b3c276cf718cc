//! From pixels to the numbers that a model reads: dtypes, layouts, normalisation.
//!
//! Two ways lead to a tensor row. Pixels that nothing changes any more go through a table of 256 values per
//! channel ([`write_pixels`]). Pixels that a float operation still works on become float planes first
//! ([`rgb_to_planes_f32`]) and are converted afterwards ([`write_planes`]).

mod convert;
mod pixels;
mod planes;
mod scalar;
mod table;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;

use bandwise_choice::choices;

pub use pixels::{rgb_to_planes_f32, write_pixels};
pub use planes::write_planes;
pub use table::{Normalization, PixelTable};

choices! {
    /// The number format of a tensor's elements, little-endian.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Dtype: "dtype" = F32 {
        /// Pixels of 0 to 255, not normalised; a quarter of the bytes of f32.
        U8 = "u8",
        /// IEEE 754 half precision, normalised; half the bytes of f32.
        F16 = "f16",
        /// The upper half of a single-precision number, normalised; half the bytes of f32.
        Bf16 = "bf16",
        /// IEEE 754 single precision, normalised: what most models take.
        F32 = "f32",
    }
}

impl Dtype {
    /// Bytes of one element: 1, 2, 2 or 4.
    pub const fn size_in_bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

choices! {
    /// The order of a tensor's elements.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Layout: "layout" = Nchw {
        /// Channel by channel: all of red, then green, then blue.
        Nchw = "nchw",
        /// Pixel by pixel: red, green, blue together.
        Nhwc = "nhwc",
    }
}

/// Panics unless `out` has room for exactly one picture.
fn check_output(out: &[u8], width: usize, height: usize, dtype: Dtype) {
    let needed = 3 * width * height * dtype.size_in_bytes();
    assert_eq!(out.len(), needed, "output bytes for {width} x {height} pixels of {dtype}");
}
