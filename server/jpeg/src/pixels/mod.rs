//! From coefficients to RGB, with libjpeg-turbo's bits: the accurate integer transform, the triangle filter for chroma,
//! and the conversion of colours.
//!
//! libjpeg-turbo computes with vectors of 16-bit numbers, which wrap and saturate in places; the scalar code says which.
//! For the coefficients of ordinary files nothing wraps.

pub(crate) mod colour;
pub(crate) mod transform;
pub(crate) mod upsample;
