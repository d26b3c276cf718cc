//! A batch as the client holds it.

use std::ops::Range;

use bandwise_choice::Choice as _;
use bandwise_proto::{
    MAX_BATCH_BYTES, Packer, Tensor, element_bytes, tensor_dtype,
    v1::{BatchHeader, Dtype, TensorInfo},
};

use crate::{
    batch_memory::{BatchMemory, SlotPlace},
    buffers::Buffers,
    error::ClientError,
};

/// A complete batch. Its memory goes back to the stream when it is dropped: to its buffers, or, for a batch in shared
/// memory, to the daemon, which makes another batch there. A batch may outlive its stream.
#[derive(Debug)]
pub struct Batch {
    header: Box<BatchHeader>,
    first_row: u64,
    memory: BatchMemory,
    images: Range<usize>,
    labels: Range<usize>,
    mixed: Option<(Range<usize>, Range<usize>)>,
}

impl Batch {
    /// Puts header and memory together, which holds the header's tensors in their order.
    pub(crate) fn new(header: BatchHeader, first_row: u64, memory: BatchMemory) -> Result<Self, ClientError> {
        check(&header, first_row)?;
        let places = places(&header, memory.align(), memory.as_slice().len())?;
        let find = |tensor: Tensor| {
            let named = |info: &TensorInfo| info.name == tensor.as_str();
            header.tensors.iter().position(named).map(|i| places[i].clone())
        };
        let found = |tensor| {
            find(tensor).ok_or_else(|| ClientError::Protocol(format!("a batch without a tensor '{tensor}'")))
        };
        let (images, labels) = (found(Tensor::Images)?, found(Tensor::Labels)?);
        let mixed = find(Tensor::LabelsB).zip(find(Tensor::Lam));
        Ok(Self { header: Box::new(header), first_row, memory, images, labels, mixed })
    }

    /// Step, epoch, stage, bandwidth, progress, sample ids and so on.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The step.
    pub fn step(&self) -> u64 {
        self.header.step
    }

    /// First row of the step that the batch holds.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// Number of rows; 0 where the rank has none of a short last step.
    pub fn rows(&self) -> u64 {
        self.header.rows
    }

    /// The bytes of the images, row by row, in the dtype and layout of the job.
    pub fn images(&self) -> &[u8] {
        &self.memory.as_slice()[self.images.clone()]
    }

    /// The same, to be written: the batch belongs to the caller, even in shared memory.
    pub fn images_mut(&mut self) -> &mut [u8] {
        &mut self.memory.as_mut_slice()[self.images.clone()]
    }

    /// Whether the batch is in memory that is shared with the daemon, and so keeps one of the stream's slots.
    pub fn is_shared(&self) -> bool {
        matches!(self.memory, BatchMemory::Slot(_))
    }

    /// The place of the slot that the batch keeps; `None` for a batch in memory of this process.
    pub fn slot_place(&self) -> Option<SlotPlace> {
        self.memory.slot_place()
    }

    /// The batch in memory of this process; what it held goes back.
    pub(crate) fn into_heap(self, buffers: &Buffers) -> Result<Self, ClientError> {
        let places = places(&self.header, self.memory.align(), self.memory.as_slice().len())?;
        let mut buffer = buffers.take(self.byte_len());
        for range in places {
            buffer.push(&self.memory.as_slice()[range]);
        }
        Self::new(*self.header, self.first_row, BatchMemory::Heap(buffer))
    }

    /// The bytes of one image.
    ///
    /// # Panics
    ///
    /// If the batch has no such row.
    pub fn image(&self, row: usize) -> &[u8] {
        assert!((row as u64) < self.header.rows, "a batch of {} rows has no row {row}", self.header.rows);
        let row_bytes = self.images.len() / self.header.rows as usize;
        &self.images()[row * row_bytes..(row + 1) * row_bytes]
    }

    /// The labels.
    pub fn labels(&self) -> impl Iterator<Item = i64> + '_ {
        self.values(self.labels.clone(), i64::from_le_bytes)
    }

    /// The partner's label and the share of the own one for each row; `None` where rows are not mixed.
    pub fn partners(&self) -> Option<impl Iterator<Item = (i64, f32)> + '_> {
        let (labels_b, lam) = self.mixed.clone()?;
        let labels_b = self.values(labels_b, i64::from_le_bytes);
        Some(labels_b.zip(self.values(lam, f32::from_le_bytes)))
    }

    fn values<T, const N: usize>(
        &self,
        range: Range<usize>,
        read: impl Fn([u8; N]) -> T,
    ) -> impl Iterator<Item = T> {
        self.memory.as_slice()[range].as_chunks::<N>().0.iter().map(move |bytes| read(*bytes))
    }

    /// Bytes of all tensors.
    pub fn byte_len(&self) -> usize {
        self.header.tensors.iter().map(|tensor| tensor.byte_length as usize).sum()
    }
}

/// Bytes of all tensors together, which have to be received.
///
/// # Errors
///
/// If they are more than any batch has.
pub(crate) fn received_bytes(step: u64, tensors: &[TensorInfo]) -> Result<usize, ClientError> {
    let total = tensors.iter().try_fold(0_u64, |sum, tensor| sum.checked_add(tensor.byte_length));
    let total = total.filter(|&total| total <= MAX_BATCH_BYTES).and_then(|total| usize::try_from(total).ok());
    total.ok_or_else(|| ClientError::Protocol(format!("the batch of step {step} is larger than 2 GiB")))
}

/// The place of each tensor in memory of `len` bytes.
fn places(header: &BatchHeader, align: usize, len: usize) -> Result<Vec<Range<usize>>, ClientError> {
    let mut packer = Packer::new(align);
    let place = |tensor: &TensorInfo| packer.place(tensor.byte_length).filter(|range| range.end <= len);
    let places: Option<Vec<_>> = header.tensors.iter().map(place).collect();
    places.ok_or_else(|| {
        ClientError::Protocol(format!("the batch of step {} does not fit into its memory", header.step))
    })
}

/// A header must be consistent: readers of the tensors rely on their shapes.
fn check(header: &BatchHeader, first_row: u64) -> Result<(), ClientError> {
    let wrong =
        |what: String| Err(ClientError::Protocol(format!("the batch of step {}: {what}", header.step)));
    if header.rows == 0 || header.sample_ids.len() as u64 != header.rows {
        return wrong(format!("{} sample ids for {} rows", header.sample_ids.len(), header.rows));
    }
    let rows = header.rows.checked_add(header.replayed.len() as u64);
    if rows.and_then(|rows| rows.checked_add(first_row)).is_none() {
        return wrong(format!("no step has a row {first_row}"));
    }
    for tensor in &header.tensors {
        let dtype = tensor.dtype();
        if dtype == Dtype::Unspecified {
            return wrong(format!("'{}' has no element type", tensor.name));
        }
        let bytes =
            tensor.shape.iter().try_fold(element_bytes(dtype), |bytes, &side| bytes.checked_mul(side));
        if tensor.shape.first() != Some(&header.rows) || bytes != Some(tensor.byte_length) {
            return wrong(format!(
                "'{}' has {} bytes in the shape {:?}",
                tensor.name, tensor.byte_length, tensor.shape
            ));
        }
        // Of a tensor that is not known here nothing is read.
        let fixed = tensor.name.parse().ok().and_then(tensor_dtype);
        if fixed.is_some_and(|fixed| dtype != fixed || tensor.shape.len() != 1) {
            return wrong(format!(
                "'{}' has elements of {dtype:?} in the shape {:?}",
                tensor.name, tensor.shape
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::Buffers;

    fn tensor(name: &str, dtype: Dtype, shape: &[u64], byte_length: u64) -> TensorInfo {
        TensorInfo { name: name.to_owned(), dtype: dtype.into(), shape: shape.to_vec(), byte_length }
    }

    #[test]
    fn headers_that_contradict_themselves_are_refused() {
        let labels = || tensor("labels", Dtype::I64, &[2], 16);
        let images = |shape: &[u64], bytes| tensor("images", Dtype::F16, shape, bytes);
        let batch = |rows, ids: &[u64], tensors: Vec<TensorInfo>| {
            let header = BatchHeader { rows, sample_ids: ids.to_vec(), tensors, ..BatchHeader::default() };
            let mut bytes = Buffers::default().take(208);
            bytes.push(&[1; 208]);
            Batch::new(header, 0, BatchMemory::Heap(bytes))
        };
        assert!(batch(2, &[7, 8], vec![images(&[2, 3, 4, 4], 192), labels()]).is_ok());
        for (rows, ids, tensors) in [
            (0, vec![], vec![images(&[0, 3, 4, 4], 0), tensor("labels", Dtype::I64, &[0], 0)]),
            (2, vec![7], vec![images(&[2, 3, 4, 4], 192), labels()]),
            (2, vec![7, 8], vec![images(&[2, 3, 4, 4], 191), labels()]),
            (2, vec![7, 8], vec![images(&[1, 3, 4, 4], 96), labels()]),
            (2, vec![7, 8], vec![images(&[2, u64::MAX, 4], 0), labels()]),
            (2, vec![7, 8], vec![images(&[2, 3, 4, 4], 192)]),
            (2, vec![7, 8], vec![images(&[2, 3, 4, 8], 384), labels()]),
            // Labels that are read as one number a row, and are not.
            (2, vec![7, 8], vec![images(&[2, 3, 4, 4], 192), tensor("labels", Dtype::U8, &[2], 2)]),
            (2, vec![7, 8], vec![images(&[2, 3, 4, 4], 192), tensor("labels", Dtype::I64, &[2, 2], 32)]),
            (2, vec![7, 8], vec![images(&[2, 1, 1, 3], 12), labels(), tensor("lam", Dtype::F16, &[2], 4)]),
            (
                2,
                vec![7, 8],
                vec![images(&[2, 1, 1, 3], 12), labels(), tensor("labels_b", Dtype::I64, &[2, 0], 0)],
            ),
        ] {
            assert!(batch(rows, &ids, tensors.clone()).is_err(), "{tensors:?}");
        }
    }

    #[test]
    fn rows_beyond_every_number_are_refused() {
        for (first_row, fits) in [(0, true), (u64::MAX - 2, true), (u64::MAX - 1, false), (u64::MAX, false)] {
            let tensors =
                vec![tensor("images", Dtype::U8, &[2, 3], 6), tensor("labels", Dtype::I64, &[2], 16)];
            let header = BatchHeader { rows: 2, sample_ids: vec![7, 8], tensors, ..BatchHeader::default() };
            let mut bytes = Buffers::default().take(22);
            bytes.push(&[1; 22]);
            assert_eq!(
                Batch::new(header, first_row, BatchMemory::Heap(bytes)).is_ok(),
                fits,
                "row {first_row}"
            );
        }
    }

    #[test]
    fn sizes_of_a_peer_are_added_with_care() {
        let of = |lengths: &[u64]| {
            let tensors: Vec<_> =
                lengths.iter().map(|&bytes| tensor("images", Dtype::U8, &[bytes], bytes)).collect();
            received_bytes(3, &tensors).ok()
        };
        assert_eq!(of(&[1, 2]), Some(3));
        assert_eq!(of(&[2 << 30]), Some(2 << 30));
        for too_large in [&[(2 << 30) + 1][..], &[2 << 30, 1], &[u64::MAX, 2], &[u64::MAX, u64::MAX]] {
            assert_eq!(of(too_large), None, "{too_large:?}");
        }
    }
}
