//! The ways to the pixels of a JPEG.

use bandwise_jpeg::Refusal;

/// The way by which the pixels of a JPEG were made. In full all of them give the same pixels, and only the time differs. At
/// half scale our own decoder alone has pixels, and libjpeg-turbo decodes in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JpegPath {
    /// Our own decoder, from the start of the coded data on.
    Own,
    /// Our own decoder, from seek points.
    OwnFromPoints,
    /// libjpeg-turbo, because its markers are not those of a healthy file with usual samplings.
    Irregular,
    /// libjpeg-turbo, because our decoder is switched off.
    SwitchedOff,
    /// libjpeg-turbo, because it has unusual segments before the scan.
    Markers,
    /// libjpeg-turbo, because it is arithmetic, lossless, or not of 8 bits a sample.
    Process,
    /// libjpeg-turbo, because it has two or four components.
    Components,
    /// libjpeg-turbo, because its chroma is sampled unusually, or too narrow to be filtered.
    Sampling,
    /// libjpeg-turbo, because a table is missing or impossible.
    Tables,
    /// libjpeg-turbo, because its components are in several scans.
    Scans,
    /// libjpeg-turbo, because its coded data is damaged.
    Damaged,
    /// libjpeg-turbo, because it has coefficients that no ordinary file has.
    Extreme,
    /// libjpeg-turbo, because there was no memory for a copy of its coded data.
    Memory,
    /// libjpeg-turbo, because our decoder panicked on it: a defect of ours.
    Panicked,
}

impl JpegPath {
    /// All ways.
    pub const ALL: [Self; 14] = [
        Self::Own,
        Self::OwnFromPoints,
        Self::Irregular,
        Self::SwitchedOff,
        Self::Markers,
        Self::Process,
        Self::Components,
        Self::Sampling,
        Self::Tables,
        Self::Scans,
        Self::Damaged,
        Self::Extreme,
        Self::Memory,
        Self::Panicked,
    ];

    /// `own`, `own_seek` (from seek points) or `libjpeg-turbo`.
    pub fn decoder(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::OwnFromPoints => "own_seek",
            _ => "libjpeg-turbo",
        }
    }

    /// A word for the reason why libjpeg-turbo was taken; empty for our own decoder.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Own | Self::OwnFromPoints => "",
            Self::Irregular => "irregular",
            Self::SwitchedOff => "switched_off",
            Self::Markers => "markers",
            Self::Process => "process",
            Self::Components => "components",
            Self::Sampling => "sampling",
            Self::Tables => "tables",
            Self::Scans => "scans",
            Self::Damaged => "damaged",
            Self::Extreme => "extreme",
            Self::Memory => "memory",
            Self::Panicked => "panic",
        }
    }
}

impl From<Refusal> for JpegPath {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Markers => Self::Markers,
            Refusal::Components => Self::Components,
            Refusal::Sampling => Self::Sampling,
            Refusal::Tables => Self::Tables,
            Refusal::Scans => Self::Scans,
            Refusal::Damaged => Self::Damaged,
            Refusal::Extreme => Self::Extreme,
            Refusal::Memory => Self::Memory,
            // `Process`, and reasons that are added there.
            _ => Self::Process,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_a_place_and_words_of_its_own() {
        for (number, path) in JpegPath::ALL.into_iter().enumerate() {
            assert_eq!(path as usize, number);
            let words = |path: JpegPath| (path.decoder(), path.reason());
            let same = JpegPath::ALL.iter().filter(|other| words(**other) == words(path));
            assert_eq!(same.count(), 1);
            assert_eq!(path.reason().is_empty(), path.decoder() != "libjpeg-turbo");
        }
    }
}
