//! The kernels that are timed, each on the same photograph.

use std::rc::Rc;

use anyhow::Result;
use bandwise_decode::{DecodeLimits, Decoder};
use bandwise_kernels::{
    Dtype, Filter, FourierCrop, Layout, Normalization, PixelTable, Rect, Resizer, RgbView, SimdLevel,
    flip_horizontal, rgb_to_planes_f32, write_pixels, write_planes,
};

use super::{
    outcome::ANY_LEVEL,
    peer,
    subject::{Call, Owner, Subject, Variant},
};

/// Base size of the curricula, in pixels.
const SIDE: usize = 224;

/// Bandwidths of the stages below the base size.
const BANDWIDTHS: [usize; 3] = [96, 160, 192];

/// The part of a photograph of 500 x 375 that the resize starts from, about as large as a mean random crop.
const CROP: Rect = Rect { x: 80, y: 20, width: 350, height: 330 };

/// A photograph, encoded and decoded, and what the pipeline makes of it first.
pub(super) struct Photo {
    file: &'static [u8],
    width: u32,
    height: u32,
    /// The crop: packed rows.
    crop: Vec<u8>,
    /// The crop at 224 x 224.
    base: Vec<u8>,
}

impl Photo {
    pub(super) fn decode(file: &'static [u8]) -> Result<Self> {
        let mut decoder = Decoder::new(SimdLevel::detect())?;
        let header = decoder.header(file, &DecodeLimits::default())?;
        let crop = packed(decoder.decode(file, &header, CROP)?);
        let mut base = vec![0; 3 * SIDE * SIDE];
        let view = RgbView::packed(&crop, CROP.width as usize, CROP.height as usize);
        Resizer::new(SimdLevel::SCALAR).resize(view, Filter::Bicubic, &mut base, SIDE, SIDE);
        Ok(Self { file, width: header.width, height: header.height, crop, base })
    }

    fn crop(&self) -> RgbView<'_> {
        RgbView::packed(&self.crop, CROP.width as usize, CROP.height as usize)
    }

    fn base(&self) -> RgbView<'_> {
        RgbView::packed(&self.base, SIDE, SIDE)
    }
}

fn packed(view: RgbView<'_>) -> Vec<u8> {
    (0..view.height()).flat_map(|y| view.row(y)).copied().collect()
}

/// All subjects, on each of `levels` where levels matter.
pub(super) fn all<'a>(photo: &'a Photo, levels: &[SimdLevel]) -> Result<Vec<Subject<'a>>> {
    let mut all = vec![
        decode(photo, "decode, whole 500 x 375", Rect::whole(photo.width, photo.height))?,
        decode(photo, "decode, crop of 350 x 330", CROP)?,
        resize("bicubic, 350 x 330 -> 224", photo.crop(), Filter::Bicubic, SIDE, levels)?,
    ];
    for bandwidth in BANDWIDTHS {
        let name = format!("lanczos, 224 -> {bandwidth}");
        all.push(resize(&name, photo.base(), Filter::Lanczos, bandwidth, levels)?);
    }
    for bandwidth in BANDWIDTHS {
        all.push(fourier(photo, bandwidth, levels)?);
    }
    all.extend([planes(photo, levels), from_planes(photo, levels)]);
    all.extend([Dtype::F16, Dtype::Bf16, Dtype::F32, Dtype::U8].map(|dtype| tensor(photo, dtype, levels)));
    all.push(flip(photo, levels));
    Ok(all)
}

fn decode<'a>(photo: &'a Photo, name: &str, region: Rect) -> Result<Subject<'a>> {
    let mut decoder = Decoder::new(SimdLevel::detect())?;
    let ours = move |out: &mut [u8]| -> Result<()> {
        let header = decoder.header(photo.file, &DecodeLimits::default())?;
        let view = decoder.decode(photo.file, &header, region)?;
        // The pixels stay in the decoder; one row is enough to tell that they are right.
        out.copy_from_slice(view.row(view.height() - 1));
        Ok(())
    };
    let mut variants = vec![any_level(Box::new(ours))];
    if region == Rect::whole(photo.width, photo.height) {
        variants.push(peer::whole_frame(photo.file)?);
    }
    Ok(Subject { name: name.to_owned(), memory: vec![0; 3 * region.width as usize], variants })
}

fn resize<'a>(
    name: &str,
    view: RgbView<'a>,
    filter: Filter,
    side: usize,
    levels: &[SimdLevel],
) -> Result<Subject<'a>> {
    let on_level = |level| -> Call<'a> {
        let mut resizer = Resizer::new(level);
        Box::new(move |out| {
            resizer.resize(view, filter, out, side, side);
            Ok(())
        })
    };
    let mut variants = on_each(levels, on_level);
    variants.push(peer::resize(view, filter, side)?);
    Ok(Subject { name: name.to_owned(), memory: vec![0; 3 * side * side], variants })
}

/// Three planes, as a sample has them.
fn fourier<'a>(photo: &'a Photo, bandwidth: usize, levels: &[SimdLevel]) -> Result<Subject<'a>> {
    let crop = Rc::new(FourierCrop::new(SIDE, bandwidth)?);
    let mut planes = vec![0.0; 3 * SIDE * SIDE];
    let table = PixelTable::new(&Normalization::IMAGENET);
    rgb_to_planes_f32(SimdLevel::SCALAR, Some(&table), photo.base(), &mut planes);
    let plane = crop.output_side() * crop.output_side();
    let on_level = |level| -> Call<'a> {
        let (crop, planes, mut scratch) = (Rc::clone(&crop), planes.clone(), vec![0.0; crop.scratch_len()]);
        Box::new(move |out| {
            let out: &mut [f32] = bytemuck::cast_slice_mut(out);
            for (input, out) in planes.chunks_exact(SIDE * SIDE).zip(out.chunks_exact_mut(plane)) {
                crop.apply(level, input, out, &mut scratch);
            }
            Ok(())
        })
    };
    let variants = on_each(levels, on_level);
    let name = format!("fourier, 3 planes, 224 -> {bandwidth}");
    Ok(Subject { name, memory: vec![0; 3 * plane * size_of::<f32>()], variants })
}

fn tensor<'a>(photo: &'a Photo, dtype: Dtype, levels: &[SimdLevel]) -> Subject<'a> {
    let table = Rc::new(PixelTable::new(&Normalization::IMAGENET));
    let on_level = |level| -> Call<'a> {
        let table = Rc::clone(&table);
        Box::new(move |out| {
            write_pixels(level, &table, photo.base(), dtype, Layout::Nchw, out);
            Ok(())
        })
    };
    let memory = vec![0; photo.base.len() * dtype.size_in_bytes()];
    Subject { name: format!("tensor, 224, {dtype} nchw"), memory, variants: on_each(levels, on_level) }
}

/// The work before a Fourier crop.
fn planes<'a>(photo: &'a Photo, levels: &[SimdLevel]) -> Subject<'a> {
    let table = Rc::new(PixelTable::new(&Normalization::IMAGENET));
    let on_level = |level| -> Call<'a> {
        let table = Rc::clone(&table);
        Box::new(move |out| {
            rgb_to_planes_f32(level, Some(&table), photo.base(), bytemuck::cast_slice_mut(out));
            Ok(())
        })
    };
    let memory = vec![0; photo.base.len() * size_of::<f32>()];
    Subject { name: "planes before fourier, 224".to_owned(), memory, variants: on_each(levels, on_level) }
}

/// The work after a Fourier crop.
fn from_planes<'a>(photo: &Photo, levels: &[SimdLevel]) -> Subject<'a> {
    let mut planes = vec![0.0; 3 * SIDE * SIDE];
    let table = PixelTable::new(&Normalization::IMAGENET);
    rgb_to_planes_f32(SimdLevel::SCALAR, Some(&table), photo.base(), &mut planes);
    let planes = Rc::new(planes);
    let on_level = |level| -> Call<'a> {
        let planes = Rc::clone(&planes);
        Box::new(move |out| {
            write_planes(level, &planes[..3 * 160 * 160], 160, 160, Dtype::F16, Layout::Nchw, out);
            Ok(())
        })
    };
    let memory = vec![0; 3 * 160 * 160 * Dtype::F16.size_in_bytes()];
    Subject {
        name: "tensor of planes, 160, f16 nchw".to_owned(),
        memory,
        variants: on_each(levels, on_level),
    }
}

fn flip<'a>(photo: &'a Photo, levels: &[SimdLevel]) -> Subject<'a> {
    let on_level = |level| -> Call<'a> {
        Box::new(move |out| {
            flip_horizontal(level, out, SIDE);
            Ok(())
        })
    };
    Subject { name: "flip, 224".to_owned(), memory: photo.base.clone(), variants: on_each(levels, on_level) }
}

/// A variant for each level, scalar first.
fn on_each<'a>(levels: &[SimdLevel], call: impl Fn(SimdLevel) -> Call<'a>) -> Vec<Variant<'a>> {
    let variant = |&level: &SimdLevel| Variant { name: level.name(), owner: Owner::Ours, call: call(level) };
    levels.iter().map(variant).collect()
}

/// The only variant of a kernel without levels.
fn any_level(call: Call<'_>) -> Variant<'_> {
    Variant { name: ANY_LEVEL, owner: Owner::Ours, call }
}
