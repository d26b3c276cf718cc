//! The element types of tensors: their sizes, and which tensor has which.

use bandwise_terms::Tensor;

use crate::v1::Dtype;

/// Bytes of one element. In a job, an unspecified type means f32.
pub const fn element_bytes(dtype: Dtype) -> u64 {
    match dtype {
        Dtype::U8 => 1,
        Dtype::F16 | Dtype::Bf16 => 2,
        Dtype::F32 | Dtype::Unspecified => 4,
        Dtype::I64 => 8,
    }
}

/// The element type that a tensor always has; `None` for images, which have the job's.
pub const fn tensor_dtype(tensor: Tensor) -> Option<Dtype> {
    match tensor {
        Tensor::Images => None,
        Tensor::Labels | Tensor::LabelsB => Some(Dtype::I64),
        Tensor::Lam => Some(Dtype::F32),
    }
}

#[cfg(test)]
mod tests {
    use bandwise_choice::Choice as _;
    use bandwise_terms::BatchShape;

    use super::*;

    #[test]
    fn rows_of_labels_have_one_element_of_their_type() {
        let shape = BatchShape { rows: 5, side: 7, element_bytes: 2, mixed: true };
        for &tensor in Tensor::ALL {
            let bytes = tensor_dtype(tensor).map_or(7 * 7 * 3 * 2, element_bytes);
            assert_eq!(shape.row_bytes(tensor), bytes, "{tensor}");
        }
    }
}
