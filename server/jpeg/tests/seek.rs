//! Crops with seek points have the pixels of crops without, and no table or file makes a decoder panic.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use bandwise_jpeg::{Crop, DEFAULT_SPACING, Decoder, Frame, Refusal, SeekTable, SimdLevel};
use common::{Random, decode, encode, golden, is_progressive, is_read, photos, picture, progressive};
use turbojpeg::Subsamp;

const SPACINGS: [u16; 7] = [1, 2, 3, 4, 8, 16, 1000];

const SAMPLINGS: [Subsamp; 5] =
    [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub1x2, Subsamp::Sub2x2, Subsamp::Gray];

fn decode_with(
    decoder: &mut Decoder,
    bytes: &[u8],
    frame: &Frame,
    table: &[u8],
    crop: Crop,
) -> Result<Vec<u8>, Refusal> {
    let mut out = vec![0; 3 * crop.width as usize * crop.height as usize];
    let table = SeekTable::read(frame, table).ok_or(Refusal::Tables)?;
    decoder.crop_with(bytes, frame, &table, crop, &mut out).map(|()| out)
}

/// Compares the whole image and some crops, and tables made with and without a crop.
fn assert_same(decoder: &mut Decoder, bytes: &[u8], spacing: u16, random: &mut Random, name: &str) {
    let frame = Frame::read(bytes).unwrap();
    let size @ (width, height) = frame.size();
    let table = decoder.index(bytes, &frame, spacing).unwrap();
    assert_eq!(SeekTable::read(&frame, &table).unwrap().spacing(), spacing);
    let mut crops = vec![Crop { x: 0, y: 0, width, height }];
    crops.extend((0..6).map(|_| random.crop(size)));
    crops.push(Crop { x: width - 1, y: height - 1, width: 1, height: 1 });
    for crop in crops {
        let expected = decode(decoder, bytes, &frame, crop).unwrap();
        let made = decode_with(decoder, bytes, &frame, &table, crop);
        assert!(made.as_ref() == Ok(&expected), "{name}, {crop:?}, every {spacing}: {:?}", made.err());
        let mut out = vec![0; expected.len()];
        let again = decoder.crop_and_index(bytes, &frame, crop, spacing, &mut out).unwrap();
        assert!(again.as_ref() == Some(&table) && out == expected, "{name}, {crop:?}, every {spacing}");
    }
}

#[test]
fn photographs_have_the_same_pixels_from_seek_points() {
    let (mut decoder, mut random, mut read) = (Decoder::new(SimdLevel::detect()), Random(11), 0);
    for (name, bytes) in photos().iter().filter(|(_, bytes)| is_read(bytes)) {
        for spacing in SPACINGS {
            assert_same(&mut decoder, bytes, spacing, &mut random, name);
        }
        let (bytes, spacing) = (progressive(bytes), SPACINGS[read % SPACINGS.len()]);
        assert!(is_progressive(&bytes));
        assert_same(&mut decoder, &bytes, spacing, &mut random, &format!("progressive, {name}"));
        read += 1;
    }
    assert!(read >= 10, "only {read} were read");
}

#[test]
fn all_samplings_and_restarts_have_the_same_pixels_from_seek_points() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(12));
    for (name, bytes) in golden() {
        for spacing in SPACINGS {
            assert_same(&mut decoder, &bytes, spacing, &mut random, &name);
        }
    }
    for round in 0..200 {
        let (width, height) = (5 + random.below(120), 1 + random.below(90));
        let pixels = picture(width, height, &mut random);
        let quality = [1, 10, 60, 90, 100][random.below(5)];
        let sampling = SAMPLINGS[round % SAMPLINGS.len()];
        let bytes = encode(&pixels, width, height, sampling, quality, round % 2 == 0);
        let spacing = SPACINGS[random.below(SPACINGS.len())];
        assert_same(&mut decoder, &bytes, spacing, &mut random, &format!("round {round}"));
        let bytes = progressive(&bytes);
        assert_same(&mut decoder, &bytes, spacing, &mut random, &format!("progressive, round {round}"));
    }
}

#[test]
fn every_level_reads_the_same_tables() {
    let mut random = Random(16);
    let photos = photos();
    let others =
        photos.iter().take(4).map(|(name, bytes)| (format!("progressive, {name}"), progressive(bytes)));
    let files = golden().into_iter().chain(others).chain(photos.clone());
    for (name, bytes) in files.filter(|(_, bytes)| is_read(bytes)) {
        let frame = Frame::read(&bytes).unwrap();
        let mut scalar = Decoder::new(SimdLevel::SCALAR);
        let table = scalar.index(&bytes, &frame, DEFAULT_SPACING).unwrap();
        for level in SimdLevel::available() {
            let mut decoder = Decoder::new(level);
            assert_eq!(
                decoder.index(&bytes, &frame, DEFAULT_SPACING).as_ref(),
                Ok(&table),
                "{name}, {level}"
            );
            for _ in 0..4 {
                let crop = random.crop(frame.size());
                let expected = decode(&mut scalar, &bytes, &frame, crop);
                let made = decode_with(&mut decoder, &bytes, &frame, &table, crop);
                assert!(made == expected, "{name}, {crop:?}, {level}");
            }
        }
    }
}

#[test]
fn tables_are_small() {
    let mut decoder = Decoder::new(SimdLevel::detect());
    for (is_progressive, of_point, share) in [(false, 6, 50), (true, 3, 50)] {
        let (mut points, mut table_bytes, mut file_bytes) = (0, 0, 0);
        for (_, bytes) in photos().into_iter().filter(|(_, bytes)| is_read(bytes)) {
            let bytes = if is_progressive { progressive(&bytes) } else { bytes };
            let frame = Frame::read(&bytes).unwrap();
            let table = decoder.index(&bytes, &frame, DEFAULT_SPACING).unwrap();
            points += SeekTable::read(&frame, &table).unwrap().len();
            (table_bytes, file_bytes) = (table_bytes + table.len(), file_bytes + bytes.len());
        }
        println!("{points} points, {table_bytes} of {file_bytes} bytes");
        let is_small = table_bytes <= of_point * points && share * table_bytes <= file_bytes;
        assert!(is_small, "{table_bytes} of {file_bytes}, {points} points");
    }
}

#[test]
fn a_scan_that_is_damaged_behind_the_crop_gives_its_pixels_and_no_table() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(13));
    let pixels = picture(200, 200, &mut random);
    let mut bytes = encode(&pixels, 200, 200, Subsamp::Sub2x2, 80, false);
    bytes.truncate(bytes.len() * 3 / 4);
    let frame = Frame::read(&bytes).unwrap();
    let crop = Crop { x: 10, y: 10, width: 100, height: 50 };
    let expected = decode(&mut decoder, &bytes, &frame, crop).unwrap();
    let mut out = vec![0; expected.len()];
    assert_eq!(decoder.crop_and_index(&bytes, &frame, crop, 8, &mut out), Ok(None));
    assert!(out == expected);
    assert_eq!(decoder.index(&bytes, &frame, 8), Err(Refusal::Damaged));
    let all = Crop { x: 0, y: 0, width: 200, height: 200 };
    let mut out = vec![0; 3 * 200 * 200];
    assert_eq!(decoder.crop_and_index(&bytes, &frame, all, 8, &mut out), Err(Refusal::Damaged));
}

#[test]
fn a_progressive_file_that_is_damaged_anywhere_gives_neither_pixels_nor_a_table() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(17));
    let pixels = picture(200, 200, &mut random);
    let bytes = progressive(&encode(&pixels, 200, 200, Subsamp::Sub2x2, 80, false));
    let frame = Frame::read(&bytes).unwrap();
    let crop = Crop { x: 10, y: 10, width: 50, height: 50 };
    let mut out = vec![0; 3 * 50 * 50];
    assert!(matches!(decoder.crop_and_index(&bytes, &frame, crop, 8, &mut out), Ok(Some(_))));
    for len in [bytes.len() - 2, bytes.len() * 9 / 10, bytes.len() / 2] {
        let cut = [&bytes[..len], &[0xFF, 0xD9]].concat();
        let expected = if len == bytes.len() - 2 { Ok(()) } else { Err(Refusal::Damaged) };
        let index = decoder.index(&cut, &frame, 8).map(|_| ());
        let both = decoder.crop_and_index(&cut, &frame, crop, 8, &mut out).map(|_| ());
        let alone = decoder.crop(&cut, &frame, crop, &mut out);
        assert_eq!(alone, both, "{len} bytes");
        assert_eq!(index.is_ok(), expected.is_ok(), "{len} bytes");
        assert_eq!(alone.is_ok(), expected.is_ok(), "{len} bytes");
    }
}

#[test]
fn bits_beyond_the_coded_data_are_refused_with_a_table_too() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(18));
    for sampling in SAMPLINGS {
        let pixels = picture(200, 200, &mut random);
        let file = encode(&pixels, 200, 200, sampling, 80, true);
        for bytes in [progressive(&file), file] {
            let frame = Frame::read(&bytes).unwrap();
            let table = decoder.index(&bytes, &frame, 8).unwrap();
            let cut = [&bytes[..bytes.len() - 20], &[0xFF, 0xD9]].concat();
            let mut with = |y: u32, bytes: &[u8]| {
                let crop = Crop { x: 150, y, width: 50, height: 20 };
                decode_with(&mut decoder, bytes, &frame, &table, crop)
            };
            let upper = with(0, &bytes);
            assert!(upper.is_ok() && with(0, &cut) == upper, "{sampling:?}");
            assert!(with(180, &bytes).is_ok(), "{sampling:?}");
            assert_eq!(with(180, &cut), Err(Refusal::Damaged), "{sampling:?}");
        }
    }
}

#[test]
fn bytes_that_are_no_table_of_the_frame_are_not_read_as_one() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(14));
    let mut file = |width: usize| {
        let pixels = picture(width, 90, &mut random);
        encode(&pixels, width, 90, Subsamp::Sub2x2, 80, false)
    };
    let (bytes, wider) = (file(100), file(200));
    assert_no_table_of_another(&mut decoder, &bytes, &wider);
    let [in_scans, wider_in_scans] = [&bytes, &wider].map(|bytes| progressive(bytes));
    assert_no_table_of_another(&mut decoder, &in_scans, &wider_in_scans);
    assert_no_table_of_another(&mut decoder, &bytes, &in_scans);
    assert_no_table_of_another(&mut decoder, &in_scans, &bytes);
}

fn assert_no_table_of_another(decoder: &mut Decoder, bytes: &[u8], wider: &[u8]) {
    let (frame, other) = (Frame::read(bytes).unwrap(), Frame::read(wider).unwrap());
    let table = decoder.index(bytes, &frame, 2).unwrap();
    assert!(SeekTable::read(&frame, &table).is_some());
    assert!(SeekTable::read(&other, &table).is_none());
    assert!((0..table.len()).all(|len| SeekTable::read(&frame, &table[..len]).is_none()));
    assert!(SeekTable::read(&frame, &[&table[..], &[0]].concat()).is_none());
    assert!(SeekTable::read(&frame, &[&[9], &table[1..]].concat()).is_none());
    // A table of another frame is refused by the decoder too.
    let table = SeekTable::read(&frame, &table).unwrap();
    let crop = Crop { x: 0, y: 0, width: 50, height: 50 };
    let made = decoder.crop_with(wider, &other, &table, crop, &mut vec![0; 3 * 50 * 50]);
    assert_eq!(made, Err(Refusal::Damaged));
}

/// Changes some bits or bytes of `bytes` from `from` on.
fn damage(bytes: &mut [u8], from: usize, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = from + random.below(bytes.len() - from);
        match random.below(3) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.below(256) as u8,
            _ => bytes[at..].iter_mut().for_each(|byte| *byte = random.below(256) as u8),
        }
    }
}

#[test]
fn damaged_tables_and_files_give_refusals_or_pixels() {
    let (mut decoder, mut random) = (Decoder::new(SimdLevel::detect()), Random(15));
    let mut files: Vec<Vec<u8>> = golden().into_iter().map(|(_, bytes)| bytes).collect();
    for (number, sampling) in SAMPLINGS.into_iter().enumerate() {
        let pixels = picture(90 + number, 80, &mut random);
        let file = encode(&pixels, 90 + number, 80, sampling, 50, number % 2 == 0);
        files.extend([progressive(&file), file]);
    }
    // Decoded, no table, refused: of sequential and of progressive files.
    let mut counts = [[0; 3]; 2];
    for round in 0..16_000 {
        let mut bytes = files[round % files.len()].clone();
        let frame = Frame::read(&bytes).unwrap();
        let spacing = SPACINGS[random.below(SPACINGS.len())];
        let mut table = decoder.index(&bytes, &frame, spacing).unwrap();
        let scan = frame_end(&bytes);
        match random.below(3) {
            0 => damage(&mut table, 0, &mut random),
            1 => damage(&mut bytes, scan, &mut random),
            _ => bytes.truncate(scan + random.below(bytes.len() - scan)),
        }
        match decode_with(&mut decoder, &bytes, &frame, &table, random.crop(frame.size())) {
            Ok(_) => counts[usize::from(frame.is_progressive())][0] += 1,
            Err(Refusal::Tables) => counts[usize::from(frame.is_progressive())][1] += 1,
            Err(_) => counts[usize::from(frame.is_progressive())][2] += 1,
        }
    }
    for (counts, least) in counts.into_iter().zip([[1000, 100, 1000], [500, 100, 1000]]) {
        assert!(counts.iter().zip(least).all(|(&count, least)| count > least), "{counts:?}");
    }
}

/// The first byte of the first scan, behind the header that begins with FF DA.
fn frame_end(bytes: &[u8]) -> usize {
    let at = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    at + 2 + usize::from(bytes[at + 3])
}
