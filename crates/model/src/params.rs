//! Parameters and gradients as plain lists of flat tensors, in one fixed order.
//!
//! Optimiser, EMA, clipping and the state of a run are loops over these lists. They work with any Burn
//! module.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

/// The names of the parameters in PyTorch's (diffusers') spelling, in the order of [`flat_params`].
pub fn param_names<M: Module>(module: &M) -> Vec<String> {
    parameters(module).into_iter().map(|parameter| parameter.name).collect()
}

/// The names of a parameter.
pub(crate) struct Parameter {
    /// Its name in PyTorch's (diffusers') spelling.
    pub name: String,
    /// Its name in Burn, where norms have a gamma and a beta.
    pub burn_name: String,
    /// Whether it belongs to a linear layer, whose weights PyTorch stores transposed.
    pub is_linear: bool,
}

/// The parameters in the order of [`flat_params`].
pub(crate) fn parameters<M: Module>(module: &M) -> Vec<Parameter> {
    let mut visitor = ParameterNames::default();
    module.visit(&mut visitor);
    visitor.found
}

/// Every parameter as a flat tensor without gradient tracking. The order is that of the module's fields.
pub fn flat_params<M: Module>(module: &M) -> Vec<Tensor<1>> {
    let mut visitor = Flatten(Vec::new());
    module.visit(&mut visitor);
    visitor.0
}

/// The gradient of every parameter as a flat tensor, taken out of `gradients`; zeros where the loss does not
/// depend on the parameter.
pub fn flat_grads<M: Module>(module: &M, gradients: &mut Gradients) -> Vec<Tensor<1>> {
    let mut visitor = FlattenGrads { gradients, flat: Vec::new() };
    module.visit(&mut visitor);
    visitor.flat
}

/// The same module with other parameter values, in the order of [`flat_params`]. Gradient tracking stays as
/// it was. Parameters beyond the end of `values` keep theirs.
pub fn with_flat_params<M: Module>(module: M, values: Vec<Tensor<1>>) -> M {
    module.map(&mut Replace(values.into_iter()))
}

#[derive(Default)]
struct ParameterNames {
    path: Vec<String>,
    containers: Vec<String>,
    found: Vec<Parameter>,
}

impl ModuleVisitor for ParameterNames {
    // The variant of an enum is no part of PyTorch's names.
    fn enter_module(&mut self, name: &str, container_type: &str) {
        if !is_enum(container_type) {
            self.path.push(name.to_owned());
        }
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        if !is_enum(container_type) {
            self.path.pop();
        }
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        let within = |layer: &str| self.containers.iter().any(|kind| kind.ends_with(layer));
        let burn_name = self.path.join(".");
        let name = match within("GroupNorm") {
            true => match (burn_name.strip_suffix("gamma"), burn_name.strip_suffix("beta")) {
                (Some(stem), _) => format!("{stem}weight"),
                (None, Some(stem)) => format!("{stem}bias"),
                (None, None) => burn_name.clone(),
            },
            false => burn_name.clone(),
        };
        self.found.push(Parameter { name, burn_name, is_linear: within("Struct:Linear") });
    }
}

fn is_enum(container_type: &str) -> bool {
    container_type.starts_with("Enum:")
}

struct Flatten(Vec<Tensor<1>>);

impl ModuleVisitor for Flatten {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val().inner();
        let count = tensor.shape().num_elements();
        self.0.push(tensor.reshape([count]));
    }
}

struct FlattenGrads<'a> {
    gradients: &'a mut Gradients,
    flat: Vec<Tensor<1>>,
}

impl ModuleVisitor for FlattenGrads<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let count = tensor.shape().num_elements();
        let grad = tensor.grad_remove(self.gradients).map(|grad| grad.inner().reshape([count]));
        let device = tensor.device().without_autodiff();
        self.flat.push(grad.unwrap_or_else(|| Tensor::zeros([count], &device)));
    }
}

/// The same network with gradients tracked for every parameter. Parameters that are on an autodiff device
/// already stay as they are.
pub fn with_tracked_params<M: Module>(network: M) -> M {
    network.map(&mut Track)
}

struct Track;

impl ModuleMapper for Track {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| match value.is_autodiff() {
            true => value,
            false => Tensor::from_inner(value).require_grad(),
        })
    }
}

struct Replace(std::vec::IntoIter<Tensor<1>>);

impl ModuleMapper for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(value) = self.0.next() else { return param };
        param.map(|old| {
            let value = value.reshape(old.shape());
            if old.is_autodiff() {
                Tensor::from_inner(value).set_require_grad(old.is_require_grad())
            } else {
                value
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{GroupNorm, GroupNormConfig, Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;
    use crate::pipeline::{load_weights, save_weights};

    #[derive(Module, Debug)]
    struct Own {
        linear: Linear,
        norm: GroupNorm,
    }

    fn own(device: &Device) -> Own {
        Own {
            linear: LinearConfig::new(2, 3).init(device),
            norm: GroupNormConfig::new(1, 3).init(device),
        }
    }

    fn values(module: &Own) -> Vec<Vec<f32>> {
        let flat = flat_params(module).into_iter();
        flat.map(|values| values.into_data().try_into_vec().unwrap()).collect()
    }

    #[test]
    fn any_module_is_a_list_of_named_parameters() {
        let device = Device::flex();
        let module = own(&device);
        assert_eq!(
            param_names(&module),
            ["linear.weight", "linear.bias", "norm.weight", "norm.bias"]
        );
        let doubled = flat_params(&module).into_iter().map(|values| values * 2.0).collect();
        let doubled = with_flat_params(module.clone(), doubled);
        for (one, two) in values(&module).into_iter().zip(values(&doubled)) {
            assert_eq!(one.into_iter().map(|value| value * 2.0).collect::<Vec<_>>(), two);
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("weights.safetensors");
        save_weights(&doubled, &file).unwrap();
        assert_eq!(values(&load_weights(module, &file).unwrap()), values(&doubled));
    }

    #[test]
    fn gradients_come_in_the_order_of_the_parameters() {
        let module = own(&Device::flex().autodiff());
        let mut gradients = module.linear.bias.as_ref().unwrap().val().sum().backward();
        let sums = flat_grads(&module, &mut gradients).into_iter();
        let sums: Vec<f32> = sums.map(|gradient| gradient.sum().into_scalar()).collect();
        assert_eq!(sums, [0.0, 3.0, 0.0, 0.0]);
    }
}
