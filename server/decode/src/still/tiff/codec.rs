//! LZW, deflate and `PackBits`. Each must give exactly as many bytes as are due; what follows is ignored, as
//! libtiff ignores it.

use flate2::{Decompress, FlushDecompress};
use weezl::{BitOrder, decode::Configuration};

use super::directory::corrupt;
use crate::error::DecodeError;

pub(super) fn lzw(stored: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
    // The first code must clear the table; an old kind of LZW, lowest bit first, begins otherwise.
    match stored {
        [0, second, ..] if second & 1 == 1 => return Err(super::directory::unsupported("old-style lzw")),
        [0x80, second, ..] if second & 0x80 == 0 => {}
        _ => return Err(corrupt("lzw without a clear code at its start")),
    }
    // As libtiff: no code is looked at once all bytes are there.
    let mut decoder =
        Configuration::with_tiff_size_switch(BitOrder::Msb, 8).with_yield_on_full_buffer(true).build();
    let (mut read, mut written) = (0, 0);
    while written < out.len() {
        let step = decoder.decode_bytes(&stored[read..], &mut out[written..]);
        (read, written) = (read + step.consumed_in, written + step.consumed_out);
        match step.status {
            Ok(weezl::LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(error) => return Err(corrupt(error.to_string())),
        }
    }
    full(written, out)
}

pub(super) fn deflate(stored: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
    let mut decoder = Decompress::new(true);
    loop {
        let (read, written) = (decoder.total_in() as usize, decoder.total_out() as usize);
        let status = decoder
            .decompress(&stored[read..], &mut out[written..], FlushDecompress::Sync)
            .map_err(|error| corrupt(error.to_string()))?;
        let (now_read, now_written) = (decoder.total_in() as usize, decoder.total_out() as usize);
        let stuck = (now_read, now_written) == (read, written);
        if status == flate2::Status::StreamEnd || now_written == out.len() || stuck {
            return full(now_written, out);
        }
    }
}

pub(super) fn pack_bits(mut stored: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
    let mut written = 0;
    while written < out.len() {
        let [count, rest @ ..] = stored else { break };
        let room = &mut out[written..];
        match count.cast_signed() {
            i8::MIN => stored = rest,
            count @ ..0 => {
                let [value, rest @ ..] = rest else { break };
                let len = room.len().min(1 + usize::from(count.unsigned_abs()));
                room[..len].fill(*value);
                (written, stored) = (written + len, rest);
            }
            count => {
                let len = 1 + usize::from(count.unsigned_abs());
                let taken = len.min(room.len());
                let Some(values) = rest.get(..taken) else { break };
                room[..taken].copy_from_slice(values);
                (written, stored) = (written + taken, rest.get(len..).unwrap_or_default());
            }
        }
    }
    full(written, out)
}

fn full(written: usize, out: &[u8]) -> Result<(), DecodeError> {
    if written == out.len() {
        Ok(())
    } else {
        Err(corrupt(format!("a strip or tile gives {written} bytes instead of {}", out.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_bits_runs_and_literals() {
        let mut out = [9; 6];
        pack_bits(&[0xFE, 7, 0x80, 2, 1, 2, 3], &mut out).unwrap();
        assert_eq!(out, [7, 7, 7, 1, 2, 3]);
        assert!(pack_bits(&[0xFE, 7, 2, 1, 2], &mut out).is_err());
        assert!(pack_bits(&[0xFE], &mut out).is_err());
        // A run may reach beyond the end.
        pack_bits(&[0x81, 5], &mut out).unwrap();
        assert_eq!(out, [5; 6]);
    }

    #[test]
    fn codes_of_lzw_behind_the_last_byte_are_ignored() {
        // Codes of 9 bits: clear, 5, and 300, which is in no table yet.
        let stored = [0x80, 0x01, 0x65, 0x80];
        let mut out = [0];
        lzw(&stored, &mut out).unwrap();
        assert_eq!(out, [5]);
        assert!(lzw(&stored, &mut [0; 2]).is_err());
    }

    #[test]
    fn what_is_cut_is_refused() {
        let mut out = [0; 4];
        assert!(lzw(&[0x80], &mut out).is_err());
        assert!(deflate(&[0x78, 0x9C], &mut out).is_err());
    }
}
