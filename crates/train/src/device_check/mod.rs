//! Whether a device computes what the CPU computes: forward, gradients, training steps.

pub(crate) mod short_training;

use std::fmt;

use halfstep_model::{DeviceBackend, Precision, SelectedDevice, UNetConfig};
use halfstep_sample::{
    MATRIX_UNITS, ROUNDING, counted, largest, relative_difference as difference,
};

use crate::config::resolved::ResolvedConfig;
use crate::device_check::short_training::{BATCH, ShortTraining, TrainingTrace};
use crate::error::TrainError;
use crate::event::Event;
use crate::run::Run;

/// Training steps that a device is held against the CPU for, where it must be.
const GATE_STEPS: u64 = 3;

/// Burn fuses nothing that it has not explored.
const FUSION_OFF: &str = "build without `fusion`, or turn it off with a file burn.toml, where the program \
    is started, that says `fusion.beam_search.max_explorations = 0`, and check again";

/// What Burn takes for products of f32 where there are matrix units.
const IN_16_BITS: &str = "its matrix units round f32: set `precision = \"bf16\"` (\"f16\" on vulkan and \
    metal), or compute on wgpu in a build without `vulkan` and `metal`";

/// A device held against the CPU, both from the same weights and images, the CPU in f32.
#[derive(Clone, Debug)]
pub struct DeviceCheck {
    device: String,
    made_at_run_time: Vec<&'static str>,
    matrix_units: bool,
    network: String,
    precision: Precision,
    lines: Vec<Line>,
}

/// One thing that was compared.
#[derive(Clone, Debug)]
struct Line {
    what: String,
    difference: f64,
    /// Where it is largest.
    at: String,
    tolerance: f64,
}

/// Largest relative differences that rounding explains.
struct Tolerances {
    output: f64,
    gradient: f64,
    loss: f64,
}

impl Tolerances {
    /// f32: both sides are right to the last digits and sum up in another order; a network of sixty
    /// layers makes 1e-5 of it, small gradients the most. 16 bits: a result is off by up to
    /// [`Precision::epsilon`] over 2 in each of those layers, and the errors add up like a random
    /// walk. A wrong kernel is off by its own size.
    fn of(precision: Precision) -> Self {
        let epsilon = precision.epsilon();
        match precision {
            Precision::F32 => Self { output: ROUNDING, gradient: 1e-3, loss: 1e-4 },
            _ => Self { output: 8.0 * epsilon, gradient: 24.0 * epsilon, loss: epsilon },
        }
    }
}

impl DeviceCheck {
    /// Compares the output, every parameter's gradient and the losses of so many training steps of the
    /// configuration's network, without dropout, at a batch of four drawn images.
    ///
    /// # Errors
    /// [`TrainError`] if a device cannot run it; a difference is no error, see
    /// [`passed`](Self::passed).
    pub fn run(
        config: &ResolvedConfig,
        unet: &UNetConfig,
        device: &SelectedDevice,
        steps: u64,
    ) -> Result<Self, TrainError> {
        config.check_precision(device)?;
        let cpu = DeviceBackend::Cpu.select()?;
        let training = |precision| ShortTraining { config, unet, precision, steps };
        let expected = training(Precision::F32).on(&cpu)?;
        let found = training(config.precision).on(device)?;
        let parameters: usize = expected.gradients.iter().map(|(_, values)| values.len()).sum();
        Ok(Self {
            device: device.description.clone(),
            made_at_run_time: device.made_at_run_time(),
            matrix_units: device.matrix_units,
            network: format!("{:.2} million parameters, batch of {BATCH}", parameters as f64 / 1e6),
            precision: config.precision,
            lines: compare(&found, &expected, &Tolerances::of(config.precision)),
        })
    }

    /// Whether all differences are within tolerance.
    pub fn passed(&self) -> bool {
        self.lines.iter().all(Line::passed)
    }

    /// One sentence: what the check found, and what to do if it failed.
    pub fn conclusion(&self) -> String {
        let Some(worst) = self.lines.iter().find(|line| !line.passed()) else {
            return format!("{} computes what the CPU computes.", self.device);
        };
        let small = self.lines.iter().all(|line| line.difference <= MATRIX_UNITS);
        let advice = match self.made_at_run_time[..] {
            _ if small && self.matrix_units && self.precision == Precision::F32 => IN_16_BITS,
            [] => "mend its driver, or use another device",
            ["autotune"] => "build without `autotune`, or use another device",
            _ => FUSION_OFF,
        };
        format!(
            "{} does not compute what the CPU computes ({} differ by {:.1e}); {advice}.",
            self.device, worst.what, worst.difference
        )
    }
}

/// Requires that a device which may compute something else has shown here that it computes what the CPU
/// computes: see [`SelectedDevice::must_be_checked`].
pub(crate) fn require_agreement(run: &Run<'_>) -> Result<(), TrainError> {
    let device = &run.options.device;
    if !device.must_be_checked() {
        return Ok(());
    }
    if cfg!(not(feature = "flex")) {
        return Err(TrainError::Unchecked(device.description.clone()));
    }
    let check = DeviceCheck::run(run.config, &run.network, device, GATE_STEPS)?;
    if !check.passed() {
        return Err(TrainError::Disagrees(check.conclusion()));
    }
    (run.options.on_event)(Event::DeviceAgrees(&check));
    Ok(())
}

fn compare(found: &TrainingTrace, expected: &TrainingTrace, tolerances: &Tolerances) -> Vec<Line> {
    let output = Line {
        what: "outputs".to_owned(),
        difference: difference(&found.output, &expected.output, largest(&expected.output)),
        at: String::new(),
        tolerance: tolerances.output,
    };
    let pairs = found.gradients.iter().zip(&expected.gradients);
    // A key's bias has no effect on the softmax: its gradient is 0, and what both sides show is
    // rounding. Such are measured against the largest gradient of all.
    let of_all = pairs.clone().map(|(_, (_, values))| largest(values)).fold(0.0, f64::max);
    let gradients = pairs.map(|((name, found), (_, expected))| {
        (difference(found, expected, largest(expected).max(1e-2 * of_all)), name.clone())
    });
    let (worst, name) = gradients.fold((0.0, String::new()), worse);
    let gradients = Line {
        what: format!("gradients of {}", counted(expected.gradients.len(), "parameter")),
        difference: worst,
        at: name,
        tolerance: tolerances.gradient,
    };
    let steps = found.losses.iter().zip(&expected.losses).enumerate();
    let losses = steps.map(|(step, (found, expected))| {
        let size = f64::from(expected.abs());
        (difference(&[*found], &[*expected], size), format!("step {}", step + 1))
    });
    let (worst, step) = losses.fold((0.0, String::new()), worse);
    let losses = Line {
        what: format!("losses of {}", counted(expected.losses.len(), "training step")),
        difference: worst,
        at: step,
        tolerance: tolerances.loss,
    };
    vec![output, gradients, losses]
}

fn worse(a: (f64, String), b: (f64, String)) -> (f64, String) {
    if b.0 > a.0 { b } else { a }
}

impl Line {
    fn passed(&self) -> bool {
        self.difference <= self.tolerance
    }
}

impl fmt::Display for DeviceCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = |name| if self.made_at_run_time.contains(&name) { "yes" } else { "no" };
        writeln!(f, "{}, in {}, against the CPU in f32", self.device, self.precision)?;
        writeln!(f, "  fusion {}, autotune {}", has("fusion"), has("autotune"))?;
        writeln!(f, "  UNet2DModel, {}\n", self.network)?;
        writeln!(f, "| | largest relative difference | allowed | |\n|---|---:|---:|---|")?;
        for line in &self.lines {
            let result = if line.passed() { "agrees" } else { "DIFFERS" };
            let at = if line.at.is_empty() { String::new() } else { format!(" ({})", line.at) };
            let Line { what, difference, tolerance, .. } = line;
            writeln!(f, "| {what} | {difference:.1e}{at} | {tolerance:.1e} | {result} |")?;
        }
        writeln!(
            f,
            "\nThe largest difference over the largest value; allowed is what rounding in {} makes of it over\n\
             the layers of a network.",
            self.precision
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> TrainingTrace {
        TrainingTrace {
            output: (0..1000).map(|i| (i as f32 * 0.1).sin()).collect(),
            gradients: vec![
                ("conv.weight".to_owned(), vec![2.0, -4.0, 1.0]),
                ("to_k.bias".to_owned(), vec![1e-9, -2e-9]),
            ],
            losses: vec![1.0, 0.5, 0.25],
        }
    }

    fn differing(change: impl FnOnce(&mut TrainingTrace)) -> Vec<String> {
        let mut found = trace();
        change(&mut found);
        let lines = compare(&found, &trace(), &Tolerances::of(Precision::F32));
        lines.into_iter().filter(|line| !line.passed()).map(|line| line.what + &line.at).collect()
    }

    #[test]
    fn rounding_is_let_through() {
        let rounded = |found: &mut TrainingTrace| {
            found.output.iter_mut().for_each(|value| *value *= 1.0 + 3e-6);
            found.gradients[1].1[0] = -1e-9; // of a gradient that is zero but for rounding
            found.losses[2] *= 1.0 - 3e-6;
        };
        assert!(differing(rounded).is_empty());
    }

    /// What TF32 does to f32 has another mend than a wrong kernel has, whatever was compiled in.
    #[test]
    fn the_advice_knows_matrix_units_by_the_size_of_the_error() {
        let advice = |matrix_units, error: f32, precision| {
            let mut found = trace();
            found.output[500] += error;
            let check = DeviceCheck {
                device: "cuda: device 0".to_owned(),
                made_at_run_time: vec!["autotune"],
                matrix_units,
                network: String::new(),
                precision,
                lines: compare(&found, &trace(), &Tolerances::of(precision)),
            };
            check.conclusion()
        };
        let names_them = |text: String| text.contains("its matrix units round f32");
        assert!(names_them(advice(true, 1e-3, Precision::F32)));
        assert!(!names_them(advice(false, 1e-3, Precision::F32)));
        assert!(!names_them(advice(true, 0.5, Precision::F32)));
        assert!(advice(true, 0.5, Precision::Bf16).contains("build without `autotune`"));
        assert!(advice(true, 1e-3, Precision::Bf16).contains("computes what the CPU computes"));
    }

    #[test]
    fn one_wrong_number_is_found_and_named() {
        let nan = |found: &mut TrainingTrace| found.output[500] = f32::NAN;
        assert_eq!(differing(nan), ["outputs"]);
        let short = |found: &mut TrainingTrace| found.output.truncate(999);
        assert_eq!(differing(short), ["outputs"]);
        let gradient = |found: &mut TrainingTrace| found.gradients[0].1[2] = 1.1;
        assert_eq!(differing(gradient), ["gradients of 2 parametersconv.weight"]);
        let loss = |found: &mut TrainingTrace| found.losses[1] = f32::INFINITY;
        assert_eq!(differing(loss), ["losses of 3 training stepsstep 2"]);
    }
}
