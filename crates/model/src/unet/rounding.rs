//! Networks that compute in 16 bits.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{FloatDType, Tensor};

use crate::unet::network::UNet;
use halfstep_ops::device::Precision;

impl UNet {
    /// The same network computing in `precision`: convolutions and linear layers take rounded copies of their
    /// parameters. The rounding is part of the autodiff graph, so gradients arrive at this network's own
    /// parameters, in f32.
    ///
    /// Norms and the table of classes keep their f32 parameters: sums over pixels, and over images of one
    /// class, are taken in f32.
    #[must_use]
    pub fn computing_in(&self, precision: Precision) -> Self {
        match precision {
            Precision::F32 => self.clone(),
            _ => self.clone().map(&mut Rounding { to: precision.dtype(), rounded: Vec::new() }),
        }
    }
}

struct Rounding {
    to: FloatDType,
    /// For each module around the current parameter, whether its parameters are rounded.
    rounded: Vec<bool>,
}

impl ModuleMapper for Rounding {
    fn enter_module(&mut self, _name: &str, container_type: &str) {
        self.rounded.push(!matches!(container_type, "Struct:GroupNorm" | "Struct:Embedding"));
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.rounded.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.rounded.last() == Some(&true) {
            param.map(|value| value.cast(self.to))
        } else {
            param
        }
    }
}
