//! The plan of a run: what it will do, and its estimated time and memory.

pub(crate) mod estimate;
pub(crate) mod left;
pub(crate) mod memory;

use std::fmt;

use burn::module::Module;
use burn::tensor::Device;
use halfstep_core::counted;
use halfstep_data::{Outline, list_classes};
use halfstep_files::human_bytes;
use halfstep_model::{ClassInput, SelectedDevice, UNet, UNetConfig};
use halfstep_run::{PlanText, human_time};

use crate::config::TrainConfig;
use crate::config::job::Job;
use crate::config::resolved::ResolvedConfig;
use crate::error::TrainError;
use crate::plan::estimate::{Speed, expected_seconds, timed_batch};
use crate::plan::left::StageLeft;
use crate::plan::memory::{Footprint, machine_memory};

/// The number of classes that a plan lists by name.
const LISTED: usize = 100;

/// The plan of a run, for printing before the first step.
#[derive(Clone, Debug)]
pub struct TrainingPlan {
    text: PlanText,
    device: String,
    left: Vec<StageLeft>,
    memory_bytes: f64,
    seconds: f64,
    advice: Option<String>,
}

impl TrainingPlan {
    /// The plan of the stages in `left`. The time is extrapolated from a few steps on `device`; the memory is
    /// added up from the sizes of the tensors.
    ///
    /// # Errors
    /// [`TrainError::Config`] if the device lacks the precision or the machine the memory;
    /// [`TrainError::Model`] if the network cannot be built; [`TrainError::Device`] if the device fails.
    pub fn new(
        job: &Job,
        unet: &UNetConfig,
        data: &Outline,
        left: Vec<StageLeft>,
        device: &SelectedDevice,
    ) -> Result<Self, TrainError> {
        let config = &job.config;
        config.check_precision(device)?;
        config.check_memory(unet, &device.device)?;
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
        let parameters = network.num_params();
        let memory_bytes = Footprint { config, unet, parameters, images: data.len }.peak();
        let seconds = expected_seconds(config, &left, speed);
        Ok(Self {
            text: plan_text(job, unet, data, &device.device)?,
            device: device.description.clone(),
            left,
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
            "this machine has {}; to use less, set accumulate in [teacher] and [distill] (computes a batch in parts) \
             or lower distill.agreement_images",
            human_bytes(machine as u64)
        ));
    }
    (seconds > 86_400.0).then(|| {
        format!(
            "this takes about {} on {}. For a CPU use configs/cifar-small.toml, or shorten this run with a smaller \
             teacher.train_steps",
            human_time(seconds),
            device.description
        )
    })
}

/// The lines of the plan that follow from the configuration, the network and the images.
pub(crate) fn plan_text(
    job: &Job,
    unet: &UNetConfig,
    data: &Outline,
    device: &Device,
) -> Result<PlanText, TrainError> {
    let config = &job.config;
    let teacher = &config.teacher;
    let parameters = UNet::zeroed(unet, device)?.num_params();
    Ok(PlanText {
        title: format!(
            "{}: {} from {}",
            job.name,
            counted(data.len, "image"),
            job.data.as_ref().map_or_else(|| "the caller".to_owned(), |data| data.describe())
        ),
        classes: match unet.class_input() {
            ClassInput::None => String::new(),
            _ => list_classes(&data.class_names, LISTED),
        },
        network: format!(
            "UNet2DModel, {:.2} million parameters, channels {:?}, predicts {}, computes in {}",
            parameters as f64 / 1e6,
            unet.block_out_channels,
            teacher.prediction_type,
            config.precision
        ),
        teacher: describe_teacher(config),
        rounds: describe_rounds(config, &config.rounds()),
    })
}

fn describe_teacher(config: &ResolvedConfig) -> String {
    let teacher = &config.teacher;
    let training = format!(
        "{} of {}, lr {:e}, weighting {}, EMA {}",
        counted(teacher.train_steps, "step"),
        counted(teacher.batch_size, "image"),
        teacher.learning_rate,
        config.teacher_weighting().name(),
        teacher.ema.decay
    );
    let Some(pretrained) = &config.pretrained else { return training };
    let (path, theirs) = (pretrained.path.display(), pretrained.describe());
    if !config.adapts() {
        return format!("{path}, unchanged: {theirs}");
    }
    let (kind, times) = (teacher.prediction_type, config.schedule.len());
    format!("{path} ({theirs}), adapted to {kind} on {times} times: {training}")
}

fn describe_rounds(config: &TrainConfig, rounds: &[usize]) -> String {
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
            _ => format!(" (overrides: round to {})", exceptions.join("; round to ")),
        },
        distill.weighting.name(),
        distill.ema.map(|ema| format!(", EMA {}", ema.decay)).unwrap_or_default()
    )
}

/// The settings in which a round differs from `[distill]`, such as `4: 2000 steps, lr 3e-4`.
fn describe_exception(config: &TrainConfig, num_steps: usize) -> Option<String> {
    let (distill, round) = (&config.distill, config.round(num_steps));
    let steps =
        (round.train_steps != distill.train_steps).then(|| counted(round.train_steps, "step"));
    let rate = (round.learning_rate != distill.learning_rate)
        .then(|| format!("lr {:e}", round.learning_rate));
    let warmup = (round.warmup_steps != distill.warmup_steps)
        .then(|| format!("warm-up of {}", round.warmup_steps));
    let ema = round.ema.filter(|_| round.ema != distill.ema);
    let ema = ema.map(|ema| match distill.ema {
        Some(usual) if usual.decay == ema.decay => "a different EMA".to_owned(),
        _ => format!("EMA {}", ema.decay),
    });
    let parts: Vec<String> = [steps, rate, warmup, ema].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{num_steps}: {}", parts.join(", ")))
}

/// The finished part of a run, such as `teacher, student 32: 500 of 4000 steps`.
fn done(stages: &[StageLeft]) -> String {
    let begun = stages.iter().filter(|stage| stage.is_begun());
    let list = begun.map(|stage| match (stage.left, stage.measured) {
        (0, true) => stage.stage.to_string(),
        (0, false) => format!("{} (but not yet measured)", stage.stage),
        (left, _) => format!("{}: {} of {} steps", stage.stage, stage.steps - left, stage.steps),
    });
    list.collect::<Vec<_>>().join(", ")
}

/// The remaining part of a run that has begun, such as `3500 steps of student 32, 4000 steps of student 16`.
fn still_left(stages: &[StageLeft]) -> String {
    if !stages.iter().any(StageLeft::is_begun) {
        return String::new();
    }
    let list = stages.iter().filter(|stage| !stage.is_done()).map(|stage| match stage.left {
        0 => format!("measuring {}", stage.stage),
        1 => format!("1 step of {}", stage.stage),
        left => format!("{left} steps of {}", stage.stage),
    });
    list.collect::<Vec<_>>().join(", ")
}

impl fmt::Display for TrainingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text.title)?;
        if !self.text.classes.is_empty() {
            writeln!(f, "  classes  {}", self.text.classes)?;
        }
        writeln!(f, "  network  {}", self.text.network)?;
        writeln!(f, "  device   {}", self.device)?;
        writeln!(f, "  teacher  {}", self.text.teacher)?;
        writeln!(f, "  rounds   {}", self.text.rounds)?;
        for (what, list) in [("done", done(&self.left)), ("left", still_left(&self.left))] {
            if !list.is_empty() {
                writeln!(f, "  {what:8} {list}")?;
            }
        }
        if self.left.iter().all(StageLeft::is_done) {
            return write!(f, "  takes    no time: everything is done");
        }
        let another = if self.left.iter().any(StageLeft::is_begun) { "another " } else { "" };
        write!(
            f,
            "  takes    about {another}{} (timed on this device just now) and {} of memory",
            human_time(self.seconds),
            human_bytes(self.memory_bytes as u64)
        )?;
        match &self.advice {
            Some(advice) => write!(f, "\n  note     {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use halfstep_run::{RunSettings, Stage};

    use super::*;
    use crate::config::job::{digits, digits_job};

    #[test]
    fn the_plan_of_a_run_that_has_begun_lists_what_is_left() {
        let [teacher, first, second] = Stage::all(&[8, 4])[..] else { panic!("three stages") };
        let stage = |stage, left, measured| StageLeft { stage, steps: 40, left, measured };
        let fresh = [stage(teacher, 40, false), stage(first, 40, false), stage(second, 40, false)];
        assert_eq!((done(&fresh), still_left(&fresh)), (String::new(), String::new()));

        let begun = [stage(teacher, 0, true), stage(first, 30, false), stage(second, 40, false)];
        assert_eq!(done(&begun), "teacher, student 8: 10 of 40 steps");
        assert_eq!(still_left(&begun), "30 steps of student 8, 40 steps of student 4");

        let ending = [stage(teacher, 0, true), stage(first, 0, false), stage(second, 1, false)];
        assert_eq!(
            done(&ending),
            "teacher, student 8 (but not yet measured), student 4: 39 of 40 steps"
        );
        assert_eq!(still_left(&ending), "measuring student 8, 1 step of student 4");

        let ended = [stage(teacher, 0, true), stage(first, 0, true)];
        assert_eq!(
            (done(&ended), still_left(&ended)),
            ("teacher, student 8".to_owned(), String::new())
        );
    }

    #[test]
    fn the_report_finds_the_same_stages_in_the_saved_settings() {
        for more in ["seed=1", "distill.last_train_steps=9", "distill.rounds.4.train_steps=7"] {
            let job = digits_job(&["distill.student_steps=1", more]).unwrap();
            let config = &job.config;
            let saved = toml::to_string(&job.file()).unwrap();
            let read: RunSettings = toml::from_str(&saved).unwrap();
            assert_eq!((read.stages(), read.seed), (config.stages.clone(), config.seed));
            for &stage in &config.stages {
                assert_eq!(read.train_steps(stage), config.stage_steps(stage), "{more}: {stage}");
            }
        }
    }

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
        let text = describe_rounds(&config, &config.rounds());
        let differ = "lr 1e-4 to 0 (overrides: round to 8: lr 2e-4; round to 4: 900 steps, lr 3e-4; \
                      round to 2: 800 steps, warm-up of 9, EMA 0.9), weighting";
        assert!(text.contains(differ), "{text}");
        assert!(text.ends_with(", EMA 0.99"), "{text}");

        let last = ["distill.rounds.4.ema.decay=0.9"];
        let text = describe_rounds(&digits(&last).unwrap(), &config.rounds()[..4]);
        assert!(text.contains("(overrides: round to 4: EMA 0.9), weighting"), "{text}");
        let last = ["distill.ema.decay=0.9", "distill.rounds.4.ema={decay=0.9, min_decay=0.5}"];
        let text = describe_rounds(&digits(&last).unwrap(), &config.rounds()[..4]);
        assert!(text.contains("(overrides: round to 4: a different EMA)"), "{text}");
    }
}
