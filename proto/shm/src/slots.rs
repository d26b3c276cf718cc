//! Slots: equal pieces of an anonymous file that two processes map.
//!
//! The file is sealed against shrinking, growing and other seals, so that no access to the mapping can fail, whatever
//! the other process does with its descriptor. It has no name: its memory is freed with the last mapping and
//! descriptor, however their processes ended. It is sparse: a slot takes memory when it is first written, and gives it
//! back, for all processes, when it is emptied. A process that touches an emptied slot gets zeros, in new memory that
//! is charged to the control group of that process.
//!
//! Within a process a slot is held by at most one [`Slot`] at a time. Between the processes the protocol of the wire
//! says whose turn it is; a process that breaks it changes bytes under the other's feet. So nothing that is read from
//! a slot may decide where or how much is read or written.

use std::{
    io,
    os::fd::OwnedFd,
    ptr::{self, NonNull},
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create},
    mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap},
};
use thiserror::Error;

use crate::lease::{Lease, MAX_SLOTS};

/// Slots begin at multiples of this many bytes.
pub const PAGE: usize = 4096;

/// The changes that the file is sealed against: without the seals, the other process could make an access to the
/// mapping fail.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// The reason why memory of the other process cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The system refused.
    #[error("cannot map shared memory: {0}")]
    System(#[from] io::Error),
    /// The file could change its size under the mapping.
    #[error("the shared memory is not sealed")]
    NotSealed,
    /// The file is not as large as was said.
    #[error("the shared memory has {found} bytes instead of {expected}")]
    Size {
        /// Bytes of the file.
        found: u64,
        /// Bytes that the slots take.
        expected: u64,
    },
    /// No memory has that size.
    #[error("{count} slots of {slot_bytes} bytes are impossible; 1 to 64 slots of whole pages are possible")]
    Shape {
        /// Number of slots.
        count: u32,
        /// Bytes of a slot.
        slot_bytes: u64,
    },
}

impl From<rustix::io::Errno> for OpenError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::System(error.into())
    }
}

/// All slots of a file, mapped. The mapping lives as long as this or a [`Slot`] of it.
#[derive(Debug)]
pub struct Slots {
    start: NonNull<u8>,
    slot_bytes: usize,
    /// Whether a slot is held, by number.
    held: Vec<AtomicBool>,
    held_count: AtomicUsize,
    /// On the memory of the other process. It ends after the mapping, which [`Drop`] undoes.
    lease: Option<Lease>,
}

// SAFETY: this type gives access to bytes only through a `Slot`, of which there is one for a slot at a time; the flags
// are atomic, and nothing depends on the thread that made the mapping.
unsafe impl Send for Slots {}
// SAFETY: as above.
unsafe impl Sync for Slots {}

impl Slots {
    /// Makes a file of `count` slots, each of at least `slot_bytes` bytes in whole pages; gives its descriptor, which
    /// the mapping does not need any more.
    ///
    /// # Errors
    ///
    /// If there is no such size, or the system has not the memory or descriptors.
    pub fn create(count: u32, slot_bytes: u64) -> Result<(Arc<Self>, OwnedFd), OpenError> {
        let slot_bytes = Self::rounded(slot_bytes);
        let len = len(count, slot_bytes)?;
        let file = memfd_create("bandwise", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, len as u64)?;
        fcntl_add_seals(&file, SEALS)?;
        Ok((Self::map(&file, len, count, slot_bytes, None)?, file))
    }

    /// Maps the file of the other process, and keeps the lease on it for as long as the mapping lives. `slot_bytes` is a
    /// whole number of pages.
    ///
    /// # Errors
    ///
    /// If the file is not sealed or has another size, or cannot be mapped.
    pub fn open(file: OwnedFd, lease: Lease, count: u32, slot_bytes: u64) -> Result<Arc<Self>, OpenError> {
        let len = len(count, slot_bytes)?;
        if !fcntl_get_seals(&file)?.contains(SEALS) {
            return Err(OpenError::NotSealed);
        }
        let found = fstat(&file)?.st_size as u64;
        if found != len as u64 {
            return Err(OpenError::Size { found, expected: len as u64 });
        }
        Self::map(&file, len, count, slot_bytes, Some(lease))
    }

    fn map(
        file: &OwnedFd,
        len: usize,
        count: u32,
        slot_bytes: u64,
        lease: Option<Lease>,
    ) -> Result<Arc<Self>, OpenError> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the system chooses the address, so that no other mapping is touched.
        let start = unsafe { mmap(ptr::null_mut(), len, access, MapFlags::SHARED, file, 0)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory).map_err(io::Error::from)?;
        Ok(Arc::new(Self {
            start,
            slot_bytes: slot_bytes as usize,
            held: (0..count).map(|_| AtomicBool::new(false)).collect(),
            held_count: AtomicUsize::new(0),
            lease,
        }))
    }

    /// `slot_bytes` rounded up to whole pages: what a slot really takes.
    pub fn rounded(slot_bytes: u64) -> u64 {
        slot_bytes.max(1).saturating_add(PAGE as u64 - 1) & !(PAGE as u64 - 1)
    }

    /// Number of slots.
    pub fn count(&self) -> u32 {
        self.held.len() as u32
    }

    /// Bytes of a slot.
    pub fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// Number of slots that are held here.
    pub fn held(&self) -> usize {
        self.held_count.load(Ordering::Relaxed)
    }

    /// Reports to the daemon which slots are held here, once its stream has ended: it reclaims the others. Does nothing
    /// where the memory is not another process's.
    pub fn tell_held(&self) {
        let Some(lease) = &self.lease else { return };
        let held = self.held.iter().enumerate().filter(|(_, held)| held.load(Ordering::Acquire));
        lease.tell_held(held.fold(0, |mask, (number, _)| mask | 1 << number));
    }

    /// Takes the slot `number`; `None` if there is none or it is held.
    pub fn take(self: &Arc<Self>, number: u32) -> Option<Slot> {
        let was_held = self.held.get(number as usize)?.swap(true, Ordering::Acquire);
        if was_held {
            return None;
        }
        self.held_count.fetch_add(1, Ordering::Relaxed);
        Some(Slot { slots: Arc::clone(self), number })
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this length and is undone once; no slot lives, since each keeps `self`.
        // It cannot fail for a mapping that is there.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.slot_bytes * self.held.len()) };
    }
}

/// Bytes of a file, if it can be one.
fn len(count: u32, slot_bytes: u64) -> Result<usize, OpenError> {
    let shape = OpenError::Shape { count, slot_bytes };
    if !(1..=MAX_SLOTS).contains(&count) || slot_bytes == 0 || !slot_bytes.is_multiple_of(PAGE as u64) {
        return Err(shape);
    }
    let len = slot_bytes.checked_mul(u64::from(count)).and_then(|len| isize::try_from(len).ok());
    len.map(isize::cast_unsigned).ok_or(shape)
}

/// A slot, held. Dropping it gives it back to this process's [`Slots`]; the other process learns of it over the wire.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    number: u32,
}

impl Slot {
    /// Which slot it is.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The first byte; page-aligned. The caller must keep the slot.
    pub fn start(&self) -> NonNull<u8> {
        // SAFETY: the slot is one of the mapping's, so the offset is within it.
        unsafe { self.slots.start.add(self.number as usize * self.slots.slot_bytes) }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping lives as long as `self.slots`, its bytes are always initialised (files are zeroed), and
        // no other `Slot` of this process has the range. The other process keeps off by the protocol.
        unsafe { slice::from_raw_parts(self.start().as_ptr(), self.slots.slot_bytes) }
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; `&mut self` makes this the only reference to the range.
        unsafe { slice::from_raw_parts_mut(self.start().as_ptr(), self.slots.slot_bytes) }
    }

    /// Gives the memory of the slot back to the system, whichever processes map it. Its bytes are zeros then.
    ///
    /// # Errors
    ///
    /// If the system refuses; it does so for memory that this process has locked.
    pub fn empty(&mut self) -> io::Result<()> {
        // SAFETY: the range is the slot's, in whole pages of a mapping that lives as long as `self.slots`, and no other
        // reference to it lives. It stays mapped, and its bytes stay initialised: they are zeros.
        unsafe { madvise(self.start().as_ptr().cast(), self.slots.slot_bytes, Advice::LinuxRemove)? };
        Ok(())
    }

    /// The slots that it is one of.
    pub fn slots(&self) -> &Arc<Slots> {
        &self.slots
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.held_count.fetch_sub(1, Ordering::Relaxed);
        self.slots.held[self.number as usize].store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::unix::net::UnixStream};

    use super::*;

    /// A lease, and the daemon's end of its connection.
    fn lease() -> (Lease, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (Lease::new(here.into()), there)
    }

    fn open(file: OwnedFd, count: u32, slot_bytes: u64) -> Result<Arc<Slots>, OpenError> {
        Slots::open(file, lease().0, count, slot_bytes)
    }

    #[test]
    fn both_sides_see_the_same_bytes() {
        let (here, file) = Slots::create(3, 5000).unwrap();
        let there = open(file, 3, 8192).unwrap();
        for number in 0..3 {
            here.take(number).unwrap().bytes_mut().fill(number as u8 + 1);
        }
        for number in 0..3 {
            let slot = there.take(number).unwrap();
            assert_eq!(slot.bytes().len(), 8192);
            assert!(slot.bytes().iter().all(|&byte| byte == number as u8 + 1));
        }
    }

    #[test]
    fn a_slot_is_held_once_and_outlives_the_rest() {
        let (slots, _) = Slots::create(2, 1).unwrap();
        let mut slot = slots.take(1).unwrap();
        assert!(slots.take(1).is_none() && slots.take(2).is_none());
        assert_eq!(slots.held(), 1);
        drop(slots);
        slot.bytes_mut().fill(7);
        let slots = Arc::clone(slot.slots());
        drop(slot);
        assert_eq!(slots.held(), 0);
        assert_eq!(slots.take(1).unwrap().bytes()[4095], 7);
    }

    #[test]
    fn an_emptied_slot_takes_no_memory_of_either_side() {
        let (here, file) = Slots::create(3, 100 * 4096).unwrap();
        let kept = file.try_clone().unwrap();
        let kib = || fstat(&kept).unwrap().st_blocks / 2;
        let there = open(file, 3, 100 * 4096).unwrap();
        let mut slots: Vec<Slot> = (0..3).map(|number| here.take(number).unwrap()).collect();
        for slot in &mut slots {
            slot.bytes_mut().fill(7);
        }
        assert_eq!(kib(), 1200);
        slots[1].empty().unwrap();
        assert_eq!(kib(), 800);
        for (number, byte) in [(0, 7), (1, 0), (2, 7)] {
            assert!(there.take(number).unwrap().bytes().iter().all(|&it| it == byte), "slot {number}");
        }
    }

    #[test]
    fn a_lease_says_what_is_held_and_ends_with_the_mapping() {
        let (_here, file) = Slots::create(64, 1).unwrap();
        let (lease, mut daemon) = lease();
        let there = Slots::open(file, lease, 64, 4096).unwrap();
        let [first, middle, last] = [0, 5, 63].map(|number| there.take(number).unwrap());
        let mut told = || {
            let mut message = [0; crate::HELD_BYTES];
            daemon.read_exact(&mut message).map(|()| crate::held(message))
        };
        there.tell_held();
        assert_eq!(told().unwrap(), 1 | 1 << 5 | 1 << 63);
        drop((first, last));
        there.tell_held();
        assert_eq!(told().unwrap(), 1 << 5);
        drop(there);
        drop(middle);
        assert_eq!(told().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn nobody_can_change_the_size() {
        let (_slots, file) = Slots::create(2, 1).unwrap();
        for size in [0, 4096, 1 << 20] {
            assert_eq!(ftruncate(&file, size), Err(rustix::io::Errno::PERM), "{size} bytes");
        }
        assert!(fcntl_add_seals(&file, SealFlags::WRITE).is_err());
    }

    #[test]
    fn files_that_are_not_as_was_said_are_refused() {
        let loose = || memfd_create("loose", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        assert!(matches!(open(loose(), 1, 4096), Err(OpenError::NotSealed)));
        let short = loose();
        fcntl_add_seals(&short, SEALS).unwrap();
        assert!(matches!(open(short, 1, 4096), Err(OpenError::Size { found: 0, .. })));
        for (count, slot_bytes) in [(0, 4096), (1, 0), (1, 5000), (65, 4096), (u32::MAX, 1 << 62)] {
            assert!(matches!(open(loose(), count, slot_bytes), Err(OpenError::Shape { .. })));
        }
        assert!(Slots::create(4, u64::MAX).is_err());
    }
}
