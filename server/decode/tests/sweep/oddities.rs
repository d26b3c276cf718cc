//! Harmless rewrites: what cameras and editors do to files, which changes no pixel.

use crate::{random::Random, segments::Parts};

/// Rewrites a file some times; as it is where it has no segments that make sense.
pub(crate) fn rewrite(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let Some(mut parts) = Parts::read(bytes) else { return bytes.to_vec() };
    for _ in 0..=random.below(3) {
        match random.below(9) {
            0 => merge(&mut parts, 0xC4),
            1 => merge(&mut parts, 0xDB),
            2 => split_huffman(&mut parts),
            3 => widen_quantisation(&mut parts),
            4 => exif(&mut parts, bytes, random),
            5 => adobe(&mut parts, random),
            6 => jfif(&mut parts, random),
            7 => reorder(&mut parts, random),
            _ => comment(&mut parts, random),
        }
    }
    let mut bytes = parts.write();
    match random.below(6) {
        0 => bytes.extend((0..random.below(300)).map(|_| random.byte())),
        1 => fill(&mut bytes, &parts, random),
        2 => bytes.extend_from_within(..),
        _ => {}
    }
    bytes
}

/// Puts all segments of a marker into one.
fn merge(parts: &mut Parts, code: u8) {
    let [first, others @ ..] = &parts.of(code)[..] else { return };
    for other in others.iter().rev() {
        let body = parts.segments.remove(*other).1;
        let at = parts.segments[*first].1.len();
        // In their order.
        parts.segments[*first].1.splice(at..at, body);
    }
}

/// Puts each Huffman table into a segment of its own.
fn split_huffman(parts: &mut Parts) {
    let split = |(code, body): (u8, Vec<u8>)| {
        if code != 0xC4 {
            return vec![(code, body)];
        }
        let (mut rest, mut tables) = (&body[..], Vec::new());
        while rest.len() >= 17 {
            let len = 17 + rest[1..17].iter().map(|&count| usize::from(count)).sum::<usize>();
            let (table, behind) = rest.split_at(len.min(rest.len()));
            tables.push((code, table.to_vec()));
            rest = behind;
        }
        tables
    };
    parts.segments = std::mem::take(&mut parts.segments).into_iter().flat_map(split).collect();
}

/// Stores quantisation steps in 16 bits.
fn widen_quantisation(parts: &mut Parts) {
    for number in parts.of(0xDB) {
        let body = &mut parts.segments[number].1;
        if body.len().is_multiple_of(65) && body.iter().step_by(65).all(|&kind| kind < 4) {
            let wide = |table: &[u8]| {
                let steps = table[1..].iter().flat_map(|&step| [0, step]);
                [16 | table[0]].into_iter().chain(steps).collect::<Vec<u8>>()
            };
            *body = body.chunks(65).flat_map(wide).collect();
        }
    }
}

/// An EXIF segment with a thumbnail, which is a JPEG.
fn exif(parts: &mut Parts, thumbnail: &[u8], random: &mut Random) {
    let mut body = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0".to_vec();
    body.extend(&thumbnail[..thumbnail.len().min(60000)]);
    let at = random.below(parts.segments.len());
    parts.segments.insert(at, (0xE1, body));
}

fn adobe(parts: &mut Parts, random: &mut Random) {
    let transform = random.of(&[0, 1, 1, 2, 3, 255]);
    let mut body = b"Adobe\0\x64\0\0\0\0".to_vec();
    body.push(transform);
    body.truncate(random.of(&[12, 12, 12, 11, 7, 5]));
    let at = random.below(parts.segments.len());
    parts.segments.insert(at, (0xEE, body));
}

/// A JFIF segment more, of some version, or none.
fn jfif(parts: &mut Parts, random: &mut Random) {
    if random.once_in(2) {
        parts.segments.retain(|(code, _)| *code != 0xE0);
        return;
    }
    let mut body = b"JFIF\0\x01\x02\0\0\x48\0\x48\0\0".to_vec();
    body[5] = random.of(&[1, 1, 0, 2]);
    body.truncate(random.of(&[14, 14, 13, 9]));
    let at = random.below(parts.segments.len());
    parts.segments.insert(at, (0xE0, body));
}

/// Two segments change places; the scan stays last.
fn reorder(parts: &mut Parts, random: &mut Random) {
    let len = parts.segments.len() - 1;
    if len > 1 {
        let (one, other) = (random.below(len), random.below(len));
        parts.segments.swap(one, other);
    }
}

fn comment(parts: &mut Parts, random: &mut Random) {
    let code = random.of(&[0xFE, 0xE2, 0xED, 0xEF, 0xDC]);
    let body = (0..random.below(40)).map(|_| random.byte()).collect();
    let at = random.below(parts.segments.len());
    parts.segments.insert(at, (code, body));
}

/// Bytes 0xFF before a marker of the head, or before the end marker.
fn fill(bytes: &mut Vec<u8>, parts: &Parts, random: &mut Random) {
    let head = bytes.len() - parts.coded.len();
    let markers = (2..head).chain([bytes.len().saturating_sub(2)]);
    let markers: Vec<usize> = markers.filter(|&at| matches!(bytes[at..], [0xFF, 0xC0..=0xFE, ..])).collect();
    if !markers.is_empty() {
        let at = random.of(&markers);
        bytes.splice(at..at, vec![0xFF; 1 + random.below(3)]);
    }
}
