//! `Array`: a dense tensor in memory that is lent to Python.

use std::sync::Arc;

use bandwise_client::{SlotPlace, element_bytes, proto::Dtype};
use pyo3::{
    exceptions::{PyBufferError, PyTypeError},
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};

use crate::{
    array_memory::ArrayMemory,
    dlpack::{self, CPU, DataType},
};

/// A dense tensor. Whatever is made of it by `DLPack` or the array interface shares its memory and keeps it.
#[pyclass(frozen, module = "bandwise._native")]
pub(crate) struct Array {
    memory: Arc<ArrayMemory>,
    dtype: Dtype,
    shape: Vec<usize>,
}

/// The place of a slot of shared memory. It keeps the mapping and not the slot.
#[pyclass(frozen, module = "bandwise._native")]
pub(crate) struct Slot(SlotPlace);

#[pymethods]
impl Slot {
    /// Address of the first byte.
    #[getter]
    fn address(&self) -> usize {
        self.0.address()
    }

    /// Number of bytes.
    #[getter]
    fn nbytes(&self) -> usize {
        self.0.byte_len()
    }
}

impl Array {
    /// Memory that holds elements of `dtype` in the given shape.
    pub(crate) fn new(memory: ArrayMemory, dtype: Dtype, shape: Vec<usize>) -> Self {
        debug_assert_eq!(memory.len(), shape.iter().product::<usize>() * element_bytes(dtype) as usize);
        Self { memory: Arc::new(memory), dtype, shape }
    }
}

fn data_type(dtype: Dtype) -> DataType {
    let code = match dtype {
        Dtype::I64 => 0,
        Dtype::U8 => 1,
        Dtype::F16 | Dtype::F32 | Dtype::Unspecified => 2,
        Dtype::Bf16 => 4,
    };
    DataType { code, bits: 8 * element_bytes(dtype) as u8 }
}

#[pymethods]
impl Array {
    /// Sides, outermost first.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.shape)
    }

    /// Name of the element type, as numpy and torch have it.
    #[getter]
    fn dtype(&self) -> &'static str {
        match self.dtype {
            Dtype::U8 => "uint8",
            Dtype::F16 => "float16",
            Dtype::Bf16 => "bfloat16",
            Dtype::F32 | Dtype::Unspecified => "float32",
            Dtype::I64 => "int64",
        }
    }

    /// Number of bytes.
    #[getter]
    fn nbytes(&self) -> usize {
        self.memory.len()
    }

    /// The slot of shared memory that this keeps, or `None`.
    #[getter]
    fn slot(&self) -> Option<Slot> {
        self.memory.slot_place().map(Slot)
    }

    fn __len__(&self) -> usize {
        self.shape.first().copied().unwrap_or_default()
    }

    fn __repr__(&self) -> String {
        format!("Array(shape={:?}, dtype={})", self.shape, self.dtype())
    }

    /// A copy of the bytes.
    fn tobytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        PyBytes::new_with(py, self.memory.len(), |target| {
            self.memory.copy_to(target);
            Ok(())
        })
    }

    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let element = match self.dtype {
            Dtype::U8 => "|u1",
            Dtype::F16 => "<f2",
            Dtype::F32 | Dtype::Unspecified => "<f4",
            Dtype::I64 => "<i8",
            Dtype::Bf16 => {
                return Err(PyTypeError::new_err(
                    "numpy has no bfloat16: take it as DLPack (torch.from_dlpack), or choose another dtype",
                ));
            }
        };
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", self.shape(py)?)?;
        interface.set_item("typestr", element)?;
        interface.set_item("data", (self.memory.start() as usize, false))?;
        Ok(interface)
    }

    /// The array API's exchange: a capsule, of `DLPack` 1.0 where the caller knows that.
    #[pyo3(signature = (*, stream=None, max_version=None, dl_device=None, copy=None))]
    fn __dlpack__(
        &self,
        py: Python<'_>,
        stream: Option<&Bound<'_, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Py<PyAny>> {
        if stream.is_some() || dl_device.is_some_and(|device| device != CPU) {
            return Err(PyBufferError::new_err("the array is in CPU memory: copy it to a device yourself"));
        }
        if copy == Some(true) {
            return Err(PyBufferError::new_err("the array is lent without a copy: copy it yourself"));
        }
        let versioned = max_version.is_some_and(|(major, _)| major >= 1);
        dlpack::capsule(py, &self.memory, data_type(self.dtype), &self.shape, versioned)
    }

    #[expect(clippy::unused_self, reason = "the protocol's form")]
    fn __dlpack_device__(&self) -> (i32, i32) {
        CPU
    }
}
