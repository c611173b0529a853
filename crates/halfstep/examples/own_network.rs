//! Train, distil and draw with a network of your own: any Burn module that implements `Network`.
//!
//! `cargo run -p halfstep --example own_network`

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::silu;
use burn::tensor::{Tensor, TensorData};
use halfstep::prelude::*;

const CHANNELS: usize = 32;
/// Sines and cosines of the time.
const FEATURES: usize = 16;

/// Three convolutions over an image of 8x8, told the time.
#[derive(Module, Debug)]
struct TinyNetwork {
    time: Linear,
    first: Conv2d,
    second: Conv2d,
    last: Conv2d,
}

impl TinyNetwork {
    fn new(device: &Device) -> Self {
        let convolution = |from, to| {
            let config = Conv2dConfig::new([from, to], [5, 5]);
            config.with_padding(PaddingConfig2d::Same).init(device)
        };
        Self {
            time: LinearConfig::new(FEATURES, CHANNELS).init(device),
            first: convolution(1, CHANNELS),
            second: convolution(CHANNELS, CHANNELS),
            last: convolution(CHANNELS, 1),
        }
    }
}

impl Network for TinyNetwork {
    fn predict(&self, z: Tensor<4>, times: &[f64], _labels: Option<&[u32]>) -> Tensor<4> {
        let features: Vec<f32> = times
            .iter()
            .flat_map(|time| {
                (0..FEATURES / 2).map(move |k| time / 160.0 * f64::from(1 << k) / 64.0)
            })
            .flat_map(|angle| [angle.sin() as f32, angle.cos() as f32])
            .collect();
        let features = TensorData::new(features, [times.len(), FEATURES]);
        let time = self.time.forward(Tensor::<2>::from_data(features, &z.device()));
        let time = time.reshape([times.len(), CHANNELS, 1, 1]);
        let hidden = silu(self.first.forward(z) + time.clone());
        let hidden = silu(self.second.forward(hidden) + time);
        self.last.forward(hidden)
    }
}

/// Trains a network on the images for a number of steps.
fn train(
    network: TinyNetwork,
    objective: &Objective<'_, TinyNetwork>,
    images: &dyn ImageSource,
    steps: u64,
) -> Result<TinyNetwork, Box<dyn std::error::Error>> {
    let cpu = DeviceBackend::Cpu.select()?;
    let tracked = cpu.device.clone().autodiff();
    let (optimizer, ema) = (OptimizerConfig::default(), EmaSchedule::new(0.98));
    let mut learner = Learner::new(network, &optimizer, Some(ema), Precision::F32, &cpu)?;
    let mut batches = BatchSource::new(images, 0, 64);
    let mut loss = 0.0;
    for step in 0..steps {
        let batch = batches.part(step, 0).upload(&tracked);
        let stats = learner.learn(2e-3, 1.0, 1, |network| objective.loss(network, &batch))?;
        loss = stats.read()?.loss;
    }
    println!("{steps} steps of {} images, last loss {loss:.5}", batches.batch_size);
    Ok(learner.result(&cpu.device))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = DataConfig::Digits {}.load()?;
    let schedule =
        ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) };
    let schedule = schedule.build()?;
    let (prediction_type, weighting) = (PredictionType::VPrediction, LossWeighting::TruncatedSnr);

    let from_images = FromImages { schedule: &schedule, prediction_type, weighting, dropout: None };
    let objective = Objective::Images(from_images);
    let teacher = train(TinyNetwork::new(&Device::flex()), &objective, &digits, 300)?;

    // A teacher of 8 steps becomes a student of 4.
    let halving = Halving {
        teacher: &teacher,
        num_steps: 4,
        schedule: &schedule,
        prediction_type,
        weighting,
    };
    let student = train(teacher.clone(), &Objective::Halve(halving), &digits, 150)?;

    let draw = |network: &TinyNetwork, steps| {
        let grid = student_grid(&schedule, steps)?;
        let drawing = Draw {
            network,
            prediction_type,
            sampler: &AngularDdim::default(),
            grid: &grid,
            schedule: &schedule,
            seed: 0,
            step_noise: StepNoise::Fresh,
            batch_size: 64,
            shape: digits.shape(),
            classes: &[],
            device: &Device::flex(),
        };
        drawing.images(0..64, &mut quietly)
    };
    let reference = draw(&teacher, 8)?;
    let distance = |images: &Images| images.mean_squared_difference(&reference);
    println!("distance to the teacher's images in 8 steps, from the same noises:");
    println!("teacher in 4 steps {:.4}", distance(&draw(&teacher, 4)?));
    println!("student in 4 steps {:.4}", distance(&draw(&student, 4)?));
    Ok(())
}
