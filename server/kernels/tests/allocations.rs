//! Kernels allocate nothing once they have seen the sizes: counted with an allocator of this test binary.

#[path = "common/counting.rs"]
mod counting;

use bandwise_kernels::{
    Dtype, Filter, FourierCrop, Layout, Normalization, PixelTable, Rect, Resizer, RgbView, SimdLevel,
    flip_horizontal, rgb_to_planes_f32, write_pixels, write_planes,
};
use counting::allocations_of;

/// What a worker does to one image, with crops of ever other sizes.
struct Worker {
    level: SimdLevel,
    resizer: Resizer,
    table: PixelTable,
    fourier: FourierCrop,
    pixels: Vec<u8>,
    image: Vec<u8>,
    small: Vec<u8>,
    planes: Vec<f32>,
    cropped: Vec<f32>,
    scratch: Vec<f32>,
    out: Vec<u8>,
}

impl Worker {
    fn new(level: SimdLevel, fourier: FourierCrop) -> Self {
        Self {
            level,
            resizer: Resizer::new(level),
            table: PixelTable::new(&Normalization::IMAGENET),
            scratch: vec![0.0; fourier.scratch_len()],
            fourier,
            pixels: (0..3 * 300 * 200).map(|i| (i * 7 % 253) as u8).collect(),
            image: vec![0; 3 * 64 * 64],
            small: vec![0; 3 * 32 * 32],
            planes: vec![0.0; 3 * 64 * 64],
            cropped: vec![0.0; 3 * 32 * 32],
            out: vec![0; 2 * 3 * 32 * 32],
        }
    }

    fn image(&mut self, width: u32, height: u32) {
        let view = RgbView::packed(&self.pixels, 300, 200).crop(Rect { x: 1, y: 2, width, height });
        self.resizer.resize(view, Filter::Bicubic, &mut self.image, 64, 64);
        flip_horizontal(self.level, &mut self.image, 64);
        let image = RgbView::packed(&self.image, 64, 64);
        self.resizer.resize(image, Filter::Lanczos, &mut self.small, 32, 32);
        write_pixels(
            self.level,
            &self.table,
            RgbView::packed(&self.small, 32, 32),
            Dtype::F16,
            Layout::Nchw,
            &mut self.out,
        );
        rgb_to_planes_f32(self.level, Some(&self.table), image, &mut self.planes);
        for (plane, cropped) in self.planes.chunks(64 * 64).zip(self.cropped.chunks_mut(32 * 32)) {
            self.fourier.apply(self.level, plane, cropped, &mut self.scratch);
        }
        write_planes(self.level, &self.cropped, 32, 32, Dtype::F16, Layout::Nchw, &mut self.out);
    }
}

#[test]
fn a_worker_stops_allocating_once_it_has_seen_its_sizes() {
    for level in SimdLevel::available() {
        let mut worker = Worker::new(level, FourierCrop::new(64, 32).unwrap());
        let mut round = || (0..30).for_each(|i| worker.image(20 + 8 * i, 15 + 5 * i));
        assert!(allocations_of(&mut round) > 0, "the counter counts");
        assert_eq!(allocations_of(round), 0, "{level}");
    }
}
