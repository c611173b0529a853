//! The flags of `sample`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use halfstep_core::AncestralVariance;
use halfstep_model::DeviceChoice;
use halfstep_terminal::{Shell, device_arg, name_or_path_arg, path_arg};

use super::values::{grid_kind_arg, ode_variable_arg, sampler_arg};
use crate::grids::GridKind;
use crate::methods::OdeVariable;
use crate::output::picture;
use crate::registry::SamplerKind;

/// Draw images with a model folder: a teacher or student written by `train`, or a diffusers pipeline with a
/// UNet2DModel.
///
/// Image k depends only on --seed and k, not on --batch-size or --count.
///
/// --dir, --npz and --raw are written batch by batch. Run the same command again to continue after an interruption.
/// A larger --count adds images to --dir and to unfinished --npz and --raw files. A finished --npz or --raw file is
/// drawn again from the beginning and replaced once the new file is complete.
#[derive(Debug, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    /// Model folder
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub model: PathBuf,

    /// Write a grid of images; the extension chooses PNG or JPEG. Small images are enlarged by a whole factor
    /// [default: grid.png, unless --dir, --npz or --raw is given]
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub out: Option<PathBuf>,

    /// Write one PNG per image: DIR/000000.png, DIR/000001.png, ...
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub dir: Option<PathBuf>,

    /// Write an npz file for scoring tools: array `arr_0`, uint8, shape (N,H,W,C)
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub npz: Option<PathBuf>,

    /// Write unclamped f32 samples as tensor `samples`, shape (B,C,H,W), of a safetensors file
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub raw: Option<PathBuf>,

    /// Remove the files of an earlier drawing with other settings or more images: those in --dir, and unfinished
    /// ones beside --npz and --raw. Other files are never removed. Finished --npz and --raw files are replaced
    /// without this flag
    #[arg(long)]
    pub overwrite: bool,

    /// Start from tensor `noise`, f32, shape (B,C,H,W), of a safetensors file; --count N takes its first N images
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub noise: Option<PathBuf>,

    /// Sampler [default: the DPM-Solver of the model's scheduler config if it has one, else ddim]
    #[arg(long, value_parser = sampler_arg(), value_name = "NAME", help_heading = SAMPLING)]
    pub sampler: Option<SamplerKind>,

    /// Number of steps [default: the student's own, else 50]
    #[arg(long, value_name = "N", value_parser = count(), help_heading = SAMPLING)]
    pub steps: Option<u32>,

    /// Use as many steps as fit into N network calls (instead of --steps)
    #[arg(long, value_name = "N", conflicts_with = "steps", value_parser = count(), help_heading = SAMPLING)]
    pub nfe: Option<u32>,

    /// How the step times are placed [default: from the model's scheduler config]
    #[arg(long, visible_alias = "spacing", value_parser = grid_kind_arg(), value_name = "KIND", help_heading = SAMPLING)]
    pub grid_kind: Option<GridKind>,

    /// Discrete times at which to call the network, noisiest first (instead of --steps)
    #[arg(long, value_name = "T,T,...", value_delimiter = ',', conflicts_with_all = ["steps", "nfe", "grid_kind"], help_heading = SAMPLING)]
    pub timesteps: Option<Vec<usize>>,

    /// Noise of ddim: 0 is deterministic, 1 is DDPM [default: 0]
    #[arg(long, value_parser = eta, help_heading = SAMPLING)]
    pub eta: Option<f64>,

    /// Variance of ddpm [default: from the model's scheduler config]
    #[arg(long, value_enum, value_name = "KIND", help_heading = SAMPLING)]
    pub variance: Option<Variance>,

    /// Integration variable of the ODE solvers [default: karras, or data when starting from pure noise; phi for
    /// rk23 and rk45]
    #[arg(long, value_parser = ode_variable_arg(), value_name = "VARIABLE", help_heading = SAMPLING)]
    pub ode_variable: Option<OdeVariable>,

    /// Relative error tolerance per step of rk23 and rk45 [default: 0.001]
    #[arg(long, value_parser = positive, help_heading = SAMPLING)]
    pub rtol: Option<f64>,

    /// Absolute error tolerance per step of rk23 and rk45 [default: 0.001]
    #[arg(long, value_parser = positive, help_heading = SAMPLING)]
    pub atol: Option<f64>,

    /// Analytic-DPM: bound y on the noise added by the step to t = 0, std <= y (2/255) sqrt(pi/2), for grids
    /// that visit t = 0; 0 disables it [default: the paper's value, 2 for analytic-ddpm on a linear schedule,
    /// else 1]
    #[arg(long, value_name = "Y", value_parser = not_negative, help_heading = SAMPLING)]
    pub last_clip: Option<f64>,

    /// Clip the predicted image to [-1, 1] at every step [default: from the model's scheduler config]
    #[arg(long, value_name = "BOOL", help_heading = SAMPLING)]
    pub clip: Option<bool>,

    /// Dynamic thresholding at every step: scale the predicted image so that this fraction of its values lies in
    /// [-1, 1] (Imagen uses 0.995)
    #[arg(long, value_name = "RATIO", conflicts_with = "clip", value_parser = ratio, help_heading = SAMPLING)]
    pub threshold: Option<f64>,

    /// Reproduce this library where it differs from the published method
    #[arg(long, value_enum, value_name = "LIBRARY", help_heading = SAMPLING)]
    pub compat: Option<Compat>,

    /// Compare samplers on the same noises: writes a picture (one row per sampler, one column per entry of
    /// --steps-list) and prints network calls, seconds and distance to the converged images
    #[arg(long, value_name = "NAME,NAME,...", value_delimiter = ',', value_parser = sampler_arg(), conflicts_with_all = ["sampler", "steps", "nfe", "timesteps", "dir", "npz", "raw", "overwrite", "noise", "grid", "scale"], help_heading = COMPARING)]
    pub compare: Option<Vec<SamplerKind>>,

    /// Step counts to compare, one column each [default: 4,8,16,32]
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', requires = "compare", value_parser = count(), help_heading = COMPARING)]
    pub steps_list: Option<Vec<u32>>,

    /// Add a student as a row of the comparison; can be repeated
    #[arg(long, value_name = "DIR", requires = "compare", help_heading = COMPARING, value_parser = path_arg())]
    pub student: Vec<PathBuf>,

    /// Steps of the converged reference images [default: 256, or the number of times if smaller]
    #[arg(long, value_name = "N", requires = "compare", value_parser = count(), help_heading = COMPARING)]
    pub reference_steps: Option<u32>,

    /// Measure the Gamma statistics that Analytic-DPM needs and save them in the model folder. DATASET is what the
    /// model was trained on: digits, mnist, fashion_mnist, cifar10 or a folder of pictures
    #[arg(long, value_name = "DATASET", conflicts_with_all = ["compare", "out", "dir", "npz", "raw", "overwrite", "noise", "sampler", "steps", "nfe", "grid_kind", "timesteps", "eta", "variance", "ode_variable", "rtol", "atol", "last_clip", "clip", "threshold", "compat", "count", "grid", "scale", "class"], help_heading = GAMMA, value_parser = name_or_path_arg())]
    pub estimate_gamma: Option<String>,

    /// Images per time for --estimate-gamma [default: 256]
    #[arg(long, value_name = "M", requires = "estimate_gamma", value_parser = clap::value_parser!(u32).range(10..=1_000_000), help_heading = GAMMA)]
    pub gamma_samples: Option<u32>,

    /// Folder of the dataset of --estimate-gamma, if it is not in its default place
    #[arg(long, value_name = "DIR", requires = "estimate_gamma", help_heading = GAMMA, value_parser = path_arg())]
    pub data_dir: Option<PathBuf>,

    /// Seed of all noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,

    /// Number of images [default: the number in --noise, or in the grid]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_IMAGES))]
    pub count: Option<u32>,

    /// Columns x rows of the grid picture [default: 8x8, or nearly square for --count images]
    #[arg(long, value_name = "CxR")]
    pub grid: Option<GridSize>,

    /// Enlarge each image of the grid by this whole factor; 1 equals torchvision's make_grid [default: enlarge
    /// until images are 64 pixels tall]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub scale: Option<u32>,

    /// Classes for a class-conditional model, by name or number, repeated in turn: cat,dog,3 [default: all
    /// classes in turn]
    #[arg(long, value_name = "CLASS,...")]
    pub class: Vec<String>,

    /// Images per batch; changes memory and speed, never the images
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: u32,

    /// Device: auto, cpu, wgpu, vulkan, metal, cuda, rocm or ndarray. Append a number to choose one of several GPUs
    /// (cuda:1). `list` prints every available device and exits
    #[arg(long, default_value_t, value_parser = device_arg)]
    pub device: DeviceChoice,

    /// Allow a student on another grid or sampler than it was distilled for, and Gamma on data the model was not
    /// trained on
    #[arg(long)]
    pub force: bool,

    /// Print shell completions and exit (see the examples)
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub completions: Option<Shell>,
}

/// Upper limit that catches typing errors.
const MOST_IMAGES: i64 = 100_000_000;

const SAMPLING: &str = "Sampling";
const COMPARING: &str = "Comparing samplers";
const GAMMA: &str = "Analytic-DPM";

const EXAMPLES: &str = "Examples:
  sample --model runs/digits/students/0004 --out grid.png
  sample --model runs/digits/teacher --steps 64 --grid 16x4 --seed 7 --out teacher.png
  sample --model runs/cifar/students/0004 --count 10000 --npz samples.npz
  sample --model runs/digits/teacher --sampler dpm-solver++-2m --nfe 10
  sample --model runs/digits/teacher --estimate-gamma digits
  sample --model runs/digits/teacher --compare ddim,dpm-solver++-2m,analytic-ddim \\
      --steps-list 4,8,16,32 --student runs/digits/students/0004 --out compare.png
  sample --model path/to/ddpm-cifar10-32 --sampler ddpm --steps 1000 --count 4
  sample --completions bash > ~/.local/share/bash-completion/completions/sample

Exit codes: 0 done, 1 error, 2 invalid command line, 130 stopped by Ctrl-C, 143 by SIGTERM";

/// `--compat`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Compat {
    /// Previous time t - T/N in DDIM; times and third order of its DPM-Solver schedulers
    Diffusers,
}

/// `--variance`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Variance {
    /// The posterior's (beta tilde)
    #[value(name = "fixed_small")]
    FixedSmall,
    /// The forward jump's (beta)
    #[value(name = "fixed_large")]
    FixedLarge,
}

impl From<Variance> for AncestralVariance {
    fn from(variance: Variance) -> Self {
        match variance {
            Variance::FixedSmall => Self::FixedSmall,
            Variance::FixedLarge => Self::FixedLarge,
        }
    }
}

/// A number of steps or network calls. The upper limit catches typing errors.
fn count() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=100_000)
}

fn eta(text: &str) -> Result<f64, String> {
    number(text, |eta| (0.0..=1.0).contains(&eta), "a number from 0 to 1")
}

fn ratio(text: &str) -> Result<f64, String> {
    number(text, |ratio| ratio > 0.0 && ratio <= 1.0, "a number above 0 and up to 1")
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |x| x > 0.0, "a number above 0")
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text, |x| x >= 0.0, "a number from 0 up")
}

fn number(text: &str, holds: impl Fn(f64) -> bool, what: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && holds(number) => Ok(number),
        _ => Err(format!("{what} is expected")),
    }
}

/// `--grid 8x4`: 8 columns, 4 rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridSize {
    /// Images per row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

impl GridSize {
    /// The most nearly square grid that holds `count`, never narrower than tall.
    pub fn for_count(count: usize) -> Self {
        let columns = picture::square_columns(count);
        Self { columns, rows: count.div_ceil(columns) }
    }

    /// How many of `count` images it shows.
    pub fn shown(self, count: u64) -> u64 {
        count.min((self.columns * self.rows) as u64)
    }
}

impl FromStr for GridSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |part: &str| part.parse::<usize>().ok().filter(|n| (1..=1000).contains(n));
        let (columns, rows) = text.split_once('x').unwrap_or((text, ""));
        match (parse(columns), parse(rows)) {
            (Some(columns), Some(rows)) => Ok(Self { columns, rows }),
            _ => Err("a grid is COLUMNSxROWS, each from 1 to 1000, such as 8x4".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn grids_parse_or_say_how() {
        assert_eq!("8x4".parse(), Ok(GridSize { columns: 8, rows: 4 }));
        for wrong in ["", "8", "x4", "0x4", "8x4x2", "-1x3"] {
            assert!(wrong.parse::<GridSize>().unwrap_err().contains("8x4"), "{wrong}");
        }
    }

    #[test]
    fn a_count_makes_a_nearly_square_grid() {
        assert_eq!(GridSize::for_count(10), GridSize { columns: 4, rows: 3 });
        assert_eq!(GridSize::for_count(1), GridSize { columns: 1, rows: 1 });
    }
}
