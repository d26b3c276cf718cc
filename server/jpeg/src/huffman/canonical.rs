//! Codes of any length, found by their length: a comparison for each (T.81, F.2.2.3).

use super::HuffmanSpec;

/// The codes of a table by length.
#[derive(Clone, Debug)]
pub(crate) struct Canonical {
    /// The shortest length that is looked for.
    shortest: usize,
    /// For each length the first 16 bits behind which its codes end; 0 where there are none up to that length.
    ends: [u32; 17],
    /// For each length the number of its first symbol, less its first code.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

impl Canonical {
    /// The codes with more bits than `known`.
    pub(crate) fn new(spec: &HuffmanSpec, known: u32) -> Self {
        let (mut ends, mut offsets) = ([0; 17], [0; 17]);
        for (number, code) in (0..).zip(spec.codes()) {
            let len = code.len as usize;
            if ends[len] == 0 {
                offsets[len] = number - code.bits as i32;
            }
            ends[len] = (code.bits + 1) << (16 - code.len);
        }
        Self { shortest: known as usize + 1, ends, offsets, symbols: *spec.symbols() }
    }

    /// Length and symbol of the code with which 16 bits begin, which is none of the known ones.
    #[cold]
    #[inline(never)]
    pub(crate) fn find(&self, bits: u32) -> Option<(u32, u8)> {
        let len = (self.shortest..17).find(|&len| bits < self.ends[len])?;
        let number = (bits >> (16 - len)) as i32 + self.offsets[len];
        self.symbols.get(usize::try_from(number).ok()?).map(|&symbol| (len as u32, symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_and_nothing_else() {
        let bytes: Vec<u8> =
            [0, 2, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9].into_iter().chain(0..15).collect();
        let (spec, _) = HuffmanSpec::read(&bytes, false).unwrap();
        let canonical = Canonical::new(&spec, 0);
        let mut covered = 0;
        for code in spec.codes() {
            let shift = 16 - code.len;
            for bits in [code.bits << shift, (code.bits << shift) + (1 << shift) - 1] {
                assert_eq!(canonical.find(bits), Some((code.len, code.symbol)));
            }
            covered += 1 << shift;
        }
        let found = (0..1 << 16).filter(|&bits| canonical.find(bits).is_some()).count();
        assert_eq!(found, covered);
    }
}
