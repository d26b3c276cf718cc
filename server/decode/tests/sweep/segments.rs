//! The segments of a JPEG, as far as they make sense.

/// A file in parts.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// The segments before the first scan and its header: the code of the marker, and what is behind the length.
    pub(crate) segments: Vec<(u8, Vec<u8>)>,
    /// Everything behind the header of the first scan.
    pub(crate) coded: Vec<u8>,
}

impl Parts {
    /// `None` if the segments do not lie one behind the other.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[0xFF, 0xD8])?;
        let mut segments = Vec::new();
        loop {
            let &[0xFF, code, high, low] = rest.first_chunk()? else { return None };
            let len = usize::from(u16::from_be_bytes([high, low]));
            segments.push((code, rest.get(4..2 + len)?.to_vec()));
            rest = &rest[2 + len..];
            if code == 0xDA {
                return Some(Self { segments, coded: rest.to_vec() });
            }
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8];
        for (code, body) in &self.segments {
            bytes.extend([0xFF, *code]);
            bytes.extend(((body.len() + 2) as u16).to_be_bytes());
            bytes.extend(body);
        }
        bytes.extend(&self.coded);
        bytes
    }

    /// Numbers of the segments with a marker.
    pub(crate) fn of(&self, code: u8) -> Vec<usize> {
        (0..self.segments.len()).filter(|&number| self.segments[number].0 == code).collect()
    }

    /// Number of the frame header.
    pub(crate) fn frame(&self) -> Option<usize> {
        self.segments.iter().position(|(code, body)| {
            matches!(code, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) && body.len() >= 6
        })
    }

    /// Positions of the restart markers in the coded data.
    pub(crate) fn restarts(&self) -> Vec<usize> {
        let is_restart = |at: &usize| matches!(self.coded[*at..], [0xFF, 0xD0..=0xD7, ..]);
        (0..self.coded.len()).filter(is_restart).collect()
    }
}
