//! Writes NumPy's `.npy` files, version 1.0 of the format (`numpy.lib.format`): a header line and raw values.

use std::{fs, path::Path};

/// Writes unsigned bytes of the given shape, C order.
pub(crate) fn write_u8(path: &Path, values: &[u8], shape: [usize; 3]) -> anyhow::Result<()> {
    Ok(fs::write(path, with_header("|u1", shape, values.iter().copied()))?)
}

/// Writes little-endian 32-bit floats of the given shape, C order.
pub(crate) fn write_f32(path: &Path, values: &[f32], shape: [usize; 3]) -> anyhow::Result<()> {
    Ok(fs::write(path, with_header("<f4", shape, values.iter().flat_map(|value| value.to_le_bytes())))?)
}

fn with_header(descr: &str, shape: [usize; 3], data: impl Iterator<Item = u8>) -> Vec<u8> {
    let [a, b, c] = shape;
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({a}, {b}, {c}), }}");
    // Magic, version and length take 10 bytes; the whole must be a multiple of 64 and end in a line feed.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', padded - header.len() - 1));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.into_bytes());
    file.extend(data);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_aligned_and_complete() {
        let file = with_header("|u1", [2, 3, 3], 0..18);
        let header_len = usize::from(u16::from_le_bytes([file[8], file[9]]));
        assert_eq!((10 + header_len) % 64, 0);
        assert_eq!(file[10 + header_len - 1], b'\n');
        assert_eq!(file[10 + header_len..], (0..18).collect::<Vec<u8>>());
        let header = String::from_utf8_lossy(&file[10..10 + header_len]).into_owned();
        assert!(
            header.starts_with("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 3), }"),
            "{header}"
        );
    }
}
