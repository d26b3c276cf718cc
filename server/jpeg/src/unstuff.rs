//! Coded bytes without the zeros that are stuffed behind each 0xFF (T.81, B.1.1.5), so that bits lie side by side.

use crate::per_level::per_level;

/// Bytes that are copied and looked at together.
const GROUP: usize = 32;

/// Bytes that [`unstuff`] may write behind those that it gives.
pub(crate) const SLACK: usize = GROUP;

per_level! {
    /// Copies coded bytes up to the first marker or the end; gives the number of bytes read, and of those written. `into` is
    /// longer than the coded bytes by [`SLACK`].
    pub(crate) fn unstuff(coded: &[u8], into: &mut [u8]) -> (usize, usize) {
        let (mut at, mut to) = (0, 0);
        while let Some(group) = coded[at..].first_chunk::<GROUP>() {
            into[to..][..GROUP].copy_from_slice(group);
            let mut found = false;
            for byte in group {
                found |= *byte == 0xFF;
            }
            let Some(ff) = (if found { memchr::memchr(0xFF, group) } else { None }) else {
                (at, to) = (at + GROUP, to + GROUP);
                continue;
            };
            if coded.get(at + ff + 1) != Some(&0) {
                return (at + ff, to + ff);
            }
            (at, to) = (at + ff + 2, to + ff + 1);
        }
        while let Some(&byte) = coded.get(at) {
            if byte == 0xFF && coded.get(at + 1) != Some(&0) {
                break;
            }
            into[to] = byte;
            (at, to) = (at + 1 + usize::from(byte == 0xFF), to + 1);
        }
        (at, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimdLevel;

    #[test]
    fn stuffed_zeros_go_and_markers_end_it() {
        let cases: [(&[u8], &[u8], usize); 6] = [
            (&[1, 2, 3], &[1, 2, 3], 3),
            (&[1, 0xFF, 0, 2], &[1, 0xFF, 2], 4),
            (&[0xFF, 0, 0xFF, 0, 0xFF, 0xD9, 5], &[0xFF, 0xFF], 4),
            (&[7, 0xFF], &[7], 1),
            (&[0xFF, 0xD0], &[], 0),
            (&[], &[], 0),
        ];
        for (coded, expected, read) in cases {
            // Alone, and behind groups without a stuffed zero.
            for before in [0, 1, GROUP - 1, GROUP, 2 * GROUP - 1] {
                let coded = [&vec![4; before], coded].concat();
                for level in SimdLevel::available() {
                    let mut bytes = vec![9; coded.len() + SLACK];
                    let made = unstuff(level, &coded, &mut bytes);
                    assert_eq!(made, (before + read, before + expected.len()), "{level}, {coded:?}");
                    assert_eq!(bytes[..made.1], [&vec![4; before], expected].concat());
                }
            }
        }
    }
}
