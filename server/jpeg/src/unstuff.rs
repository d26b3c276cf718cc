//! Coded bytes without the zeros that are stuffed behind each 0xFF (T.81, B.1.1.5), so that bits lie side by side.

/// Appends coded bytes up to the first marker or the end; gives the number of bytes read.
pub(crate) fn unstuff(coded: &[u8], into: &mut Vec<u8>) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr(0xFF, &coded[at..]) {
        let ff = at + found;
        if coded.get(ff + 1) != Some(&0) {
            into.extend_from_slice(&coded[at..ff]);
            return ff;
        }
        into.extend_from_slice(&coded[at..=ff]);
        at = ff + 2;
    }
    into.extend_from_slice(&coded[at..]);
    coded.len()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut bytes = Vec::new();
            assert_eq!((unstuff(coded, &mut bytes), &bytes[..]), (read, expected), "{coded:?}");
        }
    }
}
