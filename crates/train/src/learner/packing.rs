//! Stores a network's many small tensors as one.

use burn::module::Module;
use burn::tensor::Tensor;
use halfstep_model::{SelectedDevice, flat_params};

/// How a learner stores its lists of flat tensors: one tensor per parameter, or all parameters in one tensor.
///
/// Clipping, AdamW and the moving average loop over such lists, with some twenty operations per tensor. On a
/// GPU each operation is a kernel launch. The hundreds of parameters of a network would need thousands of
/// launches, most of them for a few hundred numbers.
#[derive(Clone, Debug)]
pub struct Packing {
    lengths: Vec<usize>,
    joined: bool,
}

impl Packing {
    /// The faster way for `device`: one tensor where operations are kernel launches; one per parameter on the
    /// CPU, where copies cost more than calls.
    pub fn new<M: Module>(network: &M, device: &SelectedDevice) -> Self {
        Self { joined: device.compiles_kernels, ..Self::separate(network) }
    }

    /// One tensor per parameter, on any device.
    pub fn separate<M: Module>(network: &M) -> Self {
        let lengths = flat_params(network).iter().map(|values| values.dims()[0]).collect();
        Self { lengths, joined: false }
    }

    /// One tensor for all parameters, on any device.
    pub fn joined<M: Module>(network: &M) -> Self {
        Self { joined: true, ..Self::separate(network) }
    }

    /// Converts a list of one tensor per parameter to the stored form.
    pub fn join(&self, list: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
        if self.joined { vec![Tensor::cat(list, 0)] } else { list }
    }

    /// Converts the stored form back to one tensor per parameter: views into the joined tensor, if the device
    /// supports views.
    pub fn split(&self, list: &[Tensor<1>]) -> Vec<Tensor<1>> {
        match list {
            [all] if self.joined => all.clone().split_with_sizes(self.lengths.clone(), 0),
            _ => list.to_vec(),
        }
    }
}
