//! Initial weights.

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::ModelError;
use crate::params::{flat_params, param_names, with_flat_params};
use crate::unet::config::UNetConfig;
use crate::unet::network::UNet;

impl UNet {
    /// A network with the initial weights of DDPM's code (Ho et al. 2020): uniform with variance
    /// `1/fan_avg`, and zero biases. The last layer of every residual path and of the network is zero, so
    /// that training starts from the identity.
    ///
    /// `uniforms(k, n)` returns n numbers in `[0, 1)` for parameter number k. They come from the host, so
    /// the weights are the same on every device.
    ///
    /// # Errors
    /// Every error of [`UNetConfig::validate`].
    pub fn init(
        config: &UNetConfig,
        device: &Device,
        uniforms: &mut dyn FnMut(u64, usize) -> Vec<f32>,
    ) -> Result<Self, ModelError> {
        let unet = Self::zeroed(config, device)?;
        let inner = device.clone().without_autodiff();
        let shapes = param_shapes(&unet);
        let values = param_names(&unet)
            .into_iter()
            .zip(flat_params(&unet))
            .zip(shapes)
            .enumerate()
            .map(|(k, ((name, current), shape))| match bound(&name, &shape) {
                Some(bound) => {
                    let count = shape.iter().product();
                    let drawn: Vec<f32> = uniforms(k as u64, count)
                        .into_iter()
                        .map(|uniform| ((2.0 * f64::from(uniform) - 1.0) * bound) as f32)
                        .collect();
                    Tensor::from_data(TensorData::new(drawn, [count]), &inner)
                }
                None => current,
            })
            .collect();
        Ok(with_flat_params(unet, values))
    }
}

/// Half the width of the uniform distribution; `None` leaves the parameter as it was built.
fn bound(name: &str, shape: &[usize]) -> Option<f64> {
    let starts_at_zero = ["conv2.weight", "to_out.0.weight", "conv_out.weight"];
    if !name.ends_with("weight") || starts_at_zero.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    if name.starts_with("class_embedding") {
        return Some(3f64.sqrt()); // unit variance, like torch.nn.Embedding
    }
    let receptive: usize = shape.get(2..)?.iter().product();
    let fan_avg = match shape {
        [a, b, ..] => (a + b) as f64 / 2.0 * receptive as f64,
        _ => return None, // the scale of a norm
    };
    Some((3.0 / fan_avg).sqrt())
}

fn param_shapes(unet: &UNet) -> Vec<Vec<usize>> {
    use burn::module::{Module, ModuleVisitor, Param};
    struct Shapes(Vec<Vec<usize>>);
    impl ModuleVisitor for Shapes {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().dims().to_vec());
        }
    }
    let mut shapes = Shapes(Vec::new());
    unet.visit(&mut shapes);
    shapes.0
}
