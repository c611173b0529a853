//! Training batches: images, noise, times and labels of a step, as a pure function of (seed, step).

pub(crate) mod prefetch;

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::rng::{EpochOrder, Purpose, Stream, noise};
use halfstep_data::{ImageSource, Pick};
use serde::{Deserialize, Serialize};

/// One part of a step's batch, on the device.
#[derive(Clone, Debug)]
pub struct TrainingBatch {
    /// Clean images, `[B, C, H, W]` in `[-1, 1]`.
    pub x0: Tensor<4>,
    /// Standard normal noise, `[B, C, H, W]`.
    pub eps: Tensor<4>,
    /// Uniform numbers in `[0, 1)`, one per image, from which the objective computes the times.
    pub uniforms: Vec<f64>,
    /// Class labels, one per image, for a class-conditional network.
    pub labels: Option<Vec<u32>>,
    /// The number of this part among all parts of the stage, from 0. It determines the dropout masks.
    pub number: u64,
}

/// One part of a step's batch, in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct HostBatch {
    shape: [usize; 4],
    x0: Vec<f32>,
    eps: Vec<f32>,
    uniforms: Vec<f64>,
    labels: Option<Vec<u32>>,
    number: u64,
}

impl HostBatch {
    /// Copies the batch to `device`.
    pub fn upload(self, device: &Device) -> TrainingBatch {
        let tensor = |values| Tensor::from_data(TensorData::new(values, self.shape), device);
        TrainingBatch {
            x0: tensor(self.x0),
            eps: tensor(self.eps),
            uniforms: self.uniforms,
            labels: self.labels,
            number: self.number,
        }
    }
}

/// How training times are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSampling {
    /// Independently and uniformly.
    Uniform,
    /// One time in each of B equal strata, for a batch of B images: the same mean loss with less variance
    /// (Kingma et al. 2021, "Variational diffusion models", appendix I.1).
    #[default]
    Stratified,
}

/// Makes the batches of a stage.
#[derive(Clone)]
pub struct BatchSource<'a> {
    /// The images.
    pub images: &'a dyn ImageSource,
    /// The order of the images, from the stage's seed.
    pub order: EpochOrder,
    /// The stage's seed.
    pub seed: u64,
    /// Images per step.
    pub batch_size: usize,
    /// Number of parts of a step's batch; divides `batch_size`.
    pub parts: usize,
    /// How times are drawn.
    pub time_sampling: TimeSampling,
    /// Whether to mirror each image with probability 1/2.
    pub flip: bool,
    /// Whether batches have class labels.
    pub labels: bool,
}

impl<'a> BatchSource<'a> {
    /// Whole batches of `batch_size` images at stratified times, in the order of `seed`, without mirrored
    /// images and labels.
    pub fn new(images: &'a dyn ImageSource, seed: u64, batch_size: usize) -> Self {
        Self {
            images,
            order: EpochOrder::new(images.len(), seed),
            seed,
            batch_size,
            parts: 1,
            time_sampling: TimeSampling::default(),
            flip: false,
            labels: false,
        }
    }

    /// Part `part` of the batch of `step`, both counted from 0: `batch_size / parts` images.
    pub fn part(&mut self, step: u64, part: usize) -> HostBatch {
        let size = self.batch_size / self.parts;
        let first = step * self.batch_size as u64 + (part * size) as u64;
        let positions = first..first + size as u64;
        let seed = self.seed;
        let picks: Vec<Pick> = positions
            .clone()
            .map(|position| {
                let flip = self.flip && Stream::new(seed, Purpose::Flip, position).uniform() < 0.5;
                Pick::new(self.order.index(position)).flipped(flip)
            })
            .collect();
        let batch = self.images.batch(&picks);
        let each = batch.shape[1..].iter().product();
        let eps = noise(seed, Purpose::TrainNoise, positions, each);
        HostBatch {
            shape: batch.shape,
            x0: batch.images,
            eps,
            uniforms: self.uniforms(step, part * size, size),
            labels: batch.labels.filter(|_| self.labels),
            number: step * self.parts as u64 + part as u64,
        }
    }

    /// The images of `step`, as positions in the dataset; both are counted from 0.
    pub fn positions(&mut self, step: u64) -> Vec<usize> {
        let first = step * self.batch_size as u64;
        (first..first + self.batch_size as u64).map(|at| self.order.index(at)).collect()
    }

    fn uniforms(&self, step: u64, from: usize, size: usize) -> Vec<f64> {
        let batch = self.batch_size;
        match self.time_sampling {
            TimeSampling::Uniform => (from..from + size)
                .map(|k| {
                    let position = step * batch as u64 + k as u64;
                    Stream::new(self.seed, Purpose::TrainTime, position).uniform()
                })
                .collect(),
            TimeSampling::Stratified => {
                let shift = Stream::new(self.seed, Purpose::TrainTime, step).uniform();
                (from..from + size).map(|k| (shift + k as f64) / batch as f64).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use halfstep_data::{DataConfig, Dataset};

    use super::*;

    fn source(dataset: &Dataset, parts: usize, time_sampling: TimeSampling) -> BatchSource<'_> {
        BatchSource { parts, time_sampling, ..BatchSource::new(dataset, 3, 8) }
    }

    #[test]
    fn parts_make_up_the_same_batch() {
        let digits = DataConfig::Digits {}.load().unwrap();
        for sampling in [TimeSampling::Uniform, TimeSampling::Stratified] {
            let whole = source(&digits, 1, sampling).part(5, 0);
            let mut halves = source(&digits, 2, sampling);
            let (a, b) = (halves.part(5, 0), halves.part(5, 1));
            assert_eq!(whole.uniforms, [a.uniforms, b.uniforms].concat());
            assert_eq!(whole.x0, [a.x0, b.x0].concat());
            assert_eq!(whole.eps, [a.eps, b.eps].concat());
        }
    }

    #[test]
    fn stratified_times_fall_one_in_each_stratum() {
        let digits = DataConfig::Digits {}.load().unwrap();
        let batch = source(&digits, 1, TimeSampling::Stratified).part(0, 0);
        let strata: Vec<usize> = batch.uniforms.iter().map(|u| (u * 8.0) as usize).collect();
        assert_eq!(strata, (0..8).collect::<Vec<_>>());
    }
}
