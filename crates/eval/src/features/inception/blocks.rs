//! The five kinds of blocks, named by torchvision's letters. Each concatenates the outputs of parallel
//! branches along the channels.

use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

use crate::error::EvalError;
use crate::features::inception::layer::Conv;
use crate::features::weights::Weights;

/// Layers one after another.
type Branch = Vec<Conv>;

fn through(branch: &[Conv], x: Tensor<4>) -> Tensor<4> {
    branch.iter().fold(x, |x, conv| conv.forward(x))
}

/// 3x3 average as in TensorFlow: the padding does not count.
fn average_pool(x: Tensor<4>) -> Tensor<4> {
    let options = AvgPoolOptions {
        stride: [1, 1],
        padding: [(1, 1), (1, 1)],
        count_include_pad: false,
        ..AvgPoolOptions::new([3, 3])
    };
    avg_pool2d(x, options)
}

/// 3x3 maximum.
pub(crate) fn max_pool(x: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let options = MaxPoolOptions {
        stride: [stride, stride],
        padding: [(padding, padding), (padding, padding)],
        ..MaxPoolOptions::new([3, 3])
    };
    max_pool2d(x, options)
}

/// A branch, given as `(suffix, outputs, [kernel height, width])` per layer. Odd kernels keep the size.
fn branch(
    weights: &Weights,
    block: &str,
    mut inputs: usize,
    layers: &[(&str, usize, [usize; 2])],
) -> Result<Branch, EvalError> {
    layers
        .iter()
        .map(|&(suffix, outputs, [height, width])| {
            let shape = [outputs, inputs, height, width];
            inputs = outputs;
            let padding = [height / 2, width / 2];
            weights.conv(&format!("{block}.branch{suffix}"), shape, 1, padding)
        })
        .collect()
}

/// Parallel branches, of which the last begins with a pool.
#[derive(Debug)]
pub(crate) struct Block {
    branches: Vec<Branch>,
    pooled: Pooled,
}

/// The last branch of a [`Block`].
#[derive(Debug)]
enum Pooled {
    /// An average pool, then layers.
    Mean(Branch),
    /// A max pool of stride 2 and no layers.
    Maximum,
}

impl Block {
    /// 35x35 pixels.
    pub fn a(
        weights: &Weights,
        name: &str,
        inputs: usize,
        pooled: usize,
    ) -> Result<Self, EvalError> {
        let read = |layers: &[_]| branch(weights, name, inputs, layers);
        let branches = vec![
            read(&[("1x1", 64, [1, 1])])?,
            read(&[("5x5_1", 48, [1, 1]), ("5x5_2", 64, [5, 5])])?,
            read(&[("3x3dbl_1", 64, [1, 1]), ("3x3dbl_2", 96, [3, 3]), ("3x3dbl_3", 96, [3, 3])])?,
        ];
        Ok(Self { branches, pooled: Pooled::Mean(read(&[("_pool", pooled, [1, 1])])?) })
    }

    /// 35x35 to 17x17 pixels.
    pub fn b(weights: &Weights, name: &str) -> Result<Self, EvalError> {
        let three = vec![halving(weights, name, "3x3", [384, 288])?];
        let mut double =
            branch(weights, name, 288, &[("3x3dbl_1", 64, [1, 1]), ("3x3dbl_2", 96, [3, 3])])?;
        double.push(halving(weights, name, "3x3dbl_3", [96, 96])?);
        Ok(Self { branches: vec![three, double], pooled: Pooled::Maximum })
    }

    /// 17x17 pixels.
    pub fn c(weights: &Weights, name: &str, inner: usize) -> Result<Self, EvalError> {
        let read = |layers: &[_]| branch(weights, name, 768, layers);
        let branches = vec![
            read(&[("1x1", 192, [1, 1])])?,
            read(&[("7x7_1", inner, [1, 1]), ("7x7_2", inner, [1, 7]), ("7x7_3", 192, [7, 1])])?,
            read(&[
                ("7x7dbl_1", inner, [1, 1]),
                ("7x7dbl_2", inner, [7, 1]),
                ("7x7dbl_3", inner, [1, 7]),
                ("7x7dbl_4", inner, [7, 1]),
                ("7x7dbl_5", 192, [1, 7]),
            ])?,
        ];
        Ok(Self { branches, pooled: Pooled::Mean(read(&[("_pool", 192, [1, 1])])?) })
    }

    /// 17x17 to 8x8 pixels.
    pub fn d(weights: &Weights, name: &str) -> Result<Self, EvalError> {
        let mut three = branch(weights, name, 768, &[("3x3_1", 192, [1, 1])])?;
        three.push(halving(weights, name, "3x3_2", [320, 192])?);
        let mut seven = branch(
            weights,
            name,
            768,
            &[("7x7x3_1", 192, [1, 1]), ("7x7x3_2", 192, [1, 7]), ("7x7x3_3", 192, [7, 1])],
        )?;
        seven.push(halving(weights, name, "7x7x3_4", [192, 192])?);
        Ok(Self { branches: vec![three, seven], pooled: Pooled::Maximum })
    }

    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut parts: Vec<_> =
            self.branches.iter().map(|branch| through(branch, x.clone())).collect();
        parts.push(match &self.pooled {
            Pooled::Mean(layers) => through(layers, average_pool(x)),
            Pooled::Maximum => max_pool(x, 2, 0),
        });
        Tensor::cat(parts, 1)
    }
}

/// A 3x3 convolution of stride 2 without padding, `[outputs, inputs]`.
fn halving(
    weights: &Weights,
    block: &str,
    suffix: &str,
    [outputs, inputs]: [usize; 2],
) -> Result<Conv, EvalError> {
    weights.conv(&format!("{block}.branch{suffix}"), [outputs, inputs, 3, 3], 2, [0, 0])
}

/// The pool of a [`BlockE`]. The last block's maximum is probably a mistake of the original, but FID is defined
/// with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pool {
    Average,
    Maximum,
}

/// 8x8 pixels. Two branches fork at their ends.
#[derive(Debug)]
pub(crate) struct BlockE {
    one: Branch,
    stems: [Branch; 2],
    forks: [[Conv; 2]; 2],
    pooled: Branch,
    pool: Pool,
}

impl BlockE {
    pub fn read(
        weights: &Weights,
        name: &str,
        inputs: usize,
        pool: Pool,
    ) -> Result<Self, EvalError> {
        let read = |layers: &[_]| branch(weights, name, inputs, layers);
        let fork = |stem: &str| -> Result<[Conv; 2], EvalError> {
            let conv = |suffix: &str, kernel: [usize; 2]| {
                let shape = [384, 384, kernel[0], kernel[1]];
                let name = format!("{name}.branch{stem}{suffix}");
                weights.conv(&name, shape, 1, [kernel[0] / 2, kernel[1] / 2])
            };
            Ok([conv("a", [1, 3])?, conv("b", [3, 1])?])
        };
        Ok(Self {
            one: read(&[("1x1", 320, [1, 1])])?,
            stems: [
                read(&[("3x3_1", 384, [1, 1])])?,
                read(&[("3x3dbl_1", 448, [1, 1]), ("3x3dbl_2", 384, [3, 3])])?,
            ],
            forks: [fork("3x3_2")?, fork("3x3dbl_3")?],
            pooled: read(&[("_pool", 192, [1, 1])])?,
            pool,
        })
    }

    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut parts = vec![through(&self.one, x.clone())];
        for (stem, fork) in self.stems.iter().zip(&self.forks) {
            let stem = through(stem, x.clone());
            parts.extend(fork.iter().map(|conv| conv.forward(stem.clone())));
        }
        let pooled = match self.pool {
            Pool::Average => average_pool(x),
            Pool::Maximum => max_pool(x, 1, 1),
        };
        parts.push(through(&self.pooled, pooled));
        Tensor::cat(parts, 1)
    }
}
