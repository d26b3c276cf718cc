//! One `StreamBatches` call: wants in, batches out.

use std::sync::Arc;

use bandwise_proto::v1::{
    BatchHeader, CancelSteps, Failure, Open, Part, SharedMemoryGrant, SharedMemoryRequest, Want, WantSteps,
};
use bandwise_shm::Slots;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, transport::Channel};

use crate::{
    batch::{Batch, received_bytes},
    batch_memory::{BatchMemory, HeldSlot, StreamSlots},
    buffers::{Buffer, Buffers},
    error::ClientError,
    spec::StreamSpec,
    transport::Transport,
    wire::{PartStream, Piece},
};

/// An answer of a stream.
#[derive(Debug)]
pub enum Reply {
    /// A complete batch.
    Batch(Batch),
    /// A batch that could not be made; the stream continues.
    Failed {
        /// The step.
        step: u64,
        /// The first row of the batch.
        first_row: u64,
        /// The reason.
        error: ClientError,
    },
    /// The daemon is about to stop. It delivers the requested batches; request others elsewhere.
    Draining,
}

/// One `StreamBatches` call. Dropping it ends all work for it.
#[derive(Debug)]
pub struct BatchStream {
    /// Unbounded, but wants are tiny and the daemon refuses more than its limit.
    wants: mpsc::UnboundedSender<Want>,
    parts: PartStream,
    buffers: Buffers,
    /// The place of batches, if memory is shared. Dropped after `wants` and `parts`.
    slots: Option<StreamSlots>,
    /// Whether it was said that batches are copied because too many are held.
    told_copying: bool,
    partial: Option<Partial>,
}

/// A batch whose parts are arriving.
#[derive(Debug)]
struct Partial {
    header: BatchHeader,
    first_row: u64,
    total: usize,
    bytes: Buffer,
}

impl BatchStream {
    pub(crate) async fn open(
        channel: Channel,
        spec: &StreamSpec,
        shared_memory: Option<SharedMemoryRequest>,
    ) -> Result<Self, ClientError> {
        let (wants, outbound) = mpsc::unbounded_channel();
        let open = Open {
            job: Some(spec.job.clone()),
            expected_fingerprint: spec.expected.fingerprint.clone().into(),
            expected_fields: spec.expected.fields.clone(),
            shared_memory,
            fresh_only: spec.fresh_only,
            priority: spec.priority.into(),
            reader: Some(spec.reader.clone()),
        };
        // The receiver is right here, so this cannot fail.
        let _ = wants.send(Want { open: Some(open), ..Want::default() });
        let parts = PartStream::call(channel, UnboundedReceiverStream::new(outbound)).await?;
        Ok(Self {
            wants,
            parts,
            buffers: Buffers::default(),
            slots: None,
            told_copying: false,
            partial: None,
        })
    }

    /// The daemon's answer to the request for shared memory, before all else.
    pub(crate) async fn grant(&mut self) -> Result<SharedMemoryGrant, ClientError> {
        let grant = match self.parts.next().await? {
            Some(Piece::Part(part)) => part.shared_memory,
            _ => None,
        };
        grant.ok_or_else(|| ClientError::Protocol("no answer about shared memory".to_owned()))
    }

    /// The memory in which batches come from now on.
    pub(crate) fn use_slots(&mut self, slots: Arc<Slots>) {
        self.slots = Some(StreamSlots(slots));
    }

    /// The transport of batches: [`Transport::Grpc`] or [`Transport::SharedMemory`].
    pub fn transport(&self) -> Transport {
        if self.slots.is_some() { Transport::SharedMemory } else { Transport::Grpc }
    }

    /// Asks for batches. The answers come in the order of the wants.
    pub fn want(&self, steps: WantSteps) {
        // If the call has ended, the next reply says why.
        let _ = self.wants.send(Want { steps: Some(steps), ..Want::default() });
    }

    /// Takes wants back; batches that are already on their way may still come.
    pub fn cancel(&self, steps: Vec<u64>) {
        let _ = self.wants.send(Want { cancel: Some(CancelSteps { steps }), ..Want::default() });
    }

    /// Waits until the call ends: HTTP/2 has given up the wants. Batches that came before can still be read.
    pub(crate) async fn over(&self) {
        self.wants.closed().await;
    }

    /// The next batch or event; `None` when the daemon has ended the stream. Cancel-safe: a dropped call loses
    /// nothing.
    ///
    /// # Errors
    ///
    /// If the connection or the protocol breaks, or the daemon refuses a want. The stream has then ended.
    pub async fn next(&mut self) -> Result<Option<Reply>, ClientError> {
        loop {
            let Some(piece) = self.parts.next().await? else {
                return match self.partial.take() {
                    None => Ok(None),
                    Some(partial) => Err(ClientError::Protocol(format!(
                        "the stream ended inside the batch of step {}",
                        partial.header.step
                    ))),
                };
            };
            let reply = match piece {
                Piece::Part(part) => self.accept(*part)?,
                Piece::Data(data) => self.append(&data)?,
            };
            if let Some(reply) = reply {
                return Ok(Some(reply));
            }
        }
    }

    fn accept(&mut self, part: Part) -> Result<Option<Reply>, ClientError> {
        if !part.notice.is_empty() {
            tracing::warn!("{}", part.notice);
            return Ok(None);
        }
        if part.draining {
            return Ok(Some(Reply::Draining));
        }
        if let Some(failure) = part.failure {
            let (step, first_row) = (part.step, part.first_row);
            return Ok(Some(Reply::Failed { step, first_row, error: failed(failure) }));
        }
        if let (Some(header), Some(slot)) = (&part.header, part.slot) {
            return self.in_slot(header.clone(), part.first_row, slot).map(|batch| Some(Reply::Batch(batch)));
        }
        if let Some(header) = part.header {
            self.begin(header, part.first_row)?;
            return self.complete();
        }
        self.expect_data_at(part.offset).map(|()| None)
    }

    /// A batch in a slot; copied out of it if the trainer holds so many that the daemon would wait.
    fn in_slot(&mut self, header: BatchHeader, first_row: u64, number: u32) -> Result<Batch, ClientError> {
        let slots = self.slots.as_ref();
        let StreamSlots(slots) =
            slots.ok_or_else(|| ClientError::Protocol("a slot without shared memory".to_owned()))?;
        let slot = slots.take(number).ok_or_else(|| {
            ClientError::Protocol(format!("slot {number} was announced while it was not the daemon's"))
        })?;
        let left = slots.count() as usize - slots.held();
        let memory = BatchMemory::Slot(HeldSlot::new(slot, &self.wants));
        let batch = Batch::new(header, first_row, memory)?;
        if left >= spare(slots.count()) {
            return Ok(batch);
        }
        if !self.told_copying {
            self.told_copying = true;
            tracing::warn!(
                slots = slots.count(),
                held = slots.held() - 1,
                "batches are copied out of shared memory: drop batches sooner, or raise prefetch"
            );
        }
        batch.into_heap(&self.buffers)
    }

    fn begin(&mut self, header: BatchHeader, first_row: u64) -> Result<(), ClientError> {
        let total = received_bytes(header.step, &header.tensors)?;
        if self.partial.is_some() {
            return Err(ClientError::Protocol("a batch begins inside another".to_owned()));
        }
        let bytes = self.buffers.take(total);
        self.partial = Some(Partial { header, first_row, total, bytes });
        Ok(())
    }

    fn expect_data_at(&self, offset: u64) -> Result<(), ClientError> {
        let have = self.partial.as_ref().map(|partial| partial.bytes.as_slice().len() as u64);
        match have {
            Some(have) if have == offset => Ok(()),
            Some(have) => {
                Err(ClientError::Protocol(format!("data at {offset} after {have} bytes of a batch")))
            }
            None => Err(ClientError::Protocol("data outside a batch".to_owned())),
        }
    }

    fn append(&mut self, data: &[u8]) -> Result<Option<Reply>, ClientError> {
        let Some(partial) = &mut self.partial else {
            return Err(ClientError::Protocol("data outside a batch".to_owned()));
        };
        let have = partial.bytes.as_slice().len() + data.len();
        if have > partial.total {
            return Err(ClientError::Protocol(format!("{have} bytes for a batch of {}", partial.total)));
        }
        partial.bytes.push(data);
        self.complete()
    }

    fn complete(&mut self) -> Result<Option<Reply>, ClientError> {
        let done = |partial: &Partial| partial.bytes.as_slice().len() == partial.total;
        let Some(partial) = self.partial.take_if(|partial| done(partial)) else { return Ok(None) };
        Batch::new(partial.header, partial.first_row, BatchMemory::Heap(partial.bytes))
            .map(|batch| Some(Reply::Batch(batch)))
    }
}

/// Slots that are left to the daemon, so that it makes the next batch while the trainer has one.
fn spare(slots: u32) -> usize {
    (slots as usize / 2).clamp(1, 2)
}

fn failed(failure: Failure) -> ClientError {
    ClientError::Daemon {
        code: Code::from_i32(failure.code),
        message: failure.message,
        detail: failure.detail.map(Box::new),
    }
}
