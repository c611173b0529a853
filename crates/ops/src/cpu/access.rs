//! The values of flex tensors.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, Element, TensorData};

use super::product::lanes;

type FlexTensor = FloatTensor<Flex>;

/// Whether the kernels of this crate compute with such a tensor: it holds f32 and is not empty, and
/// the processor has vectors wide enough for the kernels to be faster than Burn's.
pub(crate) fn supports(x: &FlexTensor) -> bool {
    x.dtype() == DType::F32 && x.shape().num_elements() > 0 && lanes() >= 4
}

/// Returns the values of a contiguous f32 tensor.
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("made contiguous by the caller, of type f32")
}

/// Makes a tensor of values in row-major order.
pub(crate) fn tensor<E: Element, const D: usize>(values: Vec<E>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Returns an f32 tensor that [`values_mut`] may write to: the tensor itself if nobody else holds
/// its values, else a copy.
pub(crate) fn owned(tensor: FlexTensor) -> FlexTensor {
    let shape = tensor.shape();
    let ordered = tensor.to_contiguous();
    drop(tensor);
    if ordered.is_unique() && ordered.storage::<f32>().len() == shape.num_elements() {
        return ordered;
    }
    FlexTensor::from_data(TensorData::new(values(&ordered).to_vec(), shape))
}

/// Returns the values of a tensor that [`owned`] returned.
pub(crate) fn values_mut(tensor: &mut FlexTensor) -> &mut [f32] {
    tensor.storage_mut()
}
