//! Times whole steps of a given model: forward, training, distillation, sampling.
//!
//! `cargo bench --profile dev -p train --bench steps -- --model DIR` prints a table;
//! `--serve` reads one task a line from standard input and answers each with a line of JSON, so that
//! another program can time itself in turn (`scripts/compare_pytorch.py`).

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use burn::tensor::Tensor;
use clap::Parser;
use halfstep_core::{EmaSchedule, LossWeighting, PredictionType};
use halfstep_data::{Dataset, EpochOrder, Purpose, noise};
use halfstep_model::{DeviceChoice, ModelFolder, Precision, SelectedDevice, flat_params};
use halfstep_sample::{AngularDdim, Draw, Images, StepNoise, output, quietly, student_grid};
use halfstep_train::{
    AdamW, BatchSource, DistillationRound, Ema, Learner, OptimizerConfig, Prefetch, TimeSampling,
    TrainingBatch, distillation_loss, teacher_loss,
};

/// Times whole steps of a model.
#[derive(Parser)]
struct Args {
    /// A model folder
    #[arg(long)]
    model: PathBuf,
    /// Images of a training step
    #[arg(long, default_value_t = 16)]
    batch_size: usize,
    /// Repetitions of each task, of which the median is printed
    #[arg(long, default_value_t = 7)]
    repeats: usize,
    /// auto, cpu, wgpu, ...
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Answer tasks from standard input: forward, train, distill, sample1, sample64, peak, or
    /// `outputs IN OUT` for the network's answer at t = 500 to the tensor `noise` of a file
    #[arg(long)]
    serve: bool,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

const TASKS: [&str; 5] = ["forward", "train", "distill", "sample1", "sample64"];
/// Steps of the sampling tasks.
const SAMPLING_STEPS: usize = 4;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let device = args.device.select()?;
    let mut bench = Bench::new(&args, &device)?;
    if args.serve {
        return serve(&mut bench);
    }
    println!("{} at batch {}, on {}", args.model.display(), args.batch_size, device.description);
    for task in TASKS {
        bench.run(task)?; // the first one compiles, allocates, warms up
        let mut seconds =
            (0..args.repeats.max(1)).map(|_| bench.run(task)).collect::<Result<Vec<f64>, _>>()?;
        seconds.sort_by(f64::total_cmp);
        let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
        let median = seconds[seconds.len() / 2];
        println!("{task:9} {:9.1} ms  ({:.1} to {:.1})", median * 1e3, first * 1e3, last * 1e3);
    }
    println!("batches   {:9.0} 32x32 RGB images/s made on the host", images_per_second()?);
    match peak_bytes() {
        Some(bytes) => println!("peak memory of the process: {:.0} MiB", bytes as f64 / 1048576.0),
        None => println!("peak memory of the process: not known on this system"),
    }
    Ok(())
}

/// One task a line; each answer is a line.
fn serve(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["peak"] => serde_json::json!({ "bytes": peak_bytes() }),
            ["outputs", input, output] => {
                bench.outputs(input.as_ref(), output.as_ref())?;
                serde_json::json!({ "written": output })
            }
            [task] => serde_json::json!({ "seconds": bench.run(task)? }),
            _ => bail!("`{line}` is no task"),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

struct Bench<'a> {
    device: &'a SelectedDevice,
    model: ModelFolder,
    learner: Learner,
    batch: TrainingBatch,
    shape: [usize; 3],
}

impl<'a> Bench<'a> {
    fn new(args: &Args, device: &'a SelectedDevice) -> anyhow::Result<Self> {
        let model = ModelFolder::load(&args.model, &device.device)?;
        let config = model.unet.config();
        let size = config.sample_size.context("the model has no `sample_size`")?;
        let shape = [config.in_channels, size, size];
        let tracked = device.device.clone().autodiff();
        let unet = ModelFolder::load(&args.model, &tracked)?.unet;
        let ema = Ema::new(EmaSchedule::new(0.9999), flat_params(&unet));
        let optimizer = AdamW::new(&OptimizerConfig::default());
        let images = |purpose| {
            let each = shape.iter().product();
            let values = noise(0, purpose, 0..args.batch_size as u64, each);
            let shape = [args.batch_size, shape[0], shape[1], shape[2]];
            Tensor::from_data(burn::tensor::TensorData::new(values, shape), &tracked)
        };
        let strata = 0..args.batch_size;
        Ok(Self {
            device,
            batch: TrainingBatch {
                x0: images(Purpose::Evaluation),
                eps: images(Purpose::TrainNoise),
                uniforms: strata.map(|k| (k as f64 + 0.5) / args.batch_size as f64).collect(),
                labels: None,
            },
            model,
            learner: Learner {
                unet,
                optimizer,
                ema: Some(ema),
                step: 0,
                precision: Precision::F32,
                loss_scale: None,
            },
            shape,
        })
    }

    /// Seconds that a task took, until its result is there.
    fn run(&mut self, task: &str) -> anyhow::Result<f64> {
        let started = Instant::now();
        match task {
            "forward" => self.forward()?,
            "train" => self.train()?,
            "distill" => self.distill()?,
            "sample1" => drop(self.sample(1)?),
            "sample64" => drop(self.sample(64)?),
            other => bail!("`{other}` is none of {TASKS:?}"),
        }
        Ok(started.elapsed().as_secs_f64())
    }

    fn forward(&self) -> anyhow::Result<()> {
        let output = self.model.unet.forward(self.batch.x0.clone().inner(), &[500.0], None, None);
        Images::read(output)?;
        Ok(())
    }

    /// A teacher's step: v-error, backward, clipping, AdamW, moving average.
    fn train(&mut self) -> anyhow::Result<()> {
        let (batch, schedule) = (&self.batch, &self.model.schedule);
        let stats = self.learner.learn(1e-4, 1.0, 1, |unet, _| {
            let weighting = LossWeighting::SnrPlusOne;
            Ok(teacher_loss(unet, schedule, PredictionType::VPrediction, weighting, batch, None))
        })?;
        stats.read()?;
        Ok(())
    }

    /// A student's step: two steps of the teacher, then as [`train`](Self::train).
    fn distill(&mut self) -> anyhow::Result<()> {
        let batch = &self.batch;
        let round = DistillationRound {
            teacher: &self.model.unet,
            num_steps: SAMPLING_STEPS,
            schedule: &self.model.schedule,
            kind: PredictionType::VPrediction,
            weighting: LossWeighting::SnrPlusOne,
        };
        let stats =
            self.learner.learn(1e-4, 1.0, 1, |unet, _| distillation_loss(unet, &round, batch))?;
        stats.read()?;
        Ok(())
    }

    fn sample(&self, count: u64) -> anyhow::Result<Images> {
        let draw = Draw {
            unet: &self.model.unet,
            prediction_type: PredictionType::VPrediction,
            sampler: &AngularDdim::default(),
            grid: &student_grid(&self.model.schedule, SAMPLING_STEPS)?,
            schedule: &self.model.schedule,
            seed: 0,
            step_noise: StepNoise::Fresh,
            batch_size: 64,
            shape: self.shape,
            classes: &[],
            device: &self.device.device,
        };
        Ok(draw.images(0..count, &mut quietly)?)
    }

    fn outputs(&self, input: &std::path::Path, to: &std::path::Path) -> anyhow::Result<()> {
        let noise = output::read_noise(input, self.shape)?;
        let z = burn::tensor::TensorData::new(noise.values, noise.shape);
        let z = Tensor::from_data(z, &self.device.device);
        let images = Images::read(self.model.unet.forward(z, &[500.0], None, None))?;
        Ok(output::write_raw(to, &images)?)
    }
}

/// How fast the host makes batches, with noise, without a device.
fn images_per_second() -> anyhow::Result<f64> {
    let (count, each) = (10_000, 3 * 32 * 32);
    let pixels = (0..count * each).map(|i| (i * 31 % 251) as u8).collect();
    let dataset = Dataset::new("bytes", [3, 32, 32], pixels, None, None)?;
    let (batch_size, steps) = (128, 200);
    let source = BatchSource {
        dataset: &dataset,
        order: EpochOrder::new(count, 0),
        seed: 0,
        batch_size,
        parts: 1,
        time_sampling: TimeSampling::Stratified,
        flip: true,
        labels: false,
    };
    let started = Instant::now();
    std::thread::scope(|scope| {
        let batches = Prefetch::start(scope, source, 0..steps);
        while batches.next().is_some() {}
    });
    Ok(steps as f64 * batch_size as f64 / started.elapsed().as_secs_f64())
}

/// The most memory this process has held, where the system says.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
