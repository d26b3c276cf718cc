//! Pixels of packed images are those of their files, whole and in parts, at every level.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::{fs, path::Path};

use bandwise_bands::{BandSource, Packer};
use bandwise_jpeg::{Crop, Decoder, Frame, Painter, Part, SimdLevel};

fn photos() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/photos");
    let classes =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut files: Vec<_> =
        classes.flat_map(|class| fs::read_dir(class).unwrap().map(|entry| entry.unwrap().path())).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn crops((width, height): (u32, u32)) -> Vec<Crop> {
    let whole = Crop { x: 0, y: 0, width, height };
    let parts = (1..40).map(|number| {
        let (x, y) = (number * 7919 % width, number * 104_729 % height);
        Crop { x, y, width: 1 + number * 31 % (width - x), height: 1 + number * 57 % (height - y) }
    });
    [whole].into_iter().chain(parts).collect()
}

#[test]
fn pixels_are_those_of_the_file() {
    let mut packer = Packer::new(SimdLevel::detect());
    let (mut count, mut low, mut high, mut file) = (0, 0, 0, 0);
    for bytes in photos() {
        let Ok(frame) = Frame::read(&bytes) else { continue };
        let Ok(packed) = packer.pack(&bytes, &frame) else { continue };
        count += 1;
        (low, high, file) = (low + packed.low.len(), high + packed.high.len(), file + bytes.len());
        for level in SimdLevel::available() {
            let (mut painter, mut decoder) = (Painter::new(level), Decoder::new(level));
            for crop in crops(frame.size()) {
                let mut source =
                    BandSource::new(frame.geometry(), &packed.low, Some(&packed.high), &packed.starts)
                        .unwrap();
                for part in [Part::from(crop), Part::half(crop)] {
                    let pixels = part.pixels();
                    let mut painted = vec![1; 3 * (pixels.width * pixels.height) as usize];
                    let mut decoded = vec![2; painted.len()];
                    painter.paint(frame.geometry(), &mut source, part, &mut painted, &mut ()).unwrap();
                    decoder.crop(&bytes, &frame, part, &mut decoded).unwrap();
                    assert!(painted == decoded, "{level}, {part:?}");
                }
            }
        }
    }
    assert!(count > 5, "{count}");
    println!("{count} files: low {low}, high {high} of {file} bytes");
}
