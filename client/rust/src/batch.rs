//! A batch as the client holds it.

use std::ops::Range;

use bandwise_proto::v1::{BatchHeader, TensorInfo};

use crate::{buffers::Buffer, error::ClientError};

/// A complete batch. Its memory goes back to the stream's buffers when it is dropped.
#[derive(Debug)]
pub struct Batch {
    header: BatchHeader,
    first_row: u64,
    bytes: Buffer,
    images: Range<usize>,
    labels: Range<usize>,
    mixed: Option<(Range<usize>, Range<usize>)>,
}

impl Batch {
    /// Puts header and bytes together; the bytes are those of the header's tensors, one after the other.
    pub(crate) fn new(header: BatchHeader, first_row: u64, bytes: Buffer) -> Result<Self, ClientError> {
        let mut end = 0;
        let mut place = |tensor: &TensorInfo| {
            let start = end;
            end += tensor.byte_length as usize;
            (tensor.name.clone(), start..end)
        };
        let places: Vec<(String, Range<usize>)> = header.tensors.iter().map(&mut place).collect();
        let find = |name: &str| {
            places
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, range)| range.clone())
                .ok_or_else(|| ClientError::Protocol(format!("a batch without a tensor '{name}'")))
        };
        let (images, labels) = (find("images")?, find("labels")?);
        let mixed = find("labels_b").ok().zip(find("lam").ok());
        Ok(Self { header, first_row, bytes, images, labels, mixed })
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

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.header.rows
    }

    /// The bytes of the images, row by row, in the dtype and layout of the job.
    pub fn images(&self) -> &[u8] {
        &self.bytes.as_slice()[self.images.clone()]
    }

    /// The bytes of one image.
    ///
    /// # Panics
    ///
    /// If the batch has no such row.
    pub fn image(&self, row: usize) -> &[u8] {
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
        self.bytes.as_slice()[range].as_chunks::<N>().0.iter().map(move |bytes| read(*bytes))
    }

    /// Bytes of all tensors.
    pub fn byte_len(&self) -> usize {
        self.bytes.as_slice().len()
    }
}
