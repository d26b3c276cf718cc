//! Crafted files that are healthy: any Huffman codes, quantisation steps and coefficients, coded without a fault. They
//! reach what no encoder of pixels writes: the greatest coefficients, codes of 16 bits, runs of zeros up to the end of a
//! block, tables with one code.

use crate::random::Random;

/// A table of codes.
pub(crate) struct Table {
    counts: [u8; 16],
    symbols: Vec<u8>,
}

impl Table {
    /// As a file has it, behind class and number.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> {
        self.counts.into_iter().chain(self.symbols.clone())
    }

    /// The code of the symbol with a number, and its length.
    fn code(&self, number: usize) -> (u32, u32) {
        let (mut code, mut first) = (0, 0);
        for (len, &count) in (1..).zip(&self.counts) {
            if number < first + usize::from(count) {
                return (code + (number - first) as u32, len);
            }
            first += usize::from(count);
            code = (code + u32::from(count)) << 1;
        }
        unreachable!("a table has as many codes as symbols")
    }
}

/// A table of any codes; now and then one with a code of ones alone, or with the same symbol twice.
pub(crate) fn table(random: &mut Random, is_dc: bool) -> Table {
    let largest = random.of(&if is_dc { [3, 8, 11, 15] } else { [2, 6, 10, 15] });
    let mut symbols: Vec<u8> = (0..=255)
        .filter(|symbol| symbol & 15 <= largest && (!is_dc || *symbol < 16))
        .filter(|symbol| is_dc || symbol & 15 > 0 || matches!(symbol, 0 | 0xF0))
        .collect();
    for at in (1..symbols.len()).rev() {
        symbols.swap(at, random.below(at + 1));
    }
    let wanted = 1 + random.below(symbols.len());
    symbols.truncate(wanted);
    if !is_dc && !symbols.contains(&0) && random.below(8) > 0 {
        symbols[random.below(wanted)] = 0;
    }
    if random.once_in(20) {
        symbols[0] = symbols[wanted - 1];
    }
    let mut counts = [0; 16];
    // Codes that are free at each length; one stays free for codes of ones alone, mostly.
    let spare = usize::from(random.below(40) > 0);
    let (mut free, mut left, pace) = (1, wanted, 2 + random.below(5));
    for (at, count) in counts.iter_mut().enumerate() {
        free *= 2;
        let longer = (free - spare) << (15 - at);
        let most = left.min(free - spare).min(255);
        // As few that those that are left still have a place.
        let least = if at == 15 { left.min(most) } else { 0 };
        let taken = if longer <= 2 * left { most / 2 } else { random.below(most / pace + 1) };
        let mut taken = taken.max(least);
        // All codes that are free, the last of which libjpeg refuses.
        if spare == 0 && free <= left && free < 256 && random.once_in(3) {
            taken = free;
            left = free;
        }
        while taken > 0 && (free - taken - spare) << (15 - at) < left - taken {
            taken -= 1;
        }
        *count = taken as u8;
        (free, left) = (free - taken, left - taken);
    }
    symbols.truncate(counts.iter().map(|&count| usize::from(count)).sum());
    Table { counts, symbols }
}

/// Bits with stuffed zeros.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    bits: u64,
    count: u32,
}

impl Writer {
    fn put(&mut self, (bits, len): (u32, u32)) {
        for at in (0..len).rev() {
            self.bits = (self.bits << 1) | u64::from((bits >> at) & 1);
            self.count += 1;
            if self.count == 8 {
                let byte = self.bits as u8;
                self.bytes.push(byte);
                if byte == 0xFF {
                    self.bytes.push(0);
                }
                (self.bits, self.count) = (0, 0);
            }
        }
    }

    /// Fills the last byte.
    fn fill(&mut self, random: &mut Random) {
        let ones = if random.once_in(10) { 0 } else { 0xFF };
        if self.count > 0 {
            self.put((ones, 8 - self.count));
        }
    }
}

/// The file of a number.
pub(crate) fn file(seed: u64, number: u64) -> Vec<u8> {
    let random = &mut Random::new(seed, number);
    let factors: u8 = random.of(&[0, 0x11, 0x21, 0x12, 0x22]);
    let count = if factors == 0 { 1 } else { 3 };
    let (width, height) = (1 + random.below(60), 1 + random.below(60));
    let mut bytes = vec![0xFF, 0xD8];
    quantisation(&mut bytes, random);
    let process = random.of(&[0xC0, 0xC0, 0xC1]);
    bytes.extend([0xFF, process, 0, 8 + 3 * count, 8, 0, height as u8, 0, width as u8, count]);
    for component in 0..count {
        let factors = if component == 0 { factors.max(0x11) } else { 0x11 };
        bytes.extend([component + 1, factors, component.min(1)]);
    }
    let tables: Vec<Table> = (0..4).map(|number| table(random, number < 2)).collect();
    for (kind, table) in [0x00, 0x01, 0x10, 0x11].into_iter().zip(&tables) {
        bytes.extend([0xFF, 0xC4]);
        bytes.extend((19 + table.symbols.len() as u16).to_be_bytes());
        bytes.push(kind);
        bytes.extend(table.bytes());
    }
    let interval = if random.once_in(3) { 1 + random.below(9) } else { 0 };
    if interval > 0 {
        bytes.extend([0xFF, 0xDD, 0, 4, 0, interval as u8]);
    }
    bytes.extend([0xFF, 0xDA, 0, 6 + 2 * count, count]);
    for component in 0..count {
        bytes.extend([component + 1, 0x11 * component.min(1)]);
    }
    bytes.extend([0, 63, 0]);
    let (across, down) = (usize::from(factors.max(0x11) >> 4), usize::from(factors.max(0x11) & 15));
    let mcus = width.div_ceil(8 * across) * height.div_ceil(8 * down);
    bytes.extend(scan(&tables, mcus, across * down, count == 3, interval, random));
    bytes.extend([0xFF, 0xD9]);
    bytes
}

fn quantisation(bytes: &mut Vec<u8>, random: &mut Random) {
    for number in 0..2 {
        let greatest = random.of(&[1, 1, 2, 8, 50, 255]);
        bytes.extend([0xFF, 0xDB, 0, 67, number]);
        bytes.extend((0..64).map(|_| 1 + random.below(greatest) as u8));
    }
}

fn scan(
    tables: &[Table],
    mcus: usize,
    luma: usize,
    has_chroma: bool,
    interval: usize,
    random: &mut Random,
) -> Vec<u8> {
    let mut writer = Writer::default();
    let chroma = if has_chroma { 2 } else { 0 };
    let mut dc = [0; 3];
    // Large values are rare in some files.
    let calm = random.of(&[1, 1, 4, 12]);
    for mcu in 0..mcus {
        if interval > 0 && mcu > 0 && mcu % interval == 0 {
            writer.fill(random);
            writer.bytes.extend([0xFF, 0xD0 + (mcu / interval - 1) as u8 % 8]);
            dc = [0; 3];
        }
        for number in 0..luma + chroma {
            let component = (number + 1).saturating_sub(luma);
            let set = component.min(1);
            block(&mut writer, [&tables[set], &tables[2 + set]], &mut dc[component], calm, random);
        }
    }
    writer.fill(random);
    writer.bytes
}

/// A block of any symbols that fit.
fn block(writer: &mut Writer, [dc, ac]: [&Table; 2], last: &mut i32, calm: usize, random: &mut Random) {
    // A difference that stays within a coefficient, where there is one.
    let mut number = random.below(dc.symbols.len());
    for _ in 0..40 {
        let size = u32::from(dc.symbols[number]);
        let bits = random.below(1 << size) as u32;
        let value = value(bits, size);
        if (*last + value).abs() <= if calm == 1 { 32767 } else { 1023 } {
            *last += value;
            writer.put(dc.code(number));
            writer.put((bits, size));
            break;
        }
        number = random.below(dc.symbols.len());
        if dc.symbols.contains(&0) {
            number = dc.symbols.iter().position(|&symbol| symbol == 0).unwrap_or(number);
        }
    }
    let mut position = 1;
    while position < 64 {
        let number = random.below(ac.symbols.len());
        let number = match ac.symbols.iter().position(|&symbol| symbol == 0) {
            Some(end) if random.below(6) < 2 => end,
            _ => number,
        };
        let symbol = ac.symbols[number];
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size > 8 && random.below(calm) > 0 {
            // Without an end the table may have nothing smaller.
            if ac.symbols.contains(&0) {
                continue;
            }
        }
        let advance = if symbol == 0xF0 { 16 } else { run + 1 };
        if symbol != 0 && position + advance > 64 {
            // Damage, which a table without an end cannot avoid.
            if ac.symbols.contains(&0) {
                continue;
            }
        }
        writer.put(ac.code(number));
        writer.put((random.below(1 << size) as u32, size));
        if symbol == 0 {
            return;
        }
        position += advance;
    }
}

/// The value of bits behind a symbol.
fn value(bits: u32, size: u32) -> i32 {
    let half = (1 << size) >> 1;
    if (bits as i32) < half { bits as i32 - (1 << size) + 1 } else { bits as i32 }
}
