//! The first directory of a TIFF file, read as Pillow reads it.
//!
//! Pillow takes the last entry of a tag, skips entries of types that it does not know, and stops without an error
//! at an entry that points outside the file, ignoring all entries behind it.

use crate::error::DecodeError;
use crate::format::Format;

/// Tags that decide about pixels.
pub(super) mod tag {
    pub(in super::super) const WIDTH: u16 = 256;
    pub(in super::super) const LENGTH: u16 = 257;
    pub(in super::super) const BITS: u16 = 258;
    pub(in super::super) const COMPRESSION: u16 = 259;
    pub(in super::super) const PHOTOMETRIC: u16 = 262;
    pub(in super::super) const FILL_ORDER: u16 = 266;
    pub(in super::super) const STRIP_OFFSETS: u16 = 273;
    pub(in super::super) const ORIENTATION: u16 = 274;
    pub(in super::super) const SAMPLES: u16 = 277;
    pub(in super::super) const ROWS_PER_STRIP: u16 = 278;
    pub(in super::super) const STRIP_BYTES: u16 = 279;
    pub(in super::super) const PLANAR: u16 = 284;
    pub(in super::super) const T4_OPTIONS: u16 = 292;
    pub(in super::super) const T6_OPTIONS: u16 = 293;
    pub(in super::super) const PREDICTOR: u16 = 317;
    pub(in super::super) const COLOR_MAP: u16 = 320;
    pub(in super::super) const TILE_WIDTH: u16 = 322;
    pub(in super::super) const TILE_LENGTH: u16 = 323;
    pub(in super::super) const TILE_OFFSETS: u16 = 324;
    pub(in super::super) const TILE_BYTES: u16 = 325;
    pub(in super::super) const EXTRA_SAMPLES: u16 = 338;
    pub(in super::super) const SAMPLE_FORMAT: u16 = 339;
    pub(in super::super) const JPEG_TABLES: u16 = 347;
    pub(in super::super) const SUBSAMPLING: u16 = 530;
    pub(in super::super) const XMP: u16 = 700;
    pub(in super::super) const MEDIA_PHOTO: u16 = 0xBC01;
}

/// libtiff refuses directories of more entries.
const MAX_ENTRIES: u64 = 4096;

/// Tags of one number.
const SINGLE: [u16; 13] = [
    tag::WIDTH,
    tag::LENGTH,
    tag::COMPRESSION,
    tag::PHOTOMETRIC,
    tag::FILL_ORDER,
    tag::SAMPLES,
    tag::ROWS_PER_STRIP,
    tag::PLANAR,
    tag::T4_OPTIONS,
    tag::T6_OPTIONS,
    tag::PREDICTOR,
    tag::TILE_WIDTH,
    tag::TILE_LENGTH,
];

/// Tags of one number or several.
const LISTS: [u16; 7] = [
    tag::BITS,
    tag::STRIP_OFFSETS,
    tag::STRIP_BYTES,
    tag::TILE_OFFSETS,
    tag::TILE_BYTES,
    tag::EXTRA_SAMPLES,
    tag::SAMPLE_FORMAT,
];

/// One entry with its value in the file.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    tag: u16,
    kind: u16,
    data: &'a [u8],
}

/// The entries of the first directory.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    pub(super) little_endian: bool,
    /// Whether libtiff would take the first four bytes; Pillow takes two mixed-up ones too.
    pub(super) proper_start: bool,
    /// Whether reading stopped at an entry that points outside the file.
    pub(super) cut: bool,
    entries: Vec<Entry<'a>>,
    /// A tag that stands there twice: Pillow takes its last value and libtiff the first.
    pub(super) repeated: Option<u16>,
    /// A tag for numbers without any that Pillow reads; it takes a default, and libtiff refuses the file.
    pub(super) empty: Option<u16>,
}

impl<'a> Directory<'a> {
    /// Reads the file's start and its first directory.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let file = Bytes { bytes, little_endian: bytes.first() == Some(&b'I') };
        let big = bytes.get(2) == Some(&43);
        let proper_start = bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") || big;
        if bytes.get(3) == Some(&43) {
            return Err(DecodeError::unsupported(Format::Tiff, "a bigtiff file with big-endian numbers"));
        }
        if big && bytes.get(4..8) != Some(&[8, 0, 0, 0]) {
            return Err(corrupt("a wrong start of a bigtiff file"));
        }
        let start = if big { file.number(8, 8) } else { file.number(4, 4) }.ok_or(TRUNCATED)?;
        let count_len = if big { 8 } else { 2 };
        let count = file.number(start, count_len).ok_or(TRUNCATED)?;
        if count > MAX_ENTRIES {
            return Err(corrupt(format!("{count} entries in a directory")));
        }
        let mut directory = Self {
            little_endian: file.little_endian,
            proper_start,
            cut: false,
            entries: Vec::new(),
            repeated: None,
            empty: None,
        };
        let entry_len = if big { 20 } else { 12 };
        for i in 0..count {
            let at = start + count_len + i * entry_len;
            let Some(entry) = file.entry(at, big) else {
                directory.cut = true;
                break;
            };
            // Pillow passes over types that it does not know and over entries without values.
            if !entry.data.is_empty() {
                directory.add(entry);
            } else if SINGLE.contains(&entry.tag) || LISTS.contains(&entry.tag) {
                directory.empty = Some(entry.tag);
            }
        }
        Ok(directory)
    }

    fn add(&mut self, entry: Entry<'a>) {
        match self.entries.iter_mut().find(|known| known.tag == entry.tag) {
            Some(known) => {
                *known = entry;
                self.repeated = Some(entry.tag);
            }
            None => self.entries.push(entry),
        }
    }

    /// Whether there is such an entry.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.iter().any(|entry| entry.tag == tag)
    }

    /// The type and the bytes of an entry.
    pub(super) fn raw(&self, tag: u16) -> Option<(u16, &'a [u8])> {
        self.entries.iter().find(|entry| entry.tag == tag).map(|entry| (entry.kind, entry.data))
    }

    /// All whole numbers of an entry.
    ///
    /// # Errors
    ///
    /// A type that is not for whole numbers above zero.
    pub(super) fn all(&self, tag: u16) -> Result<Option<Numbers<'a>>, DecodeError> {
        let Some((kind, data)) = self.raw(tag) else { return Ok(None) };
        let size = match kind {
            3 => 2,
            4 => 4,
            16 => 8,
            _ => return Err(DecodeError::unsupported(Format::Tiff, format!("tag {tag} of type {kind}"))),
        };
        Ok(Some(Numbers { file: Bytes { bytes: data, little_endian: self.little_endian }, size }))
    }

    /// Refuses numbers that libtiff does not take: where one is due, there must be exactly one.
    pub(super) fn check_single(&self) -> Result<(), DecodeError> {
        for tag in SINGLE {
            if self.all(tag)?.is_some_and(|numbers| numbers.len() != 1) {
                return Err(corrupt(format!("several numbers in tag {tag}")));
            }
        }
        Ok(())
    }

    /// The first whole number of an entry, as Pillow and libtiff take it where one is due.
    pub(super) fn one(&self, tag: u16) -> Result<Option<u64>, DecodeError> {
        Ok(self.all(tag)?.and_then(|numbers| numbers.get(0)))
    }
}

/// The whole numbers of an entry, at least one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers<'a> {
    file: Bytes<'a>,
    size: u64,
}

impl Numbers<'_> {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.file.bytes.len() / self.size as usize
    }

    /// The number at `index`, if there are as many.
    pub(super) fn get(&self, index: usize) -> Option<u64> {
        self.file.number((index as u64).checked_mul(self.size)?, self.size)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        (0..self.len()).filter_map(|i| self.get(i))
    }
}

/// Bytes that hold numbers.
#[derive(Clone, Copy, Debug)]
struct Bytes<'a> {
    bytes: &'a [u8],
    little_endian: bool,
}

impl<'a> Bytes<'a> {
    fn slice(&self, at: u64, len: u64) -> Option<&'a [u8]> {
        let (from, to) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
        self.bytes.get(from..to)
    }

    /// The number of `len` bytes, at most 8, at `at`.
    fn number(&self, at: u64, len: u64) -> Option<u64> {
        let digits = self.slice(at, len)?;
        let append = |sum: u64, digit: &u8| (sum << 8) | u64::from(*digit);
        Some(if self.little_endian {
            digits.iter().rev().fold(0, append)
        } else {
            digits.iter().fold(0, append)
        })
    }

    /// The entry at `at`, without data if its type is unknown; `None` if it is not all in the file.
    fn entry(&self, at: u64, big: bool) -> Option<Entry<'a>> {
        let room = if big { 8 } else { 4 };
        let (tag, kind) = (self.number(at, 2)? as u16, self.number(at + 2, 2)? as u16);
        let count = self.number(at + 4, room)?;
        let value = self.slice(at + 4 + room, room)?;
        let size = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 => 8,
            _ => return Some(Entry { tag, kind, data: &[] }),
        };
        let len = count.checked_mul(size)?;
        let data = if len > room {
            self.slice(self.number(at + 4 + room, room)?, len)?
        } else {
            &value[..len as usize]
        };
        Some(Entry { tag, kind, data })
    }
}

pub(super) const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Tiff };

pub(super) fn corrupt(detail: impl Into<String>) -> DecodeError {
    DecodeError::corrupt(Format::Tiff, detail)
}

pub(super) fn unsupported(detail: impl Into<String>) -> DecodeError {
    DecodeError::unsupported(Format::Tiff, detail)
}
