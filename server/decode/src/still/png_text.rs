//! Chunks of a PNG that say nothing of pixels, but on which Pillow stumbles: profiles and texts that inflate to more
//! than it holds, in a compression that it does not know.

use flate2::{Decompress, FlushDecompress, Status};

use super::png_error::corrupt;
use crate::error::DecodeError;

/// A profile or text may inflate to this much.
const MOST_INFLATED: usize = 1 << 20;
/// All texts of a file together.
const MOST_TEXT: usize = 64 << 20;

/// Checks a chunk that is not about pixels; `text_len` counts the characters of all texts.
pub(super) fn check(kind: [u8; 4], body: &[u8], text_len: &mut usize) -> Result<(), DecodeError> {
    match &kind {
        b"iCCP" => {
            // Without a name's end Pillow takes the first byte for the compression.
            let behind = body.iter().position(|&byte| byte == 0).map_or(0, |end| end + 1);
            compressed(body.get(behind..).unwrap_or_default(), true).map(|_| ())
        }
        b"zTXt" => {
            let (key, value) = split(body).unwrap_or((body, &[]));
            let len = compressed(value, false)?.unwrap_or(0);
            count(text_len, if key.is_empty() { 0 } else { len })
        }
        b"tEXt" => {
            let (key, value) = split(body).unwrap_or((body, &[]));
            count(text_len, if key.is_empty() { 0 } else { value.len() })
        }
        b"iTXt" => count(text_len, international(body)?),
        _ => Ok(()),
    }
}

/// Whether a tRNS chunk of a palette makes exactly one index transparent and leaves the others opaque.
pub(super) fn is_one_transparent_index(body: &[u8]) -> bool {
    // The pattern's end also matches before a last line feed.
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let mut clear = body.iter().filter(|&&alpha| alpha == 0);
    clear.next().is_some() && clear.next().is_none() && body.iter().all(|&alpha| matches!(alpha, 0 | 255))
}

fn count(text_len: &mut usize, more: usize) -> Result<(), DecodeError> {
    *text_len += more;
    if *text_len > MOST_TEXT { Err(corrupt("too much text")) } else { Ok(()) }
}

fn split(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = body.iter().position(|&byte| byte == 0)?;
    Some((&body[..end], &body[end + 1..]))
}

/// The length of what a method byte and its data inflate to, if they do.
fn compressed(body: &[u8], needs_method: bool) -> Result<Option<usize>, DecodeError> {
    match body.split_first() {
        Some((0, data)) => inflated_len(data),
        Some(_) => Err(corrupt("an unknown compression")),
        None if needs_method => Err(corrupt("a profile that is too short")),
        None => Ok(Some(0)),
    }
}

/// The characters of an iTXt chunk; 0 where Pillow ignores it.
fn international(body: &[u8]) -> Result<usize, DecodeError> {
    let Some((_, [is_compressed, method, rest @ ..])) = split(body) else { return Ok(0) };
    let Some((language, rest)) = split(rest) else { return Ok(0) };
    let Some((translated, text)) = split(rest) else { return Ok(0) };
    let are_texts = [language, translated].iter().all(|part| str::from_utf8(part).is_ok());
    if *is_compressed == 0 {
        return Ok(str::from_utf8(text).map_or(0, |text| if are_texts { text.chars().count() } else { 0 }));
    }
    if *method != 0 { Ok(0) } else { Ok(inflated_len(text)?.unwrap_or(0)) }
}

/// The length of the inflated data, `None` if it is damaged.
///
/// # Errors
///
/// If it is longer than Pillow holds.
fn inflated_len(data: &[u8]) -> Result<Option<usize>, DecodeError> {
    let mut scratch = vec![0; 1 << 15];
    let mut state = Decompress::new(true);
    loop {
        let (read, written) = (state.total_in() as usize, state.total_out() as usize);
        let room = scratch.len().min(MOST_INFLATED - written);
        if room == 0 && read < data.len() {
            return Err(corrupt("a profile or text that is too long"));
        }
        let Ok(status) = state.decompress(&data[read..], &mut scratch[..room], FlushDecompress::None) else {
            return Ok(None);
        };
        let is_stuck = (state.total_in() as usize, state.total_out() as usize) == (read, written);
        if status == Status::StreamEnd || is_stuck {
            return Ok(Some(state.total_out() as usize));
        }
    }
}
