//! Fidelity: how closely pixels follow Pillow and timm, and the rules of the faster way.
//!
//! Exact: the crop is decoded in full, resized to the base size, augmented there, and reduced to the bandwidth.
//!
//! Fast does less at every step:
//!
//! 1. A JPEG's crop is decoded at half scale if both of its sides are at least twice as long as the resize makes them
//!    ([`is_halved`]), from the low coefficients of each block (`bandwise_decode::Decoder::decode_half`). The resize
//!    interpolates the original pixels between those, again in its weights. Other formats, and JPEGs that our own decoder
//!    leaves to libjpeg-turbo (CMYK, unusual, damaged), are decoded in full: their bytes alone decide it. 1/4 and 1/8
//!    would lose more and save little, since most of the time goes to reading the coefficients.
//! 2. One resize, which joins the weights of the crop's resize to the base size and of a Lanczos reduction, leads
//!    straight to the size at which the image is augmented ([`working_side`]): the bandwidth for `lanczos`, about a
//!    sixth more for `fourier`, whose crop of the spectrum then starts from there. The samples of that intermediate
//!    picture keep the positions that a crop of the spectrum gives them: a shift of a third of a pixel alone would cost
//!    8 dB.
//! 3. The augmentation works on that size, with the same draws.
//!
//! The rules are part of the pixel semantics. Evaluation crops are exact either way. The errors are in
//! `benches/RESULTS.md`; a test holds them.

use bandwise_choice::choices;
use bandwise_kernels::Rect;

use crate::recipe::LowFrequency;

/// Version of what [`Fidelity::Fast`] adds to the pixel semantics (`PIXEL_SEMANTICS`): it goes up whenever bytes of fast
/// jobs alone change, and enters the fingerprint of those alone. 1 was without a number there.
pub const FAST_SEMANTICS: u32 = 2;

choices! {
    /// Faithfulness of pixels to Pillow and timm.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Fidelity: "fidelity" = Exact {
        /// The pixels that Pillow and timm give.
        Exact = "exact",
        /// Cheaper pixels with a published error.
        Fast = "fast",
    }
}

/// Side of the square at which the fast way augments, for a recipe that works at the base size and then reduces
/// it to the bandwidth.
pub(crate) fn working_side(method: LowFrequency, base: u32, bandwidth: u32) -> u32 {
    match method {
        LowFrequency::Lanczos => bandwidth,
        // A sixth more than the bandwidth at least: room for the slope of the Lanczos filter. In steps that leave
        // the spectra common factors.
        LowFrequency::Fourier => (bandwidth * 7).div_ceil(6).next_multiple_of(32).min(base),
    }
}

/// Whether a JPEG is decoded at half scale for a square of `side` pixels out of `region`: not if the region had fewer
/// pixels than the square then.
pub(crate) fn is_halved(region: Rect, side: u32) -> bool {
    region.width.min(region.height) >= side.saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for fidelity in [Fidelity::Exact, Fidelity::Fast] {
            assert_eq!(fidelity.to_string().parse(), Ok(fidelity));
        }
        assert!("exakt".parse::<Fidelity>().unwrap_err().to_string().contains("exact or fast"));
    }

    #[test]
    fn sides_and_reductions_follow_the_rules() {
        let fourier = |bandwidth| working_side(LowFrequency::Fourier, 224, bandwidth);
        assert_eq!([96, 128, 160, 192, 224].map(fourier), [128, 160, 192, 224, 224]);
        assert_eq!(working_side(LowFrequency::Lanczos, 224, 96), 96);
        let is_halved = |width, height| is_halved(Rect { x: 3, y: 5, width, height }, 96);
        assert!(!is_halved(191, 500) && !is_halved(500, 191));
        assert!(is_halved(192, 500) && is_halved(500, 192) && is_halved(4000, 768));
    }
}
