//! A network's many small tensors as one.

use burn::module::Module;
use burn::tensor::Tensor;
use halfstep_model::{SelectedDevice, flat_params};

/// How a learner's lists of flat tensors lie on its device: one tensor per parameter, or all of them in
/// one. Clipping, AdamW and the moving average are loops over such lists, some twenty operations per
/// tensor. Where each operation is a kernel launch, the hundreds of parameters of a network would
/// make thousands of launches, most of them over a few hundred numbers.
#[derive(Clone, Debug)]
pub struct Packing {
    lengths: Vec<usize>,
    joined: bool,
}

impl Packing {
    /// One tensor where operations are kernel launches; on the CPU, where copies cost more than calls,
    /// one per parameter.
    pub fn new<M: Module>(network: &M, device: &SelectedDevice) -> Self {
        Self { joined: device.compiles_kernels, ..Self::separate(network) }
    }

    /// One tensor per parameter.
    pub fn separate<M: Module>(network: &M) -> Self {
        let lengths = flat_params(network).iter().map(|values| values.dims()[0]).collect();
        Self { lengths, joined: false }
    }

    /// All in one tensor, whatever the device.
    pub fn joined<M: Module>(network: &M) -> Self {
        Self { joined: true, ..Self::separate(network) }
    }

    /// The list as it lies on the device, from one tensor per parameter.
    pub fn join(&self, list: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
        if self.joined { vec![Tensor::cat(list, 0)] } else { list }
    }

    /// One tensor per parameter again: views into the joined one, where the device can have them.
    pub fn split(&self, list: &[Tensor<1>]) -> Vec<Tensor<1>> {
        match list {
            [all] if self.joined => all.clone().split_with_sizes(self.lengths.clone(), 0),
            _ => list.to_vec(),
        }
    }
}
