//! The bytes of arrays: where they lie, and what keeps them there.
//!
//! Python may write into them, and several threads of it at once: so nothing here ever makes a reference to them after
//! they were handed out, except for copies.

use bandwise_client::{Batch, SlotPlace};

use crate::fork::OwnProcess;

/// Memory that is lent to Python. It is released with the last array over it.
pub(crate) struct ArrayMemory {
    start: *mut u8,
    len: usize,
    owner: Owner,
}

/// The owner of the bytes; its bytes are never reached through it.
enum Owner {
    Batch(OwnProcess<Batch>),
    #[expect(dead_code, reason = "held, never read")]
    I64(Vec<i64>),
    #[expect(dead_code, reason = "held, never read")]
    F32(Vec<f32>),
}

// SAFETY: the memory belongs to the owner, which may be dropped by any thread, and is reached through `start` alone.
unsafe impl Send for ArrayMemory {}
// SAFETY: nothing can be done with a shared `ArrayMemory` but read its place, and copy from it under the caller's own rules.
unsafe impl Sync for ArrayMemory {}

impl ArrayMemory {
    /// The images of a batch: its slot, or the buffer into which it was received. Either begins at a multiple of 16 at
    /// least (a page, or what the allocator gives for large buffers), and no element is larger.
    pub(crate) fn of_images(mut batch: Batch) -> Self {
        let images = batch.images_mut();
        let (start, len) = (images.as_mut_ptr(), images.len());
        Self { start, len, owner: Owner::Batch(OwnProcess::new(batch)) }
    }

    /// Whole numbers.
    pub(crate) fn of_i64(mut values: Vec<i64>) -> Self {
        let (start, len) = (values.as_mut_ptr().cast(), size_of_val(values.as_slice()));
        Self { start, len, owner: Owner::I64(values) }
    }

    /// Floats.
    pub(crate) fn of_f32(mut values: Vec<f32>) -> Self {
        let (start, len) = (values.as_mut_ptr().cast(), size_of_val(values.as_slice()));
        Self { start, len, owner: Owner::F32(values) }
    }

    /// The start of the bytes; valid for reads and writes of all of them as long as the value lives.
    pub(crate) fn start(&self) -> *mut u8 {
        self.start
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The slot that is kept, if it is one.
    pub(crate) fn slot_place(&self) -> Option<SlotPlace> {
        match &self.owner {
            Owner::Batch(batch) => batch.get()?.slot_place(),
            Owner::I64(_) | Owner::F32(_) => None,
        }
    }

    /// Copies the bytes to `target`, which has as many.
    pub(crate) fn copy_to(&self, target: &mut [u8]) {
        assert_eq!(target.len(), self.len, "the target has another size");
        // SAFETY: the owner keeps `len` bytes at `start`, `target` has as many, and is a buffer of its own. Python's
        // usual rule holds: do not write at the same time.
        unsafe { self.start.copy_to_nonoverlapping(target.as_mut_ptr(), self.len) }
    }
}
