//! The memory of a batch as the client holds it: a buffer of its own, or a slot that it shares with the daemon.

use std::sync::Arc;

use bandwise_proto::v1::{ReleaseSlots, Want};
use bandwise_shm::{Slot, Slots};
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender};

use crate::buffers::Buffer;

/// The memory of the tensors of a batch.
#[derive(Debug)]
pub(crate) enum BatchMemory {
    /// One after the other in a buffer.
    Heap(Buffer),
    /// Each at the next multiple of [`bandwise_proto::TENSOR_ALIGN`] in a slot.
    Slot(HeldSlot),
}

impl BatchMemory {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Heap(buffer) => buffer.as_slice(),
            Self::Slot(held) => held.slot.bytes(),
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(buffer) => buffer.as_mut_slice(),
            Self::Slot(held) => held.slot.bytes_mut(),
        }
    }

    /// The slot's place, if it is one.
    pub(crate) fn slot_place(&self) -> Option<SlotPlace> {
        match self {
            Self::Heap(_) => None,
            Self::Slot(held) => {
                let (mapping, address) = (Arc::clone(held.slot.slots()), held.slot.start().addr().get());
                Some(SlotPlace { mapping, address })
            }
        }
    }

    /// At multiples of what tensors begin.
    pub(crate) fn align(&self) -> usize {
        match self {
            Self::Heap(_) => 1,
            Self::Slot(_) => bandwise_proto::TENSOR_ALIGN,
        }
    }
}

/// The place where a slot is mapped, to register its memory with a device. It keeps the mapping, so that nothing else
/// can be mapped there, and not the slot.
#[derive(Clone, Debug)]
pub struct SlotPlace {
    mapping: Arc<Slots>,
    address: usize,
}

impl SlotPlace {
    /// Address of its first byte, a multiple of 4096.
    pub fn address(&self) -> usize {
        self.address
    }

    /// Its bytes, a multiple of 4096.
    pub fn byte_len(&self) -> usize {
        self.mapping.slot_bytes()
    }
}

/// The slots of a stream that is read. When it is dropped, after the stream, the daemon learns which slots are still
/// held; before that, a batch that is on its way might lie in any that was handed out.
#[derive(Debug)]
pub(crate) struct StreamSlots(pub(crate) Arc<Slots>);

impl Drop for StreamSlots {
    fn drop(&mut self) {
        self.0.tell_held();
    }
}

/// A slot of the stream, given back on drop.
///
/// The fields are dropped in this order: when the daemon hears of it, the slot is free here.
#[derive(Debug)]
pub(crate) struct HeldSlot {
    slot: Slot,
    _release: Release,
}

impl HeldSlot {
    /// Holds `slot`, which is given back through `wants`.
    pub(crate) fn new(slot: Slot, wants: &UnboundedSender<Want>) -> Self {
        let (number, slots) = (slot.number(), Arc::clone(slot.slots()));
        Self { slot, _release: Release { number, wants: wants.downgrade(), slots } }
    }
}

#[derive(Debug)]
struct Release {
    number: u32,
    /// Weak: a batch that outlives its stream must not keep the call open.
    wants: WeakUnboundedSender<Want>,
    slots: Arc<Slots>,
}

impl Drop for Release {
    fn drop(&mut self) {
        let Some(wants) = self.wants.upgrade() else {
            // The stream has ended, and its lease is the way to the daemon.
            return self.slots.tell_held();
        };
        // A call that ended without the stream being dropped takes nothing; the drop then reports the held slots.
        let release = ReleaseSlots { slots: vec![self.number] };
        let _ = wants.send(Want { release: Some(release), ..Want::default() });
    }
}
