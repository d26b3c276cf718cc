//! The form of the tensors that a recipe ends with.

use bandwise_kernels::{Dtype, Layout};

/// Element type and axis order of the tensors that a program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutputFormat {
    /// Element type.
    pub dtype: Dtype,
    /// Axis order.
    pub layout: Layout,
}
