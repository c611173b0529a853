//! A feature network of the user's: a list of layers, and weights.

mod layer;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_data::expand_home;
use halfstep_model::read_text;
use serde::Deserialize;

use crate::error::EvalError;
use crate::features::matrix::Features;
use crate::features::resize::resize_bilinear;
use crate::features::user_network::layer::{Layer, LayerConfig, Value};
use crate::features::weights::Weights;
use crate::images::Batch;

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
/// `weights` is a safetensors file beside it, or one of `torch.save`; a layer's tensors are called
/// `NAME.weight` and `NAME.bias`, as those of a `torch.nn.Sequential`. Layers mean what torch's mean in
/// `eval()`: `conv2d` (`stride`, `padding`), `linear`, `batch_norm2d` (`eps`), `relu`, `silu`, `gelu`,
/// `max_pool2d` and `avg_pool2d` (`size`, `stride`), `global_avg_pool`, `flatten`.
///
/// Images come as bytes over 255, are resized as FID's are if they have another size, then `(x - mean) /
/// std` of each channel.
pub struct FeatureNetwork {
    name: String,
    weights: PathBuf,
    input: Input,
    layers: Vec<Layer>,
    dim: usize,
    device: Device,
    note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    weights: PathBuf,
    input: Input,
    layers: Vec<LayerConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    channels: usize,
    height: usize,
    width: usize,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl FeatureNetwork {
    /// Reads the list of layers at `path`, and their weights.
    ///
    /// # Errors
    /// [`EvalError::Weights`] naming the file and what is wrong with it; what can be known of layers that
    /// do not go together is found by a test image of zeros.
    pub fn load(path: &Path, device: &Device) -> Result<Self, EvalError> {
        let wrong =
            |path: &Path, problem: String| EvalError::Weights { path: path.to_path_buf(), problem };
        let text = read_text(path).map_err(|error| wrong(path, error.to_string()))?;
        let file: File =
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

    /// As its file calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Features an image.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// What a user should know of the file of weights, after its name: that its tensors are named through
    /// wrappers of PyTorch's.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Where its weights lie.
    pub fn weights(&self) -> &Path {
        &self.weights
    }

    /// Of each image.
    ///
    /// # Errors
    /// [`EvalError::Pixels`] for coloured images if it takes grey ones; [`EvalError::NotFinite`];
    /// [`EvalError::Device`].
    pub fn features(&self, images: &Batch) -> Result<Features, EvalError> {
        let Input { channels, height, width, mean, std } = &self.input;
        let plane = images.sides[0] * images.sides[1];
        let mut values = Vec::with_capacity(images.len() * channels * height * width);
        for image in images.values.chunks_exact(3 * plane) {
            if *channels == 1 && image.chunks_exact(plane).any(|other| *other != image[..plane]) {
                let problem = format!("{} takes grey images, and some have colours", self.name);
                return Err(EvalError::Pixels(problem));
            }
            for (channel, values_of) in image.chunks_exact(plane).take(*channels).enumerate() {
                let resized = resize_bilinear(values_of, images.sides, [*height, *width]);
                values.extend(resized.iter().map(|x| (x - mean[channel]) / std[channel]));
            }
        }
        let shape = [images.len(), *channels, *height, *width];
        let x = Tensor::<4>::from_data(TensorData::new(values, shape), &self.device);
        let mut x = Value::Images(x);
        for layer in &self.layers {
            x = layer.forward(x);
        }
        Features::read(x.rows())
    }
}

/// Features an image: follows the shapes through the layers, as nothing else would before the first image.
fn dim(input: &Input, layers: &[Layer]) -> Result<usize, String> {
    let mut shape = vec![input.channels, input.height, input.width];
    for (k, layer) in layers.iter().enumerate() {
        shape = layer.shape(&shape).map_err(|problem| format!("layers[{k}]: {problem}"))?;
    }
    Ok(shape.iter().product())
}

impl Input {
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
                let problem = format!("must be {} numbers, one a channel", self.channels);
                return Err(format!("`input.{name}` = {values:?}: {problem}"));
            }
        }
        match self.std.iter().all(|&std| std > 0.0) {
            true => Ok(()),
            false => Err(format!("`input.std` = {:?}: must be above 0", self.std)),
        }
    }
}
