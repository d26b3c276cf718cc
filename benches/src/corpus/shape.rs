//! The properties of a file of the corpus, from keyed draws: no pixels here.
//!
//! Sizes follow the training set of ImageNet roughly: half of the files are 500 x 375 or 375 x 500, most others
//! have a long side of 500, a fifth is smaller, a few are photographs of up to 2 megapixels. The mean is 0.18
//! megapixels.

use bandwise_recipe::{DrawOp, Draws, ImageKey};

/// The largest factor by which a photograph is scaled down: web photographs show whole scenes, not pixels of a sensor.
const MAX_ZOOM: f64 = 8.0;

/// Half the width of the range of qualities around the corpus' base quality.
const QUALITY_RANGE: f64 = 4.0;

const SHARE_444: f64 = 0.1;
const SHARE_PROGRESSIVE: f64 = 0.03;
const SHARE_PORTRAIT: f64 = 0.28;

/// Sides that files do not go below, in pixels.
const MIN_SIDE: f64 = 16.0;

/// A file to be: its size, which part of a photograph it shows, how it is encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    /// Wanted width and height in pixels.
    pub(super) size: (f64, f64),
    /// Position on a logarithmic scale between no scaling (0) and the largest one (1).
    pub(super) zoom: f64,
    /// Position between left and right, top and bottom.
    pub(super) corner: (f64, f64),
    /// Added to the base quality.
    pub(super) quality_offset: f64,
    /// Full chroma resolution instead of 4:2:0.
    pub(super) is_444: bool,
    /// Several scans.
    pub(super) is_progressive: bool,
}

/// A rectangle of a photograph, in pixels, and the size that it is scaled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) region: bandwise_kernels::Rect,
    pub(super) size: (usize, usize),
}

impl Shape {
    /// The shape of file `index` under `seed`.
    pub(super) fn draw(seed: u64, index: u64) -> Self {
        let key = ImageKey { seed, epoch: 0, sample: index, view: 0 };
        let mut draws = key.draws(DrawOp::Crop);
        Self {
            size: size(&mut draws),
            zoom: draws.uniform(0.5, 1.0),
            corner: (draws.unit(), draws.unit()),
            quality_offset: draws.uniform(-QUALITY_RANGE, QUALITY_RANGE),
            is_444: draws.unit() < SHARE_444,
            is_progressive: draws.unit() < SHARE_PROGRESSIVE,
        }
    }

    /// The part to cut out of a photograph of `width` x `height`. One smaller than the file is to be gives a smaller
    /// file: nothing is scaled up.
    pub(super) fn cut(&self, width: u32, height: u32) -> Cut {
        let (w, h) = (f64::from(width), f64::from(height));
        let room = (w / self.size.0).min(h / self.size.1);
        let shrink = room.min(1.0);
        let out = [self.size.0, self.size.1].map(|side| (side * shrink).round().max(MIN_SIDE));
        let zoom = libm::pow(room.clamp(1.0, MAX_ZOOM), self.zoom);
        let side = |out: f64, most: f64| (out * zoom).round().clamp(1.0, most);
        let (region_w, region_h) = (side(out[0], w), side(out[1], h));
        let place = |corner: f64, free: f64| (corner * free) as u32;
        let region = bandwise_kernels::Rect {
            x: place(self.corner.0, w - region_w),
            y: place(self.corner.1, h - region_h),
            width: region_w as u32,
            height: region_h as u32,
        };
        Cut { region, size: (out[0] as usize, out[1] as usize) }
    }
}

fn size(draws: &mut Draws) -> (f64, f64) {
    let (long, short) = match draws.unit() {
        u if u < 0.48 => (500.0, 375.0),
        u if u < 0.62 => (500.0, 333.0),
        u if u < 0.76 => (500.0, draws.uniform(280.0, 500.0)),
        u if u < 0.975 => with_aspect(draws.uniform(150.0, 480.0), draws.uniform(1.0, 1.6)),
        _ => with_aspect(draws.uniform(640.0, 1600.0), draws.uniform(4.0 / 3.0, 1.6)),
    };
    if draws.unit() < SHARE_PORTRAIT { (short, long) } else { (long, short) }
}

fn with_aspect(long: f64, aspect: f64) -> (f64, f64) {
    (long, long / aspect)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: (u32, u32) = (6000, 4000);

    fn cuts() -> Vec<Cut> {
        (0..20_000).map(|index| Shape::draw(3, index).cut(LARGE.0, LARGE.1)).collect()
    }

    #[test]
    fn sizes_are_distributed_like_imagenets() {
        let pixels: Vec<f64> = cuts().iter().map(|cut| (cut.size.0 * cut.size.1) as f64).collect();
        let mean = pixels.iter().sum::<f64>() / pixels.len() as f64;
        assert!((0.175e6..0.190e6).contains(&mean), "{mean}");
        assert!(pixels.iter().all(|&pixels| pixels < 2e6));
        let usual = cuts().iter().filter(|cut| matches!(cut.size, (500, 375) | (375, 500))).count();
        assert!((9_200..10_000).contains(&usual), "{usual}");
    }

    #[test]
    fn regions_lie_inside_and_keep_the_aspect() {
        for (width, height) in [LARGE, (1280, 1024), (400, 300), (64, 900)] {
            for index in 0..2_000 {
                let Cut { region, size } = Shape::draw(1, index).cut(width, height);
                assert!(region.fits(width, height), "{region:?} of {width} x {height}");
                assert!(size.0 <= region.width as usize + 16 && size.1 <= region.height as usize + 16);
                if (width, height) == LARGE {
                    let aspect = |w: f64, h: f64| w / h;
                    let before = aspect(f64::from(region.width), f64::from(region.height));
                    let after = aspect(size.0 as f64, size.1 as f64);
                    assert!((before / after - 1.0).abs() < 0.02, "{region:?} {size:?}");
                }
            }
        }
    }

    #[test]
    fn seed_and_index_make_the_shape() {
        assert_eq!(Shape::draw(1, 2), Shape::draw(1, 2));
        assert_ne!(Shape::draw(1, 2), Shape::draw(2, 2));
        assert_ne!(Shape::draw(1, 2), Shape::draw(1, 3));
    }
}
