//! A unit of output: a batch cut into parts, the header and then the bytes of its tensors without a copy; or a single
//! part. Of a batch in shared memory the header is all.

use std::time::UNIX_EPOCH;

use bandwise_choice::Choice as _;
use bandwise_dataset::Dataset;
use bandwise_job::Fingerprint;
use bandwise_pipeline::{Batch, Replayed};
use bandwise_proto::{PART_DATA_BYTES, Tensor, tensor_dtype, v1 as proto};
use bytes::Bytes;

use crate::service::wire::dtype_to_wire;

/// Substitutions of a batch that name their sample, so that a header stays small.
const NAMED_SUBSTITUTIONS: usize = 64;

/// Longest name in a header, in characters.
const MAX_NAME_CHARS: usize = 256;

/// The parts that were not sent yet, of a batch or of anything else.
#[derive(Debug)]
pub(crate) struct BatchParts {
    step: u64,
    first_row: u64,
    first: Option<Box<proto::Part>>,
    /// Tensors not sent yet, the last one first.
    tensors: Vec<Bytes>,
    offset: u64,
}

impl BatchParts {
    pub(crate) fn new(batch: Batch, dataset: &Dataset, fingerprint: Fingerprint) -> Self {
        let (step, first_row) = (batch.moment.step, batch.first_row);
        let header = Some(header_of(&batch, dataset, fingerprint));
        let first = proto::Part { step, first_row, header, ..proto::Part::default() };
        let tensors = [batch.lam, batch.labels_b, batch.labels, batch.images];
        let tensors = tensors.into_iter().filter(|tensor| !tensor.is_empty()).collect();
        Self { tensors, ..Self::from(first) }
    }
}

impl From<proto::Part> for BatchParts {
    fn from(part: proto::Part) -> Self {
        let (step, first_row) = (part.step, part.first_row);
        Self { step, first_row, first: Some(Box::new(part)), tensors: Vec::new(), offset: 0 }
    }
}

impl Iterator for BatchParts {
    type Item = proto::Part;

    fn next(&mut self) -> Option<proto::Part> {
        if let Some(first) = self.first.take() {
            return Some(*first);
        }
        let tensor = self.tensors.last_mut()?;
        let data = tensor.split_to(tensor.len().min(PART_DATA_BYTES));
        if tensor.is_empty() {
            self.tensors.pop();
        }
        let offset = self.offset;
        self.offset += data.len() as u64;
        let (step, first_row) = (self.step, self.first_row);
        Some(proto::Part { step, first_row, offset, data, ..proto::Part::default() })
    }
}

/// The only part of a batch that the trainer reads in its slot.
pub(crate) fn announced(
    batch: &Batch,
    slot: u32,
    dataset: &Dataset,
    fingerprint: Fingerprint,
) -> proto::Part {
    let header = Some(header_of(batch, dataset, fingerprint));
    let (step, first_row) = (batch.moment.step, batch.first_row);
    proto::Part { step, first_row, header, slot: Some(slot), ..proto::Part::default() }
}

fn header_of(batch: &Batch, dataset: &Dataset, fingerprint: Fingerprint) -> proto::BatchHeader {
    let moment = &batch.moment;
    let rows = batch.layout.rows() as u64;
    let tensor = |&tensor: &Tensor| {
        let bytes = match tensor {
            Tensor::Images => &batch.images,
            Tensor::Labels => &batch.labels,
            Tensor::LabelsB => &batch.labels_b,
            Tensor::Lam => &batch.lam,
        };
        let image_shape = || batch.layout.image_shape().iter().map(|&side| side as u64).collect();
        let image_dtype = || dtype_to_wire(batch.layout.format().dtype);
        proto::TensorInfo {
            name: tensor.to_string(),
            dtype: tensor_dtype(tensor).unwrap_or_else(image_dtype).into(),
            shape: if tensor == Tensor::Images { image_shape() } else { vec![rows] },
            byte_length: bytes.len() as u64,
        }
    };
    proto::BatchHeader {
        step: moment.step,
        rows,
        epoch: moment.epoch,
        stage: moment.stage as u32,
        bandwidth: moment.bandwidth,
        magnitude: moment.magnitude,
        progress: moment.progress,
        schedule_position: moment.schedule_position,
        lr_factor: moment.lr_factor,
        fingerprint: Bytes::copy_from_slice(fingerprint.as_bytes()),
        sample_ids: batch.sample_ids.clone(),
        origin_steps: batch.origin_steps.clone(),
        replayed: batch
            .replayed
            .iter()
            .map(|&Replayed { row, origin_step, origin_row }| proto::ReplayedRow {
                row,
                origin_step,
                origin_row,
            })
            .collect(),
        substitutions: substitutions_of(batch, dataset),
        tensors: Tensor::ALL.iter().map(tensor).filter(|tensor| tensor.byte_length > 0).collect(),
        // A clock before 1970 is not worth an error.
        completed_unix_ns: batch
            .completed
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
    }
}

fn substitutions_of(batch: &Batch, dataset: &Dataset) -> Vec<proto::Substitution> {
    let name = |i: usize, sample| match i {
        0..NAMED_SUBSTITUTIONS => dataset.display_name(sample).chars().take(MAX_NAME_CHARS).collect(),
        _ => String::new(),
    };
    let substitutions = batch.substitutions.iter().enumerate();
    substitutions
        .map(|(i, s)| proto::Substitution {
            row: s.row,
            requested: s.requested,
            delivered: s.delivered,
            reason: s.reason.to_owned(),
            requested_name: name(i, s.requested),
        })
        .collect()
}
