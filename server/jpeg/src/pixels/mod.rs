//! From coefficients to RGB, with libjpeg-turbo's bits: the accurate integer transform, the triangle filter for chroma,
//! and the conversion of colours.
//!
//! libjpeg-turbo computes with vectors of 16-bit numbers, which wrap and saturate in places; the scalar code says which.
//! For the coefficients of ordinary files nothing wraps. Each level gives the samples of the scalar code.
//!
//! The twins with vectors work on arrays that slices are cut into, and the last one of a row overlaps the one before: no
//! sample is read or written beside the row. Rows that are shorter than a vector are left to the next lower level.
//! Blocks are stored row by row within a slice that holds all of their rows.

pub(crate) mod colour;
pub(crate) mod transform;
pub(crate) mod upsample;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vectors from and to memory")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vectors from and to memory")]
mod avx512;
