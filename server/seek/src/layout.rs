//! The bytes of the file, as a picture:
//!
//! ```text
//! 0      magic with the version (24), kind of the records (u32), 0 (u32), id (u64), checksum of these (u64)
//! 64     up to 16 tables, 32 bytes each: offset, slots, checksum of these, slots in use
//! 4096   the first table: buckets of 16 slots of 8 bytes
//! ...    records one after the other, and further tables between them
//! ```
//!
//! A slot is 24 bits of the key of a record (its tag) and 40 bits of its offset; 0 is an empty one. Numbers are
//! little-endian. The head never changes but for the slots in use, which are a count for growth and may be off by a
//! batch after a crash; tables are only added.

use crate::hash::checksum;
use crate::trouble::Unfit;

/// Version of the layout, for reports; in the magic too.
pub(crate) const VERSION: u32 = 1;

const MAGIC: &[u8; 24] = b"bandwise seek store 1\n\0\0";

/// Part of the magic that no version changes.
const NAME_BYTES: usize = 20;

/// Bytes before the first table.
pub(crate) const HEAD_BYTES: usize = 4096;

pub(crate) const SLOT_BYTES: u64 = 8;

/// Slots that are looked at together: 128 bytes, which never lie in two pages.
pub(crate) const BUCKET_SLOTS: u64 = 16;

/// Bytes of a bucket.
pub(crate) const BUCKET_BYTES: usize = (BUCKET_SLOTS * SLOT_BYTES) as usize;

/// Each table is twice as large as the one before, so no file has this many.
pub(crate) const MOST_TABLES: usize = 16;

const TABLES_AT: usize = 64;
const TABLE_BYTES: usize = 32;

const OFFSET_BITS: u32 = 40;

/// Place of one slot or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) u64);

impl Slot {
    pub(crate) fn new(hash: u64, offset: u64) -> Self {
        Self(hash << OFFSET_BITS | offset)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether its record may be that of this key: always if it is, once in 16 million otherwise.
    pub(crate) fn may_be(self, hash: u64) -> bool {
        self.0 >> OFFSET_BITS == hash & ((1 << (u64::BITS - OFFSET_BITS)) - 1)
    }

    pub(crate) fn offset(self) -> u64 {
        self.0 & ((1 << OFFSET_BITS) - 1)
    }
}

/// One table of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) offset: u64,
    pub(crate) slots: u64,
    /// Slots in use, about.
    pub(crate) used: u64,
}

impl Table {
    pub(crate) fn new(offset: u64, slots: u64) -> Self {
        Self { offset, slots, used: 0 }
    }

    pub(crate) fn buckets(&self) -> u64 {
        self.slots / BUCKET_SLOTS
    }

    /// The first bucket for a key. Takes its high bits: the low ones are the tag.
    pub(crate) fn home(&self, hash: u64) -> u64 {
        ((u128::from(hash) * u128::from(self.buckets())) >> 64) as u64
    }

    /// Offset of the first byte after it.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.slots.saturating_mul(SLOT_BYTES))
    }

    fn encode(&self, id: u64) -> [u8; TABLE_BYTES] {
        let mut bytes = [0; TABLE_BYTES];
        put(&mut bytes, 0, self.offset);
        put(&mut bytes, 8, self.slots);
        let check = checksum(&bytes[..16], id);
        put(&mut bytes, 16, check);
        put(&mut bytes, 24, self.used);
        bytes
    }

    fn decode(bytes: &[u8], id: u64) -> Option<Self> {
        let table = Self { offset: get(bytes, 0), slots: get(bytes, 8), used: get(bytes, 24) };
        let is_whole = checksum(&bytes[..16], id) == get(bytes, 16);
        let is_sound = table.slots > 0
            && table.slots.is_multiple_of(BUCKET_SLOTS)
            && table.offset.is_multiple_of(BUCKET_BYTES as u64)
            && table.offset >= HEAD_BYTES as u64
            && table.end() <= 1 << OFFSET_BITS;
        (is_whole && is_sound).then_some(table)
    }
}

/// The head of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) content: u32,
    /// Differs between any two files.
    pub(crate) id: u64,
    /// Oldest first; at least one.
    pub(crate) tables: Vec<Table>,
}

impl Head {
    /// Offset of the entry of a table.
    pub(crate) fn entry_at(table: usize) -> u64 {
        (TABLES_AT + table * TABLE_BYTES) as u64
    }

    /// The entry of a table as it is kept.
    pub(crate) fn entry(&self, table: usize) -> [u8; TABLE_BYTES] {
        self.tables[table].encode(self.id)
    }

    pub(crate) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..24].copy_from_slice(MAGIC);
        bytes[24..28].copy_from_slice(&self.content.to_le_bytes());
        put(&mut bytes, 32, self.id);
        let check = checksum(&bytes[..40], 0);
        put(&mut bytes, 40, check);
        for table in 0..self.tables.len() {
            let at = Self::entry_at(table) as usize;
            bytes[at..at + TABLE_BYTES].copy_from_slice(&self.entry(table));
        }
        bytes
    }

    /// The head of a file of `file_bytes`, which begins with `bytes`.
    pub(crate) fn decode(bytes: &[u8], file_bytes: u64) -> Result<Self, Unfit> {
        if bytes.len() < HEAD_BYTES {
            return Err(Unfit::Truncated { bytes: file_bytes });
        }
        if &bytes[..24] != MAGIC {
            let is_ours = bytes[..NAME_BYTES] == MAGIC[..NAME_BYTES];
            return Err(if is_ours { Unfit::OtherVersion } else { Unfit::Damaged });
        }
        if checksum(&bytes[..40], 0) != get(bytes, 40) {
            return Err(Unfit::Damaged);
        }
        let mut head = Self { content: get(bytes, 24) as u32, id: get(bytes, 32), tables: Vec::new() };
        let entries = bytes[TABLES_AT..].chunks_exact(TABLE_BYTES).take(MOST_TABLES);
        for entry in entries.take_while(|entry| entry.iter().any(|&byte| byte != 0)) {
            head.tables.push(Table::decode(entry, head.id).ok_or(Unfit::Damaged)?);
        }
        match head.tables.iter().map(Table::end).max() {
            None => Err(Unfit::Damaged),
            Some(end) if end > file_bytes => Err(Unfit::Truncated { bytes: file_bytes }),
            Some(_) => Ok(head),
        }
    }
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn get(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let tables = vec![Table { offset: 4096, slots: 1024, used: 7 }, Table::new(16384, 2048)];
        Head { content: 3, id: 12345, tables }
    }

    #[test]
    fn a_head_comes_back() {
        assert_eq!(Head::decode(&head().encode(), 1 << 20), Ok(head()));
    }

    #[test]
    fn only_counts_may_differ_from_what_was_written() {
        let written = head().encode();
        for at in 0..128 {
            for bit in 0..8 {
                let mut bytes = written;
                bytes[at] ^= 1 << bit;
                let read = Head::decode(&bytes, 1 << 20);
                let is_count = (88..96).contains(&at) || (120..128).contains(&at);
                // Bytes 48 to 64 are not used.
                assert_eq!(read.is_ok(), is_count || (48..64).contains(&at), "byte {at} bit {bit}: {read:?}");
            }
        }
        let mut bytes = written;
        bytes[20] = b'2';
        assert_eq!(Head::decode(&bytes, 1 << 20), Err(Unfit::OtherVersion));
        assert_eq!(Head::decode(&written, 32767), Err(Unfit::Truncated { bytes: 32767 }));
        assert_eq!(Head::decode(&written[..4095], 4095), Err(Unfit::Truncated { bytes: 4095 }));
    }

    #[test]
    fn slots_hold_what_was_put_in() {
        let slot = Slot::new(0xFEDC_BA98_7654_3210, (1 << 40) - 1);
        assert!(slot.may_be(0x54_3210) && !slot.may_be(0x54_3211) && !slot.is_empty());
        assert_eq!(slot.offset(), (1 << 40) - 1);
    }

    #[test]
    fn keys_spread_over_all_buckets() {
        let table = Table::new(4096, 1024);
        assert_eq!((table.home(0), table.home(u64::MAX), table.home(1 << 63)), (0, 63, 32));
    }
}
