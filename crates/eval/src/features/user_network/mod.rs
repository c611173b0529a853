//! A feature network that the user brings: a list of layers and their weights.

mod layer;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_data::expand_home;
use halfstep_model::read_text;
use serde::Deserialize;

use crate::error::EvalError;
use crate::features::matrix::Features;
use crate::features::resize::resize_bilinear;
use crate::features::user_network::layer::{Layer, LayerConfig, LayerValue};
use crate::features::weights::Weights;
use crate::images::ImageBatch;

/// A network that turns images into features, read from a JSON file:
///
/// ```json
/// {
///   "name": "a classifier of MNIST",
///   "weights": "mnist.safetensors",
///   "input": { "channels": 1, "height": 28, "width": 28, "mean": [0.5], "std": [0.5] },
///   "layers": [
///     { "kind": "conv2d", "weights": "0", "padding": 1 },
///     { "kind": "relu" },
///     { "kind": "max_pool2d", "size": 2 },
///     { "kind": "flatten" },
///     { "kind": "linear", "weights": "4" }
///   ]
/// }
/// ```
///
/// `weights` is a file beside it, written by safetensors or `torch.save`. A layer's tensors are `NAME.weight` and
/// `NAME.bias`, as in a `torch.nn.Sequential`. Each layer computes what PyTorch's layer computes in `eval()`
/// mode: `conv2d` (`stride`, `padding`), `linear`, `batch_norm2d` (`eps`), `relu`, `silu`, `gelu`,
/// `max_pool2d` and `avg_pool2d` (`size`, `stride`), `global_avg_pool`, `flatten`.
///
/// Each image is scaled to `[0, 1]`, resized with [`resize_bilinear`] if it has another size, and normalised to
/// `(x - mean) / std` per channel.
pub struct FeatureNetwork {
    name: String,
    weights: PathBuf,
    input: InputSpec,
    layers: Vec<Layer>,
    dim: usize,
    device: Device,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    name: String,
    weights: PathBuf,
    input: InputSpec,
    layers: Vec<LayerConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputSpec {
    channels: usize,
    height: usize,
    width: usize,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl FeatureNetwork {
    /// Reads the list of layers at `path` and their weights.
    ///
    /// # Errors
    /// [`EvalError::Weights`] naming the file and what is wrong with it: a damaged file, a missing tensor, or
    /// layers whose shapes do not fit together.
    pub fn load(path: &Path, device: &Device) -> Result<Self, EvalError> {
        let wrong =
            |path: &Path, problem: String| EvalError::Weights { path: path.to_path_buf(), problem };
        let text = read_text(path).map_err(|error| wrong(path, error.to_string()))?;
        let file: NetworkFile =
            serde_json::from_str(&text).map_err(|error| wrong(path, error.to_string()))?;
        file.input.check().map_err(|problem| wrong(path, problem))?;
        let weights = expand_home(&file.weights)
            .map_err(|error| wrong(path, format!("`weights`: {error}")))?;
        let weights_path = path.parent().unwrap_or(Path::new("")).join(weights);
        let weights = Weights::read(&weights_path, &file.name, device)?;
        let layers = file.layers.iter().map(|layer| layer.load(&weights));
        let layers: Vec<Layer> = layers.collect::<Result<_, _>>()?;
        let dim = dim(&file.input, &layers).map_err(|problem| wrong(path, problem))?;
        let (name, input, device) = (file.name, file.input, device.clone());
        let note = weights.note();
        Ok(Self { name, weights: weights_path, input, layers, dim, device, note })
    }

    /// The name that its file gives.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Features per image, D.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// What a user should know about the weights file, as a phrase that follows its name: a tensor is named
    /// through PyTorch's wrappers. `None` if there is nothing.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Path of its weights file.
    pub fn weights(&self) -> &Path {
        &self.weights
    }

    /// The features of each image, `[N, D]`.
    ///
    /// # Errors
    /// [`EvalError::Coloured`] for coloured images if the network takes grey ones; [`EvalError::NotFinite`];
    /// [`EvalError::Device`].
    pub fn features(&self, images: &ImageBatch) -> Result<Features, EvalError> {
        let InputSpec { channels, height, width, mean, std } = &self.input;
        let plane = images.sides[0] * images.sides[1];
        let mut values = Vec::with_capacity(images.len() * channels * height * width);
        for image in images.values.chunks_exact(3 * plane) {
            if *channels == 1 && image.chunks_exact(plane).any(|other| *other != image[..plane]) {
                return Err(EvalError::Coloured { network: self.name.clone() });
            }
            for (channel, values_of) in image.chunks_exact(plane).take(*channels).enumerate() {
                let resized = resize_bilinear(values_of, images.sides, [*height, *width]);
                values.extend(resized.iter().map(|x| (x - mean[channel]) / std[channel]));
            }
        }
        let shape = [images.len(), *channels, *height, *width];
        let x = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
        let mut x = LayerValue::Images(x);
        for layer in &self.layers {
            x = layer.forward(x);
        }
        Features::from_tensor(x.rows())
    }
}

/// Features per image, found by following shapes through the layers, so that misfits show before any image.
fn dim(input: &InputSpec, layers: &[Layer]) -> Result<usize, String> {
    let mut shape = vec![input.channels, input.height, input.width];
    for (k, layer) in layers.iter().enumerate() {
        shape = layer.shape(&shape).map_err(|problem| format!("layers[{k}]: {problem}"))?;
    }
    Ok(shape.iter().product())
}

impl InputSpec {
    fn check(&self) -> Result<(), String> {
        if ![1, 3].contains(&self.channels) {
            return Err(format!("`input.channels` = {}: must be 1 or 3", self.channels));
        }
        if self.height == 0 || self.width == 0 || self.height.max(self.width) > 4096 {
            let sides = format!("{}x{}", self.height, self.width);
            return Err(format!("`input.height`, `input.width` = {sides}: must be 1 to 4096"));
        }
        for (name, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != self.channels || values.iter().any(|value| !value.is_finite()) {
                let problem = format!("must be {} numbers, one per channel", self.channels);
                return Err(format!("`input.{name}` = {values:?}: {problem}"));
            }
        }
        match self.std.iter().all(|&std| std > 0.0) {
            true => Ok(()),
            false => Err(format!("`input.std` = {:?}: must be above 0", self.std)),
        }
    }
}
