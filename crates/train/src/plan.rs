//! What a run is going to do, and about what it will take.

use std::fmt;

use burn::module::Module;
use burn::tensor::Device;
use halfstep_model::{SelectedDevice, UNet, UNetConfig};
use halfstep_sample::counted;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::TrainError;
use crate::estimate::{Speed, expected_seconds, machine_memory, memory, timed_batch};
use crate::progress::{human_bytes, human_time};
use crate::stage::Stage;

/// Everything a user wants to know before the first step.
#[derive(Clone, Debug)]
pub struct Plan {
    text: PlanText,
    device: String,
    /// Some of it is done already.
    begun: bool,
    memory_bytes: f64,
    seconds: f64,
    advice: Option<String>,
}

impl Plan {
    /// Of the steps that are `left` of each stage. Times a few on `device` and extrapolates; weights, optimiser and activations are added
    /// up.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the network cannot be built, [`TrainError::Device`] if it cannot run.
    pub fn new(
        config: &Config,
        unet: &UNetConfig,
        images: usize,
        left: &[(Stage, u64)],
        device: &SelectedDevice,
    ) -> Result<Self, TrainError> {
        config.validate_precision(device)?;
        config.validate_memory(unet, &device.device)?;
        let (teacher, distill) = (&config.teacher, &config.distill);
        let network = UNet::zeroed(unet, &device.device.clone().autodiff())?;
        let part =
            (teacher.batch_size / teacher.accumulate).max(distill.batch_size / distill.accumulate);
        let speed = Speed::measure(
            &network,
            config.precision,
            unet,
            part.min(timed_batch(unet)),
            &device.device,
        )?;
        let memory_bytes = memory(network.num_params(), unet, part);
        let seconds = expected_seconds(config, left, speed);
        Ok(Self {
            text: PlanText::new(config, unet, images, &device.device)?,
            device: device.description.clone(),
            begun: left.iter().any(|&(stage, steps)| steps < config.stage_steps(stage)),
            memory_bytes,
            seconds,
            advice: advice(device, seconds, memory_bytes),
        })
    }
}

fn advice(device: &SelectedDevice, seconds: f64, memory_bytes: f64) -> Option<String> {
    if device.is_gpu {
        return None;
    }
    let machine = machine_memory() as f64;
    if memory_bytes > machine {
        return Some(format!(
            "this machine has {}; accumulate in [teacher] and [distill] computes a batch in parts, in less",
            human_bytes(machine)
        ));
    }
    (seconds > 86_400.0).then(|| {
        format!(
            "on {} this takes about {}; it goes on all the same. configs/cifar-small.toml is a run for a \
             CPU, and --set teacher.train_steps=2000 shortens this one",
            device.description,
            human_time(seconds)
        )
    })
}

/// What a configuration says in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlanText {
    pub title: String,
    pub network: String,
    pub teacher: String,
    pub rounds: String,
}

impl PlanText {
    /// Of a network over so many images.
    pub fn new(
        config: &Config,
        unet: &UNetConfig,
        images: usize,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let teacher = &config.teacher;
        let parameters = UNet::zeroed(unet, device)?.num_params();
        Ok(Self {
            title: format!(
                "{}: {} from {}",
                config.name,
                counted(images, "image"),
                config.data.describe()
            ),
            network: format!(
                "UNet2DModel, {:.2} million parameters, channels {:?}, {} outputs, in {}",
                parameters as f64 / 1e6,
                unet.block_out_channels,
                teacher.prediction_type,
                config.precision
            ),
            teacher: describe_teacher(config)?,
            rounds: describe_rounds(config, &config.rounds()),
        })
    }
}

fn describe_teacher(config: &Config) -> Result<String, TrainError> {
    let teacher = &config.teacher;
    let learning = format!(
        "{} of {}, lr {:e}, weighting {}, EMA {}",
        counted(teacher.train_steps, "step"),
        counted(teacher.batch_size, "image"),
        teacher.learning_rate,
        config.teacher_weighting().name(),
        teacher.ema.decay
    );
    let Some(original) = config.original()? else { return Ok(learning) };
    let (path, theirs) = (original.path.display(), original.describe());
    if config.takes_over()? {
        return Ok(format!("{path} as it is: {theirs}"));
    }
    let (kind, times) = (teacher.prediction_type, config.noise_schedule()?.len());
    Ok(format!("{path}, {theirs}, adapted to {kind} at {times}: {learning}"))
}

fn describe_rounds(config: &Config, rounds: &[usize]) -> String {
    if rounds.is_empty() {
        return "none".to_owned();
    }
    let distill = &config.distill;
    let grid: Vec<String> = std::iter::once(distill.teacher_steps)
        .chain(rounds.iter().copied())
        .map(|n| n.to_string())
        .collect();
    let exceptions: Vec<String> =
        rounds.iter().filter_map(|&num_steps| describe_exception(config, num_steps)).collect();
    format!(
        "{} sampling steps, {} of {} per round, lr {:e} to 0{}, weighting {}{}",
        grid.join(" -> "),
        counted(distill.train_steps, "step"),
        counted(distill.batch_size, "image"),
        distill.learning_rate,
        match exceptions.as_slice() {
            [] => String::new(),
            _ => format!(" (but the round to {})", exceptions.join("; to ")),
        },
        distill.weighting.name(),
        distill.ema.map(|ema| format!(", EMA {}", ema.decay)).unwrap_or_default()
    )
}

/// Where a round differs from most, such as `4: 2000 steps, lr 3e-4`.
fn describe_exception(config: &Config, num_steps: usize) -> Option<String> {
    let (distill, round) = (&config.distill, config.round(num_steps));
    let steps =
        (round.train_steps != distill.train_steps).then(|| counted(round.train_steps, "step"));
    let rate = (round.learning_rate != distill.learning_rate)
        .then(|| format!("lr {:e}", round.learning_rate));
    let warmup = (round.warmup_steps != distill.warmup_steps)
        .then(|| format!("warm-up of {}", round.warmup_steps));
    let ema = round.ema.filter(|_| round.ema != distill.ema);
    let ema = ema.map(|ema| match distill.ema {
        Some(usual) if usual.decay == ema.decay => "an EMA of its own".to_owned(),
        _ => format!("EMA {}", ema.decay),
    });
    let parts: Vec<String> = [steps, rate, warmup, ema].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{num_steps}: {}", parts.join(", ")))
}

impl Config {
    /// The teacher and the rounds.
    pub fn stages(&self) -> Vec<Stage> {
        Stage::all(&self.rounds())
    }

    /// Optimiser steps of a stage.
    pub fn stage_steps(&self, stage: Stage) -> u64 {
        match stage {
            Stage::Teacher => self.teacher.train_steps,
            Stage::Round { num_steps, .. } => self.round(num_steps).train_steps,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text.title)?;
        writeln!(f, "  network  {}", self.text.network)?;
        writeln!(f, "  device   {}", self.device)?;
        writeln!(f, "  teacher  {}", self.text.teacher)?;
        writeln!(f, "  rounds   {}", self.text.rounds)?;
        write!(
            f,
            "  takes    about {}{} (timed on this device just now) and {} of memory",
            if self.begun { "another " } else { "" },
            human_time(self.seconds),
            human_bytes(self.memory_bytes)
        )?;
        match &self.advice {
            Some(advice) => write!(f, "\n  note     {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_file::digits;

    #[test]
    fn the_plan_names_the_rounds_that_differ() {
        let config = digits(&[
            "distill.student_steps=2",
            "distill.learning_rate=1e-4",
            "distill.rounds.8.learning_rate=2e-4",
            "distill.rounds.4.train_steps=900",
            "distill.rounds.4.learning_rate=3e-4",
            "distill.rounds.2.warmup_steps=9",
            "distill.rounds.2.ema.decay=0.9",
            "distill.ema.decay=0.99",
        ])
        .unwrap();
        let said = describe_rounds(&config, &config.rounds());
        let differ = "lr 1e-4 to 0 (but the round to 8: lr 2e-4; to 4: 900 steps, lr 3e-4; \
                      to 2: 800 steps, warm-up of 9, EMA 0.9), weighting";
        assert!(said.contains(differ), "{said}");
        assert!(said.ends_with(", EMA 0.99"), "{said}");

        let last = ["distill.rounds.4.ema.decay=0.9"];
        let said = describe_rounds(&digits(&last).unwrap(), &config.rounds()[..4]);
        assert!(said.contains("(but the round to 4: EMA 0.9), weighting"), "{said}");
        let last = ["distill.ema.decay=0.9", "distill.rounds.4.ema={decay=0.9, min_decay=0.5}"];
        let said = describe_rounds(&digits(&last).unwrap(), &config.rounds()[..4]);
        assert!(said.contains("(but the round to 4: an EMA of its own)"), "{said}");
    }
}
