//! The network that FID is made with: Inception-v3 as TensorFlow's authors of FID used it, in
//! pytorch-fid's form (`pt_inception-2015-12-05`).

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

/// Height and width that the network sees.
const SIDE: usize = 299;

/// Inception-v3 with the differences of FID's: averages that leave out the padding, a maximum in the last
/// block, 1008 classes.
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

/// What the network says of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// 2048 an image, after the last average: FID, KID, precision and recall.
    pub features: Features,
    /// 1008 an image, without the last layer's bias: the Inception score.
    pub logits: Features,
}

impl Inception {
    /// Features an image.
    pub const DIM: usize = 2048;

    /// Reads the weights, under torchvision's names for `inception_v3`: from the published file, or from a
    /// safetensors file with the same tensors.
    ///
    /// # Errors
    /// [`EvalError::Weights`] naming what is missing or of the wrong shape.
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

    /// What a user should know of the file of weights, after its name: that its tensors are named through
    /// wrappers of PyTorch's.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Of images of any size, `[N, 3, height, width]` row-major in `[0, 1]`: each is resized to 299x299
    /// and brought to `[-1, 1]`, as pytorch-fid does.
    ///
    /// # Errors
    /// [`EvalError::Device`]; [`EvalError::NotFinite`].
    ///
    /// # Panics
    /// If `images` is no whole number of images.
    pub fn answers(&self, images: &[f32], sides: [usize; 2]) -> Result<Answers, EvalError> {
        let plane = sides[0] * sides[1];
        assert!(images.len().is_multiple_of(3 * plane), "whole images of 3 channels");
        let count = images.len() / (3 * plane);
        let resized: Vec<f32> = images
            .chunks_exact(plane)
            .flat_map(|plane| resize_bilinear(plane, sides, [SIDE, SIDE]))
            .map(|value| 2.0 * value - 1.0)
            .collect();
        let x = Tensor::from_data(TensorData::new(resized, [count, 3, SIDE, SIDE]), &self.device);
        let features = self.forward(x);
        let logits = features.clone().matmul(self.classes.clone());
        Ok(Answers { features: Features::read(features)?, logits: Features::read(logits)? })
    }

    /// `[B, 3, 299, 299]` in `[-1, 1]` -> `[B, 2048]`
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
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
