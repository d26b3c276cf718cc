//! `Batch`: a received batch, as plain values and arrays.
//!
//! Only images are lent without a copy. Labels and sample ids are small: copied, they are aligned in received buffers
//! too, and a list of labels keeps no slots.

use bandwise_choice::Choice as _;
use bandwise_client::{self as client, Tensor, proto::Dtype};
use pyo3::prelude::*;

use crate::{array::Array, array_memory::ArrayMemory};

/// A batch as it came, except for its images, which stay where they were received: the rest is small, and copied, so
/// that it is aligned and keeps no slot of shared memory.
#[pyclass(frozen, get_all, module = "bandwise._native")]
pub(crate) struct Batch {
    labels: Py<Array>,
    /// Label of the partner and share of the own one, where rows are mixed.
    labels_b: Option<Py<Array>>,
    lam: Option<Py<Array>>,
    sample_ids: Py<Array>,
    /// (row, requested, delivered, reason, name of the requested one) for each row that does not hold its sample.
    substitutions: Vec<(u64, u64, u64, String, String)>,
    step: u64,
    first_row: u64,
    epoch: u64,
    stage: u32,
    bandwidth: u32,
    magnitude: f64,
    progress: f64,
    schedule_position: f64,
    lr_factor: f64,
    /// The step at which a run would resume after this batch.
    next_step: u64,
    is_shared: bool,
}

impl Batch {
    /// The images, and the rest.
    pub(crate) fn new(py: Python<'_>, batch: client::Batch, next_step: u64) -> PyResult<(Array, Self)> {
        let header = batch.header().clone();
        let rows = header.rows as usize;
        let numbers =
            |values: Vec<i64>| Py::new(py, Array::new(ArrayMemory::of_i64(values), Dtype::I64, vec![rows]));
        let mixed: Option<(Vec<i64>, Vec<f32>)> = batch.partners().map(Iterator::unzip);
        let (labels_b, lam) = mixed.unzip();
        let labels = numbers(batch.labels().collect())?;
        let (first_row, is_shared) = (batch.first_row(), batch.is_shared());
        let rest = Self {
            labels,
            labels_b: labels_b.map(numbers).transpose()?,
            lam: lam
                .map(|lam| Py::new(py, Array::new(ArrayMemory::of_f32(lam), Dtype::F32, vec![rows])))
                .transpose()?,
            sample_ids: numbers(header.sample_ids.iter().map(|&sample| sample as i64).collect())?,
            substitutions: header
                .substitutions
                .into_iter()
                .map(|other| {
                    (other.row, other.requested, other.delivered, other.reason, other.requested_name)
                })
                .collect(),
            step: header.step,
            first_row,
            epoch: header.epoch,
            stage: header.stage,
            bandwidth: header.bandwidth,
            magnitude: header.magnitude,
            progress: header.progress,
            schedule_position: header.schedule_position,
            lr_factor: header.lr_factor,
            next_step,
            is_shared,
        };
        Ok((images(batch), rest))
    }
}

/// The images where they lie. Headers are checked by the client: there is such a tensor, and its bytes fit its shape.
fn images(batch: client::Batch) -> Array {
    let info = batch.header().tensors.iter().find(|tensor| tensor.name == Tensor::Images.as_str());
    let (dtype, shape) = info.map_or((Dtype::U8, Vec::new()), |info| {
        (info.dtype(), info.shape.iter().map(|&side| side as usize).collect())
    });
    Array::new(ArrayMemory::of_images(batch), dtype, shape)
}
