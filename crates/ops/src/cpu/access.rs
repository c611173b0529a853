//! The values of flex tensors.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{Element, TensorData};

type FlexTensor = FloatTensor<Flex>;

/// The values of a contiguous f32 tensor.
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("made contiguous by the caller, of type f32")
}

pub(crate) fn tensor<E: Element, const D: usize>(values: Vec<E>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// An f32 tensor that may be written to through [`values_mut`]: itself if nobody else holds its
/// values, else a copy.
pub(crate) fn owned(tensor: FlexTensor) -> FlexTensor {
    let shape = tensor.shape();
    let ordered = tensor.to_contiguous();
    drop(tensor);
    if ordered.is_unique() && ordered.storage::<f32>().len() == shape.num_elements() {
        return ordered;
    }
    FlexTensor::from_data(TensorData::new(values(&ordered).to_vec(), shape))
}

/// The values of an [`owned`] tensor.
pub(crate) fn values_mut(tensor: &mut FlexTensor) -> &mut [f32] {
    tensor.storage_mut()
}
