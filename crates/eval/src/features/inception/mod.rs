//! FID's Inception-v3: the network of Heusel et al. 2017 (<https://arxiv.org/abs/1706.08500>), as pytorch-fid
//! publishes it (`pt_inception-2015-12-05`).

mod blocks;
mod layer;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::EvalError;
use crate::features::inception::blocks::{Block, BlockE, Pool, max_pool};
use crate::features::inception::layer::Conv;
use crate::features::matrix::Features;
use crate::features::resize::resize_bilinear;
use crate::features::weights::Weights;
use crate::images::ImageBatch;

/// Height and width of the network's input.
const SIDE: usize = 299;

/// FID's Inception-v3. It differs from torchvision's: average pools leave out the padding, the last block has a
/// max pool, and there are 1008 classes.
#[derive(Debug)]
pub struct Inception {
    stem: [Conv; 5],
    blocks: [Block; 9],
    last: [BlockE; 2],
    /// `[2048, 1008]`
    classes: Tensor<2>,
    device: Device,
    note: Option<String>,
}

/// The output of [`Inception`] for N images.
#[derive(Clone, Debug, PartialEq)]
pub struct InceptionOutput {
    /// `[N, 2048]`: the last pooled features, for FID, KID, precision and recall.
    pub features: Features,
    /// `[N, 1008]`: class logits without the last layer's bias, for the Inception score.
    pub logits: Features,
}

impl Inception {
    /// Features per image.
    pub const DIM: usize = 2048;

    /// Reads the weights from the published `.pth` file, or from a safetensors file with the same tensors. Both
    /// name tensors as torchvision's `inception_v3` does.
    ///
    /// # Errors
    /// [`EvalError::Weights`] naming the tensor that is missing or has the wrong shape.
    pub fn load(path: &Path, device: &Device) -> Result<Self, EvalError> {
        let weights = Weights::read(path, "FID's Inception network", device)?;
        Ok(Self {
            stem: [
                weights.conv("Conv2d_1a_3x3", [32, 3, 3, 3], 2, [0, 0])?,
                weights.conv("Conv2d_2a_3x3", [32, 32, 3, 3], 1, [0, 0])?,
                weights.conv("Conv2d_2b_3x3", [64, 32, 3, 3], 1, [1, 1])?,
                weights.conv("Conv2d_3b_1x1", [80, 64, 1, 1], 1, [0, 0])?,
                weights.conv("Conv2d_4a_3x3", [192, 80, 3, 3], 1, [0, 0])?,
            ],
            blocks: [
                Block::a(&weights, "Mixed_5b", 192, 32)?,
                Block::a(&weights, "Mixed_5c", 256, 64)?,
                Block::a(&weights, "Mixed_5d", 288, 64)?,
                Block::b(&weights, "Mixed_6a")?,
                Block::c(&weights, "Mixed_6b", 128)?,
                Block::c(&weights, "Mixed_6c", 160)?,
                Block::c(&weights, "Mixed_6d", 160)?,
                Block::c(&weights, "Mixed_6e", 192)?,
                Block::d(&weights, "Mixed_7a")?,
            ],
            last: [
                BlockE::read(&weights, "Mixed_7b", 1280, Pool::Average)?,
                BlockE::read(&weights, "Mixed_7c", 2048, Pool::Maximum)?,
            ],
            classes: weights.tensor("fc.weight", [1008, 2048])?.transpose(),
            device: device.clone(),
            note: weights.note(),
        })
    }

    /// What a user should know about the weights file, as a phrase that follows its name: a tensor is named
    /// through PyTorch's wrappers. `None` if there is nothing.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Features and logits of images of any size. Each image is resized to 299x299 and mapped from `[0, 1]` to
    /// `[-1, 1]`, as in pytorch-fid.
    ///
    /// # Errors
    /// [`EvalError::Device`]; [`EvalError::NotFinite`].
    pub fn forward(&self, images: &ImageBatch) -> Result<InceptionOutput, EvalError> {
        let plane = images.sides[0] * images.sides[1];
        let resized: Vec<f32> = images
            .values
            .chunks_exact(plane)
            .flat_map(|plane| resize_bilinear(plane, images.sides, [SIDE, SIDE]))
            .map(|value| 2.0 * value - 1.0)
            .collect();
        let shape = [images.len(), 3, SIDE, SIDE];
        let x = Tensor::from_data(TensorData::new(resized, shape), &self.device);
        let features = self.features(x);
        let logits = features.clone().matmul(self.classes.clone());
        Ok(InceptionOutput {
            features: Features::from_tensor(features)?,
            logits: Features::from_tensor(logits)?,
        })
    }

    /// `[B, 3, 299, 299]` in `[-1, 1]` -> `[B, 2048]`
    fn features(&self, x: Tensor<4>) -> Tensor<2> {
        let [first, second, third, fourth, fifth] = &self.stem;
        let x = max_pool(third.forward(second.forward(first.forward(x))), 2, 0);
        let mut x = max_pool(fifth.forward(fourth.forward(x)), 2, 0);
        for block in &self.blocks {
            x = block.forward(x);
        }
        for block in &self.last {
            x = block.forward(x);
        }
        x.mean_dims(&[2, 3]).flatten::<2>(1, 3)
    }
}
