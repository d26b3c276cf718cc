//! Decodes images from standard input and prints one verdict a line, for comparison with another decoder.
//!
//! Input: any number of frames, each a little-endian u32 length and that many bytes. Output, for each:
//! `ok WIDTH HEIGHT SHA256` of the packed RGB pixels, or `no REASON MESSAGE`. A third of the image in its middle
//! is decoded too; if that does not agree with the whole image, the line begins with `PART`.

use std::error::Error;
use std::io::{self, Read, Write};

use bandwise_decode::{DecodeError, DecodeLimits, Decoder};
use bandwise_kernels::{Rect, RgbView, SimdLevel};
use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::var_os("LOUD").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let mut decoder = Decoder::new(SimdLevel::detect())?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut len = [0; 4];
    while input.read_exact(&mut len).is_ok() {
        let mut bytes = vec![0; u32::from_le_bytes(len) as usize];
        input.read_exact(&mut bytes)?;
        let line = match whole_and_part(&mut decoder, &bytes) {
            Ok((width, height, pixels, part_agrees)) => {
                let prefix = if part_agrees { "" } else { "PART " };
                format!("{prefix}ok {width} {height} {}", hex(&Sha256::digest(&pixels)))
            }
            Err(error) => format!("no {} {}", error.reason(), error.to_string().replace('\n', " ")),
        };
        writeln!(output, "{line}")?;
        output.flush()?;
    }
    Ok(())
}

/// The packed pixels, and whether a part of the image agrees with them.
fn whole_and_part(decoder: &mut Decoder, bytes: &[u8]) -> Result<(u32, u32, Vec<u8>, bool), DecodeError> {
    let header = decoder.header(bytes, &DecodeLimits::default())?;
    let (width, height) = (header.width, header.height);
    let middle = |side: u32| (side / 3, (side / 3).max(1));
    let ((x, part_width), (y, part_height)) = (middle(width), middle(height));
    let region = Rect { x, y, width: part_width, height: part_height };
    let part = decoder.decode(bytes, &header, region).map(packed);
    let whole = decoder.decode(bytes, &header, Rect::whole(width, height));
    let (pixels, expected) = match whole {
        Ok(view) => (Ok(packed(view)), Ok(packed(view.crop(region)))),
        Err(error) => (Err(error.clone()), Err(error)),
    };
    let part_agrees = part.map_err(|error| error.reason()) == expected.map_err(|error| error.reason());
    match pixels {
        Ok(pixels) => Ok((width, height, pixels, part_agrees)),
        Err(error) if part_agrees => Err(error),
        Err(_) => Ok((width, height, Vec::new(), false)),
    }
}

fn packed(view: RgbView<'_>) -> Vec<u8> {
    (0..view.height()).flat_map(|y| view.row(y)).copied().collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
