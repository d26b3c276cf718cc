//! Damaged files: bits, bytes, pieces, segments, tables and restarts that are changed, moved, doubled or gone.

use crate::{oddities, random::Random, segments::Parts};

/// Damages a file some times; `other` is another one, of which pieces are taken.
pub(crate) fn damage(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if random.once_in(8) {
        bytes = oddities::rewrite(&bytes, random);
    }
    for _ in 0..=random.below(3) {
        match random.below(8) {
            0..=2 => one_place(&mut bytes, random),
            3 => piece(&mut bytes, random),
            4 => splice(&mut bytes, other, random),
            _ => in_parts(&mut bytes, other, random),
        }
    }
    bytes
}

/// Any position, or more often one in the coded data.
fn place(bytes: &[u8], random: &mut Random) -> usize {
    let from = if random.once_in(2) { bytes.len() / 2 } else { 0 };
    from + random.below((bytes.len() - from).max(1))
}

fn one_place(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = place(bytes, random);
    if at >= bytes.len() {
        return;
    }
    match random.below(8) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = random.byte(),
        3 => bytes[at] = random.of(&[0, 0xFF]),
        4 => bytes.insert(at, 0xFF),
        5 => bytes.insert(at, random.byte()),
        6 => {
            let marker = [0xFF, random.of(&[0, 0xD0, 0xD1, 0xD7, 0xD8, 0xD9, 0xDA, 0xC4, 0xDC, 0x01, 0xFF])];
            bytes.splice(at..at, marker);
        }
        _ => {
            bytes.remove(at);
        }
    }
}

/// Cuts, removes, doubles, moves or overwrites a piece.
fn piece(bytes: &mut Vec<u8>, random: &mut Random) {
    let (from, longest) = (place(bytes, random), random.of(&[8, 40, 1000]));
    let to = (from + random.below(longest)).min(bytes.len());
    let from = from.min(to);
    match random.below(6) {
        0 => bytes.truncate(from),
        1 => {
            bytes.drain(from..to);
        }
        2 => {
            let (copy, at) = (bytes[from..to].to_vec(), place(bytes, random));
            bytes.splice(at..at, copy);
        }
        3 => {
            let piece: Vec<u8> = bytes.drain(from..to).collect();
            let at = place(bytes, random);
            bytes.splice(at..at, piece);
        }
        4 => bytes[from..to].fill(random.of(&[0, 0xFF, 0x55])),
        _ => bytes[from..to].iter_mut().for_each(|byte| *byte = random.byte()),
    }
}

/// Goes on with another file in the middle of one.
fn splice(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if random.once_in(2) {
        // Segments of one and coded data of the other.
        let (Some(mut one), Some(two)) = (Parts::read(bytes), Parts::read(other)) else { return };
        one.coded = two.coded;
        *bytes = one.write();
    } else {
        let at = place(bytes, random);
        bytes.truncate(at);
        bytes.extend(&other[random.below(other.len())..]);
    }
}

/// Damages what the segments mean.
fn in_parts(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let Some(mut parts) = Parts::read(bytes) else { return };
    match random.below(11) {
        0 => segment(&mut parts, other, random),
        1 => frame(&mut parts, random),
        2 => scan_header(&mut parts, random),
        3 => interval(&mut parts, random),
        4 | 5 => restarts(&mut parts, random),
        6 => huffman(&mut parts, random),
        7 => quantisation(&mut parts, random),
        8 => coded(&mut parts, random),
        9 => {
            *bytes = parts.write();
            return length(bytes, &parts, random);
        }
        _ => {
            // A segment between the coded data and the end marker, or a second scan.
            let at = parts.coded.len().saturating_sub(2);
            let last = parts.segments.last().map(|(_, body)| body.clone()).unwrap_or_default();
            let (code, body) = random.of(&[(0xDC, 0), (0xDA, 1), (0xFE, 0)]);
            let body = if body == 1 { last } else { vec![0, 9] };
            let segment = [0xFF, code, 0, (body.len() + 2) as u8].into_iter().chain(body);
            parts.coded.splice(at..at, segment.collect::<Vec<u8>>());
        }
    }
    *bytes = parts.write();
}

/// Removes, doubles, moves, renames or replaces a segment.
fn segment(parts: &mut Parts, other: &[u8], random: &mut Random) {
    let number = random.below(parts.segments.len());
    match random.below(6) {
        0 => {
            parts.segments.remove(number);
        }
        1 => {
            let (copy, at) = (parts.segments[number].clone(), random.below(parts.segments.len()));
            parts.segments.insert(at, copy);
        }
        2 => {
            let at = random.below(parts.segments.len());
            parts.segments.swap(number, at);
        }
        3 => {
            let codes = [0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC9, 0xDB, 0xDD, 0xE0, 0xEE, 0xFE, 0x01, 0xDC, 0xD9];
            parts.segments[number].0 = random.of(&codes);
        }
        4 => {
            let body = &mut parts.segments[number].1;
            let len = random.below(body.len() + 8);
            body.resize(len, 0);
        }
        _ => {
            let Some(other) = Parts::read(other) else { return };
            let code = parts.segments[number].0;
            if let [same, ..] = other.of(code)[..] {
                parts.segments[number] = other.segments[same].clone();
            }
        }
    }
}

/// Changes precision, size, factors, identifiers or table numbers of the frame header.
fn frame(parts: &mut Parts, random: &mut Random) {
    let Some(number) = parts.frame() else { return };
    let body = &mut parts.segments[number].1;
    let components = (body.len() - 6) / 3;
    let component = 6 + 3 * random.below(components.max(1));
    match random.below(6) {
        0 => body[0] = random.of(&[8, 12, 16, 0]),
        1 => {
            let side = 1 + 2 * random.below(2);
            (body[side], body[side + 1]) = (random.of(&[0, 0, 0, 1]), random.byte());
        }
        2 | 3 if component + 1 < body.len() => {
            body[component + 1] = random.of(&[0x11, 0x21, 0x12, 0x22, 0x41, 0x14, 0x31, 0x44, 0, 0x52]);
        }
        4 if component + 2 < body.len() => body[component + 2] = random.of(&[0, 1, 2, 3, 4, 255]),
        5 if component < body.len() => body[component] = random.of(&[0, 1, 2, 3, b'R', b'G', b'B']),
        _ => body[5] = random.of(&[1, 2, 3, 4]),
    }
}

fn scan_header(parts: &mut Parts, random: &mut Random) {
    let Some((_, body)) = parts.segments.last_mut() else { return };
    if !body.is_empty() {
        let at = random.below(body.len());
        let tables = [0x00, 0x11, 0x01, 0x10, 0x22, 0x33, 0x04];
        body[at] =
            if random.once_in(2) { random.of(&tables) } else { random.of(&[0, 1, 2, 3, 4, 62, 63, 64]) };
    }
}

/// Changes the interval of restarts, or says one where there was none.
fn interval(parts: &mut Parts, random: &mut Random) {
    let interval = vec![random.of(&[0, 0, 0, 1, 255]), random.of(&[0, 1, 2, 3, 5, 7, 8, 20])];
    match parts.of(0xDD)[..] {
        [number, ..] => parts.segments[number].1 = interval,
        [] => parts.segments.insert(random.below(parts.segments.len()), (0xDD, interval)),
    }
}

/// Removes, doubles, moves, renames or exchanges restart markers, or the data between them.
fn restarts(parts: &mut Parts, random: &mut Random) {
    let places = parts.restarts();
    if places.is_empty() {
        let at = random.below(parts.coded.len().max(1));
        parts.coded.splice(at..at, [0xFF, 0xD0 + random.below(8) as u8]);
        return;
    }
    let number = random.below(places.len());
    let (at, next) = (places[number], places.get(number + 1).copied().unwrap_or(places[0]));
    match random.below(7) {
        0 => {
            parts.coded.drain(at..at + 2);
        }
        1 => {
            let copy = [parts.coded[at], parts.coded[at + 1]];
            parts.coded.splice(at..at, copy);
        }
        2 => parts.coded[at + 1] = 0xD0 + random.below(8) as u8,
        3 => parts.coded.swap(at + 1, next + 1),
        4 if at < next => {
            parts.coded.drain(at..next);
        }
        5 if at < next => {
            let copy = parts.coded[at..next].to_vec();
            parts.coded.splice(at..at, copy);
        }
        // Bits before a marker that are no more than filling, or too many.
        _ if at > 0 && random.once_in(2) => parts.coded[at - 1] ^= 1 << random.below(8),
        _ => parts.coded.insert(at, random.of(&[0, 0xFF, 0x7F])),
    }
}

/// Crafts a Huffman table: any codes, those of an existing one with other symbols, or too many.
fn huffman(parts: &mut Parts, random: &mut Random) {
    let numbers = parts.of(0xC4);
    if numbers.is_empty() {
        return;
    }
    let body = &mut parts.segments[random.of(&numbers)].1;
    if random.once_in(3) || body.len() < 17 {
        let kind = random.of(&[0x00, 0x01, 0x10, 0x11, 0x02, 0x14, 0x20]);
        *body = [kind].into_iter().chain(crate::crafted::table(random, kind < 16).bytes()).collect();
        return;
    }
    let at =
        if random.once_in(3) { random.below(17) } else { 17.min(body.len() - 1) + random.below(body.len()) };
    let at = at.min(body.len() - 1);
    if at > 0 && at < 17 && random.once_in(2) {
        // As many codes, of other lengths.
        let to = 1 + random.below(16);
        if body[at] > 0 {
            (body[at], body[to]) = (body[at] - 1, body[to].wrapping_add(1));
        }
    } else {
        body[at] = random.byte();
    }
}

/// Crafts quantisation steps: extreme, zero, or any.
fn quantisation(parts: &mut Parts, random: &mut Random) {
    let numbers = parts.of(0xDB);
    if numbers.is_empty() {
        return;
    }
    let body = &mut parts.segments[random.of(&numbers)].1;
    let kind = random.below(4);
    // All but the numbers of the tables.
    for (_, step) in body.iter_mut().enumerate().filter(|(at, _)| at % 65 != 0) {
        *step = match kind {
            0 => 255,
            1 => 0,
            2 => random.byte(),
            _ if random.once_in(10) => random.byte(),
            _ => *step,
        };
    }
}

/// Noise in place of the coded data, or of an end of it, with stuffed zeros where they belong.
fn coded(parts: &mut Parts, random: &mut Random) {
    let from = if random.once_in(2) { 0 } else { random.below(parts.coded.len().max(1)) };
    let len = parts.coded.len() - from.min(parts.coded.len());
    parts.coded.truncate(from);
    let ones = random.below(9);
    for _ in 0..len {
        let byte = random.byte() | if random.below(8) < ones { random.byte() } else { 0 };
        parts.coded.push(byte);
        if byte == 0xFF {
            parts.coded.push(0);
        }
    }
    parts.coded.extend([0xFF, 0xD9]);
}

/// Changes the length that a segment says.
fn length(bytes: &mut [u8], parts: &Parts, random: &mut Random) {
    let chosen = random.below(parts.segments.len());
    let at = 2 + parts.segments[..chosen].iter().map(|(_, body)| 4 + body.len()).sum::<usize>() + 2;
    let len = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let len = match random.below(4) {
        0 => len.wrapping_add(1),
        1 => len.wrapping_sub(1),
        2 => random.below(4) as u16,
        _ => random.next() as u16,
    };
    bytes[at..at + 2].copy_from_slice(&len.to_be_bytes());
}
