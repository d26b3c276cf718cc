//! The coefficients of files: they become the bytes again that they were read from, and the pixels that the decoder makes.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::ops::Range;

use bandwise_jpeg::{
    CoefficientReader, Crop, Decoder, Filled, Frame, McuBlocks, McuSource, Painter, Part, Refusal,
    ScanEncoder, SimdLevel,
};
use common::{Random, encode, golden, is_progressive, photos, picture};
use turbojpeg::Subsamp;

/// All blocks of a file, MCU by MCU.
struct Stored {
    blocks: Vec<[i16; 64]>,
    /// Blocks of an MCU, and MCUs of a row.
    count: usize,
    row_len: usize,
    next: usize,
}

impl McuSource for Stored {
    fn begin(&mut self, row: usize, columns: Range<usize>) -> Result<(), Refusal> {
        self.next = row * self.row_len + columns.start;
        Ok(())
    }

    fn read(&mut self, wanted: [bool; 6], blocks: &mut McuBlocks<'_>) -> Result<(), Refusal> {
        for number in (0..self.count).filter(|&number| wanted[number]) {
            let block = &self.blocks[self.next * self.count + number];
            // Behind a lone first coefficient may stand anything.
            if block[1..] == [0; 63] {
                blocks.coefficients(number)[0] = block[0];
                blocks.set(number, Filled::Dc);
            } else {
                *blocks.coefficients(number) = *block;
                blocks.set(number, Filled::All);
            }
        }
        self.next += 1;
        Ok(())
    }
}

fn stored(bytes: &[u8], frame: &Frame, level: SimdLevel) -> Result<(Stored, usize), Refusal> {
    let mut blocks = Vec::new();
    let rest = CoefficientReader::new(level).read(bytes, frame, |mcu| blocks.extend_from_slice(mcu))?;
    let (count, (row_len, _)) = (frame.geometry().components().len(), frame.geometry().mcus());
    Ok((Stored { blocks, count, row_len, next: 0 }, rest.len()))
}

/// The bytes of a file out of its header, its coefficients, and what is behind them.
fn rebuilt(bytes: &[u8], frame: &Frame, blocks: &[[i16; 64]], rest: usize) -> Result<Vec<u8>, Refusal> {
    let mut out = bytes[..frame.header_bytes()].to_vec();
    let mut encoder = ScanEncoder::new(frame, &mut out)?;
    let components = frame.geometry().components();
    for mcu in blocks.chunks(components.len()) {
        encoder.mcu(components.iter().copied().zip(mcu))?;
    }
    encoder.finish();
    out.extend_from_slice(&bytes[bytes.len() - rest..]);
    Ok(out)
}

/// Files of all samplings and qualities, small ones among them.
fn generated() -> impl Iterator<Item = (String, Vec<u8>)> {
    let mut random = Random(3);
    let samplings = [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub1x2, Subsamp::Sub2x2, Subsamp::Gray];
    (0..150).map(move |number| {
        let (width, height) = (5 + random.below(90), 1 + random.below(90));
        let (sampling, quality) = (samplings[number % 5], 1 + random.below(100) as i32);
        let pixels = picture(width, height, &mut random);
        let bytes = encode(&pixels, width, height, sampling, quality, number % 2 == 0);
        (format!("{width} x {height}, {sampling:?}, quality {quality}"), bytes)
    })
}

#[test]
fn files_are_rebuilt_byte_for_byte() {
    let mut count = 0;
    for (name, bytes) in photos().into_iter().chain(golden()).chain(generated()) {
        let Ok(frame) = Frame::read(&bytes) else { continue };
        if is_progressive(&bytes) {
            assert_eq!(stored(&bytes, &frame, SimdLevel::SCALAR).err(), Some(Refusal::Process), "{name}");
            continue;
        }
        let (Stored { blocks, .. }, rest) = stored(&bytes, &frame, SimdLevel::detect()).unwrap();
        assert!(rebuilt(&bytes, &frame, &blocks, rest).unwrap() == bytes, "{name}");
        count += 1;
    }
    assert!(count > 150, "{count}");
}

#[test]
fn painted_pixels_are_the_decoders() {
    let mut random = Random(4);
    for (name, bytes) in photos().into_iter().chain(golden()).chain(generated()) {
        let Ok(frame) = Frame::read(&bytes) else { continue };
        let Ok((mut source, _)) = stored(&bytes, &frame, SimdLevel::detect()) else { continue };
        for level in SimdLevel::available() {
            let (mut painter, mut decoder) = (Painter::new(level), Decoder::new(level));
            for _ in 0..3 {
                let crop = random.crop(frame.size());
                for part in [Part::from(crop), Part::half(crop)] {
                    let Crop { width, height, .. } = part.pixels();
                    let mut painted = vec![1; 3 * width as usize * height as usize];
                    let mut decoded = vec![2; painted.len()];
                    let made = painter.paint(frame.geometry(), &mut source, part, &mut painted, &mut ());
                    assert_eq!(made, decoder.crop(&bytes, &frame, part, &mut decoded), "{name}");
                    assert!(made.is_err() || painted == decoded, "{name}, {level}, {part:?}");
                }
            }
        }
    }
}

#[test]
fn coefficients_without_a_code_are_refused() {
    let (_, bytes) = photos().into_iter().find(|(_, bytes)| !is_progressive(bytes)).unwrap();
    let frame = Frame::read(&bytes).unwrap();
    let components = frame.geometry().components();
    for (place, value, is_coded) in
        [(1, 3, true), (1, i16::MIN, false), (9, 20_000, false), (0, i16::MIN, false)]
    {
        let mut block = [0; 64];
        block[place] = value;
        let mut out = Vec::new();
        let mut encoder = ScanEncoder::new(&frame, &mut out).unwrap();
        let made = encoder.mcu(components.iter().map(|&component| (component, &block)));
        assert_eq!(made, if is_coded { Ok(()) } else { Err(Refusal::Tables) }, "{value} at {place}");
    }
}
