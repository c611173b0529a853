//! What a training step sees, as a pure function of (seed, step).

pub(crate) mod prefetch;

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_data::{Dataset, EpochOrder, Pick, Purpose, Stream, noise};

use crate::config::TimeSampling;

/// One part of a step's batch, on the device.
#[derive(Clone, Debug)]
pub struct TrainingBatch {
    /// Clean images, `[B, C, H, W]` in `[-1, 1]`.
    pub x0: Tensor<4>,
    /// Standard normal noise, `[B, C, H, W]`.
    pub eps: Tensor<4>,
    /// Uniform numbers in `[0, 1)`, one an image, from which each objective makes its times.
    pub uniforms: Vec<f64>,
    /// Classes, if they are taught.
    pub labels: Option<Vec<u32>>,
}

/// The same in host memory, not on a device yet.
#[derive(Clone, Debug, PartialEq)]
pub struct HostBatch {
    shape: [usize; 4],
    x0: Vec<f32>,
    eps: Vec<f32>,
    uniforms: Vec<f64>,
    labels: Option<Vec<u32>>,
}

impl HostBatch {
    /// Copies it to the device.
    pub fn upload(self, device: &Device) -> TrainingBatch {
        let tensor = |values| Tensor::from_data(TensorData::new(values, self.shape), device);
        TrainingBatch {
            x0: tensor(self.x0),
            eps: tensor(self.eps),
            uniforms: self.uniforms,
            labels: self.labels,
        }
    }
}

/// Draws the batches of a stage.
#[derive(Clone)]
pub struct BatchSource<'a> {
    /// The images.
    pub dataset: &'a Dataset,
    /// The order they come in, under the stage's seed.
    pub order: EpochOrder,
    /// The stage's seed.
    pub seed: u64,
    /// Images a step.
    pub batch_size: usize,
    /// Parts a step's batch is computed in.
    pub parts: usize,
    /// How times are drawn.
    pub time_sampling: TimeSampling,
    /// Mirror half of the images.
    pub flip: bool,
    /// Hand labels out.
    pub labels: bool,
}

impl BatchSource<'_> {
    /// Part `part` of the batch of `step`, both from 0.
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
        let batch = self.dataset.batch(&picks);
        let each = batch.shape[1..].iter().product();
        let eps = noise(seed, Purpose::TrainNoise, positions, each);
        HostBatch {
            shape: batch.shape,
            x0: batch.images,
            eps,
            uniforms: self.uniforms(step, part * size, size),
            labels: batch.labels.filter(|_| self.labels),
        }
    }

    /// Positions in the dataset of the images of `step`.
    pub fn images(&mut self, step: u64) -> Vec<usize> {
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
    use halfstep_data::DataConfig;

    use super::*;

    fn source(dataset: &Dataset, parts: usize, time_sampling: TimeSampling) -> BatchSource<'_> {
        let order = EpochOrder::new(dataset.len(), 3);
        BatchSource {
            dataset,
            order,
            seed: 3,
            batch_size: 8,
            parts,
            time_sampling,
            flip: false,
            labels: false,
        }
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
