//! Compares a device with the CPU: outputs, gradients and training steps of a network.

pub(crate) mod short_training;

use std::fmt;

use halfstep_core::counted;
use halfstep_model::{DeviceBackend, Precision, SelectedDevice, UNetConfig};
use halfstep_sample::{MATRIX_UNITS, ROUNDING, largest, relative_difference as difference};

use crate::config::resolved::ResolvedConfig;
use crate::device_check::short_training::{BATCH, ShortTraining, TrainingTrace};
use crate::error::TrainError;

/// The remedy for wrong fused kernels: Burn fuses only what it has explored.
const FUSION_OFF: &str = "build without `fusion`, or turn it off: write \
    `fusion.beam_search.max_explorations = 0` into a file burn.toml in the current directory, and check again";

/// The remedy for rounded products: with matrix units, Burn rounds f32 products.
const IN_16_BITS: &str = "its matrix units round f32 products: set `precision = \"bf16\"` (\"f16\" on vulkan and \
    metal), or compute on wgpu in a build without `vulkan` and `metal`";

/// The result of comparing a device with the CPU. Both start from the same weights and images; the CPU computes
/// in f32, the device in the configured precision.
#[derive(Clone, Debug)]
pub struct DeviceCheck {
    device: String,
    made_at_run_time: Vec<&'static str>,
    matrix_units: bool,
    network: String,
    precision: Precision,
    lines: Vec<Line>,
}

/// One compared quantity.
#[derive(Clone, Debug)]
struct Line {
    what: String,
    difference: f64,
    /// Where the difference is largest: a parameter or a step.
    at: String,
    tolerance: f64,
}

/// The largest relative differences that rounding can explain.
struct Tolerances {
    output: f64,
    gradient: f64,
    loss: f64,
}

impl Tolerances {
    /// In f32, both sides sum in different orders; over sixty layers the differences grow to about 1e-5, and
    /// more for small gradients. In 16 bits, each of those layers is off by up to half of
    /// [`Precision::epsilon`], and the errors add up like a random walk. A wrong kernel differs by about its
    /// own size.
    fn of(precision: Precision) -> Self {
        let epsilon = precision.epsilon();
        match precision {
            Precision::F32 => Self { output: ROUNDING, gradient: 1e-3, loss: 1e-4 },
            _ => Self { output: 8.0 * epsilon, gradient: 24.0 * epsilon, loss: epsilon },
        }
    }
}

impl DeviceCheck {
    /// Compares the network's output, the gradient of every parameter and the losses of `steps` training steps.
    /// The batch is four images of noise; dropout is off.
    ///
    /// # Errors
    /// [`TrainError::Config`] if the device does not support the precision; [`TrainError::Device`] if it fails.
    /// A difference is not an error: see [`passed`](Self::passed).
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

    /// The result in one sentence, with the remedy if the device disagrees.
    pub fn conclusion(&self) -> String {
        let Some(worst) = self.lines.iter().find(|line| !line.passed()) else {
            return format!("{} agrees with the CPU.", self.device);
        };
        let small = self.lines.iter().all(|line| line.difference <= MATRIX_UNITS);
        let advice = match self.made_at_run_time[..] {
            _ if small && self.matrix_units && self.precision == Precision::F32 => IN_16_BITS,
            [] => "update its driver, or use another device",
            ["autotune"] => "build without `autotune`, or use another device",
            _ => FUSION_OFF,
        };
        format!(
            "{} disagrees with the CPU ({} differ by {:.1e}); {advice}.",
            self.device, worst.what, worst.difference
        )
    }
}

fn compare(found: &TrainingTrace, expected: &TrainingTrace, tolerances: &Tolerances) -> Vec<Line> {
    let output = Line {
        what: "outputs".to_owned(),
        difference: difference(&found.output, &expected.output, largest(&expected.output)),
        at: String::new(),
        tolerance: tolerances.output,
    };
    let pairs = found.gradients.iter().zip(&expected.gradients);
    // The bias of an attention's keys has no effect on the softmax: its gradient is 0 except for rounding. Such
    // small gradients are compared with the largest gradient of all.
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
            "\nDifference: largest absolute difference divided by the largest value. Allowed: what rounding in {} adds\n\
             up to over the layers of a network.",
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
    fn rounding_passes() {
        let rounded = |found: &mut TrainingTrace| {
            found.output.iter_mut().for_each(|value| *value *= 1.0 + 3e-6);
            found.gradients[1].1[0] = -1e-9; // a gradient that is zero except for rounding
            found.losses[2] *= 1.0 - 3e-6;
        };
        assert!(differing(rounded).is_empty());
    }

    /// The rounding of TF32 has another remedy than a wrong kernel, whichever features are compiled in.
    #[test]
    fn the_size_of_the_error_decides_whether_matrix_units_are_to_blame() {
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
        let blames_them = |text: String| text.contains("its matrix units round f32");
        assert!(blames_them(advice(true, 1e-3, Precision::F32)));
        assert!(!blames_them(advice(false, 1e-3, Precision::F32)));
        assert!(!blames_them(advice(true, 0.5, Precision::F32)));
        assert!(advice(true, 0.5, Precision::Bf16).contains("build without `autotune`"));
        assert!(advice(true, 1e-3, Precision::Bf16).contains(" agrees with the CPU"));
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
