//! All ways to the pixels of a part, which must agree.

use bandwise_jpeg::{Crop, Decoder, Frame, Part, Refusal, Scale, SeekTable};

use crate::random::Random;

/// Sides beyond this come of damage and take time and memory.
const MAX_SIDE: u32 = 300;

pub(crate) type Pixels = Result<Vec<u8>, Refusal>;

/// The pixels of a part: alone, with seek points of the same file, and with those of another.
#[derive(Debug, PartialEq)]
pub(crate) struct Made {
    pub(crate) alone: Pixels,
    making: Pixels,
    own_points: Option<Vec<u8>>,
    pub(crate) with_own: Option<Pixels>,
    pub(crate) with_other: Option<Pixels>,
}

/// Decodes a part that is drawn by all ways and decoders, and panics where they do not agree. `None` for a file without a
/// frame, or a giant one.
pub(crate) fn all_agree(
    decoders: &mut [Decoder],
    bytes: &[u8],
    other: Option<&[u8]>,
    random: &mut Random,
) -> Option<Made> {
    let frame = Frame::read(bytes).ok()?;
    let (width, height) = frame.size();
    if width.max(height) > MAX_SIDE {
        return None;
    }
    let (part, spacing) = (part(frame.size(), random), random.of(&[1, 2, 8]));
    let mut each = decoders.iter_mut().map(|decoder| make(decoder, bytes, &frame, part, spacing, other));
    let first = each.next()?;
    each.for_each(|more| assert_eq!(more, first, "the levels differ, {part:?}"));
    assert_eq!(first.making, first.alone, "making seek points, {part:?}");
    if let Some(with) = &first.with_own {
        assert_eq!(with, &first.alone, "with seek points, {part:?}");
    }
    Some(first)
}

fn make(
    decoder: &mut Decoder,
    bytes: &[u8],
    frame: &Frame,
    part: Part,
    spacing: u16,
    other: Option<&[u8]>,
) -> Made {
    let Crop { width, height, .. } = part.pixels();
    let mut out = vec![0; 3 * width as usize * height as usize];
    let alone = decoder.crop(bytes, frame, part, &mut out).map(|()| out.clone());
    let points = decoder.crop_and_index(bytes, frame, part, spacing, &mut out);
    let making = points.as_ref().map(|_| out.clone()).map_err(|refusal| *refusal);
    let mut with = |points: &[u8]| {
        let table = SeekTable::read(frame, points)?;
        Some(decoder.crop_with(bytes, frame, &table, part, &mut out).map(|()| out.clone()))
    };
    let own_points = points.ok().flatten();
    let with_own = own_points.as_deref().and_then(&mut with);
    let with_other = other.and_then(with);
    Made { alone, making, own_points, with_own, with_other }
}

fn part((width, height): (u32, u32), random: &mut Random) -> Part {
    let mut side = |whole: u32| {
        let len = 1 + random.below(whole as usize) as u32;
        (random.below((whole - len + 1) as usize) as u32, len)
    };
    let ((x, width), (y, height)) = (side(width), side(height));
    let crop = Crop { x, y, width, height };
    Part { crop, scale: random.of(&[Scale::Full, Scale::Full, Scale::Half]) }
}
