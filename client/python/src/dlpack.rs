//! `DLPack`: tensors between libraries without a copy. Written after the structures of `DLPack` 1.0 (`dlpack.h`) and
//! the data interchange protocol of the array API standard.
//!
//! Only the processor's memory is exported. The deleter may be called by any thread, with or without the GIL: what it
//! drops is no Python object.

use std::{
    ffi::{CStr, c_void},
    ptr,
    sync::Arc,
};

use pyo3::{ffi, prelude::*};

use crate::array_memory::ArrayMemory;

/// The processor's memory, as device type and number.
pub(crate) const CPU: (i32, i32) = (1, 0);

/// Kind of element (0 signed, 1 unsigned, 2 float, 4 bfloat) and its bits.
#[derive(Clone, Copy)]
pub(crate) struct DataType {
    pub(crate) code: u8,
    pub(crate) bits: u8,
}

#[repr(C)]
struct RawDataType {
    code: u8,
    bits: u8,
    lanes: u16,
}

#[repr(C)]
struct RawTensor {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    ndim: i32,
    dtype: RawDataType,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

/// `DLManagedTensor`.
#[repr(C)]
struct Plain {
    tensor: RawTensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Self)>,
}

/// `DLManagedTensorVersioned`.
#[repr(C)]
struct Versioned {
    major: u32,
    minor: u32,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Self)>,
    /// No bit set: neither read-only nor a copy.
    flags: u64,
    tensor: RawTensor,
}

/// One of the two structures.
trait Form: Sized {
    /// Name of a capsule that has not been taken yet.
    const NAME: &CStr;

    fn new(tensor: RawTensor) -> Self;
}

impl Form for Plain {
    const NAME: &CStr = c"dltensor";

    fn new(tensor: RawTensor) -> Self {
        Self { tensor, context: ptr::null_mut(), deleter: Some(delete::<Self>) }
    }
}

impl Form for Versioned {
    const NAME: &CStr = c"dltensor_versioned";

    fn new(tensor: RawTensor) -> Self {
        Self { major: 1, minor: 0, context: ptr::null_mut(), deleter: Some(delete::<Self>), flags: 0, tensor }
    }
}

/// The structure and all that it points to. The structure comes first, so that its address is that of the whole.
#[repr(C)]
struct Holder<F> {
    form: F,
    _shape: Box<[i64]>,
    _strides: Box<[i64]>,
    _memory: Arc<ArrayMemory>,
}

/// A capsule over `memory`, which holds a dense tensor of the given shape.
pub(crate) fn capsule(
    py: Python<'_>,
    memory: &Arc<ArrayMemory>,
    dtype: DataType,
    shape: &[usize],
    versioned: bool,
) -> PyResult<Py<PyAny>> {
    if versioned {
        export::<Versioned>(py, memory, dtype, shape)
    } else {
        export::<Plain>(py, memory, dtype, shape)
    }
}

fn export<F: Form>(
    py: Python<'_>,
    memory: &Arc<ArrayMemory>,
    dtype: DataType,
    shape: &[usize],
) -> PyResult<Py<PyAny>> {
    let mut shape: Box<[i64]> = shape.iter().map(|&side| side as i64).collect();
    let mut strides = strides(&shape);
    let tensor = RawTensor {
        data: memory.start().cast(),
        device_type: CPU.0,
        device_id: CPU.1,
        ndim: shape.len() as i32,
        dtype: RawDataType { code: dtype.code, bits: dtype.bits, lanes: 1 },
        shape: shape.as_mut_ptr(),
        strides: strides.as_mut_ptr(),
        byte_offset: 0,
    };
    let holder =
        Holder { form: F::new(tensor), _shape: shape, _strides: strides, _memory: Arc::clone(memory) };
    let form: *mut F = Box::into_raw(Box::new(holder)).cast();
    // SAFETY: this thread is attached to Python (`py`), the name is static, and the pointer is that of a structure which
    // lives until its deleter is called.
    let capsule = unsafe { ffi::PyCapsule_New(form.cast(), F::NAME.as_ptr(), Some(abandon::<F>)) };
    if capsule.is_null() {
        // SAFETY: the structure has no other owner.
        unsafe { delete(form) };
        return Err(PyErr::fetch(py));
    }
    // SAFETY: a new object without another owner.
    Ok(unsafe { Bound::from_owned_ptr(py, capsule) }.unbind())
}

/// Of a dense tensor, in elements.
fn strides(shape: &[i64]) -> Box<[i64]> {
    let mut strides = vec![1; shape.len()].into_boxed_slice();
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Called once, by the taker of the tensor, or by [`abandon`].
///
/// # Safety
///
/// `form` comes from [`export`] and is not used afterwards.
unsafe extern "C" fn delete<F>(form: *mut F) {
    // SAFETY: it is the first field of a boxed `Holder<F>` that was turned into a pointer, once.
    drop(unsafe { Box::from_raw(form.cast::<Holder<F>>()) });
}

/// Ends a capsule; one that was taken has another name then.
///
/// # Safety
///
/// Called by Python with a capsule of [`export`] that has no other owner any more.
unsafe extern "C" fn abandon<F: Form>(capsule: *mut ffi::PyObject) {
    // SAFETY: a capsule that lives, and a static name.
    if unsafe { ffi::PyCapsule_IsValid(capsule, F::NAME.as_ptr()) } == 1 {
        // SAFETY: under this name it holds a structure that has not been taken.
        unsafe { delete::<F>(ffi::PyCapsule_GetPointer(capsule, F::NAME.as_ptr()).cast()) };
    }
}
