//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use crate::{GridKind, OdeVariable, SamplerKind, device_arg, name_or_path_arg, path_arg, picture};
use clap::{Parser, ValueEnum};
use halfstep_core::AncestralVariance;
use halfstep_model::DeviceChoice;
use halfstep_terminal::Shell;

/// Draw images from a model folder: a teacher or student that `train` made, or a diffusers
/// pipeline folder holding a UNet2DModel.
///
/// Image k depends on (--seed, k) alone, not on --batch-size or --count.
///
/// --dir, --npz and --raw are written as images are drawn; after a stop the same command goes on where it was.
/// A larger --count adds images to --dir, and to files that are not finished. A finished --npz or --raw file is
/// drawn anew by every command, and replaced when the new one is finished.
#[derive(Debug, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    /// Model folder
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub model: PathBuf,

    /// Write a grid of the images as PNG or JPEG, by the ending; small images are enlarged by a whole factor
    /// [default: grid.png, unless --dir, --npz or --raw is given]
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub out: Option<PathBuf>,

    /// Write every image as DIR/000000.png, ...
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub dir: Option<PathBuf>,

    /// Write uint8 of shape (N,H,W,C) as `arr_0` of an npz file, for scoring tools
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub npz: Option<PathBuf>,

    /// Write f32 of shape (B,C,H,W) as tensor `samples` of a safetensors file, before any clamping
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub raw: Option<PathBuf>,

    /// Remove what a drawing with other settings, or of more images, left in --dir or unfinished beside --npz
    /// and --raw; no other file. Finished --npz and --raw files are replaced without it
    #[arg(long)]
    pub overwrite: bool,

    /// Start from tensor `noise`, f32 of shape (B,C,H,W), of a safetensors file; with --count from the first
    /// of them
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub noise: Option<PathBuf>,

    /// How to walk from noise to image [default: as the model says: its DPM-Solver, or ddim]
    #[arg(long, value_enum, value_name = "NAME", help_heading = SAMPLING)]
    pub sampler: Option<SamplerKind>,

    /// Number of steps [default: the student's own, 50 for other models]
    #[arg(long, value_name = "N", value_parser = count(), help_heading = SAMPLING)]
    pub steps: Option<u32>,

    /// Instead of --steps: as many steps as take no more network calls than this
    #[arg(long, value_name = "N", conflicts_with = "steps", value_parser = count(), help_heading = SAMPLING)]
    pub nfe: Option<u32>,

    /// Where the steps lie [default: as the model says]
    #[arg(long, visible_alias = "spacing", value_enum, value_name = "KIND", help_heading = SAMPLING)]
    pub grid_kind: Option<GridKind>,

    /// Instead of --steps: the discrete times to call the network at, noisiest first
    #[arg(long, value_name = "T,T,...", value_delimiter = ',', conflicts_with_all = ["steps", "nfe", "grid_kind"], help_heading = SAMPLING)]
    pub timesteps: Option<Vec<usize>>,

    /// Noise of --sampler ddim: 0 is deterministic, 1 is DDPM [default: 0]
    #[arg(long, value_parser = eta, help_heading = SAMPLING)]
    pub eta: Option<f64>,

    /// Variance of --sampler ddpm [default: as the model says]
    #[arg(long, value_enum, value_name = "KIND", help_heading = SAMPLING)]
    pub variance: Option<Variance>,

    /// What an ODE solver steps in [default: karras, or data from pure noise; phi for rk23, rk45]
    #[arg(long, value_enum, value_name = "VARIABLE", help_heading = SAMPLING)]
    pub ode_variable: Option<OdeVariable>,

    /// Relative error of a step of rk23 and rk45 [default: 0.001]
    #[arg(long, value_parser = positive, help_heading = SAMPLING)]
    pub rtol: Option<f64>,

    /// Absolute error of a step of rk23 and rk45 [default: 0.001]
    #[arg(long, value_parser = positive, help_heading = SAMPLING)]
    pub atol: Option<f64>,

    /// Analytic-DPM's limit y on the noise of the step to t = 0, std <= y (2/255) sqrt(pi/2), on grids
    /// that visit t = 0; 0 is none [default: the paper's, 2 for analytic-ddpm on a linear schedule,
    /// else 1]
    #[arg(long, value_name = "Y", value_parser = not_negative, help_heading = SAMPLING)]
    pub last_clip: Option<f64>,

    /// Clip the predicted image to [-1, 1] in every step [default: as the model says]
    #[arg(long, value_name = "BOOL", help_heading = SAMPLING)]
    pub clip: Option<bool>,

    /// Scale the predicted image so that this part of its values is in range in every step (dynamic
    /// thresholding; Imagen's is 0.995)
    #[arg(long, value_name = "RATIO", conflicts_with = "clip", value_parser = ratio, help_heading = SAMPLING)]
    pub threshold: Option<f64>,

    /// Do as this library does where that is not the published method
    #[arg(long, value_enum, value_name = "LIBRARY", help_heading = SAMPLING)]
    pub compat: Option<Compat>,

    /// Compare samplers on the same noises: a picture (rows samplers, columns --steps-list) and a
    /// table of network calls, seconds and distance to the converged image
    #[arg(long, value_name = "NAME,NAME,...", value_delimiter = ',', value_enum, conflicts_with_all = ["sampler", "steps", "nfe", "timesteps", "dir", "npz", "raw", "overwrite", "noise", "grid", "scale"], help_heading = COMPARING)]
    pub compare: Option<Vec<SamplerKind>>,

    /// Steps of each column of --compare [default: 4,8,16,32]
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', requires = "compare", value_parser = count(), help_heading = COMPARING)]
    pub steps_list: Option<Vec<u32>>,

    /// A student to stand in the comparison as a row of its own; may be repeated
    #[arg(long, value_name = "DIR", requires = "compare", help_heading = COMPARING, value_parser = path_arg())]
    pub student: Vec<PathBuf>,

    /// Steps of the converged images of --compare [default: 256, or as many as there are times]
    #[arg(long, value_name = "N", requires = "compare", value_parser = count(), help_heading = COMPARING)]
    pub reference_steps: Option<u32>,

    /// Estimate the Gamma that Analytic-DPM needs, over the data the model was trained on: digits,
    /// mnist, fashion_mnist, cifar10 or a folder of pictures. Saved in the model folder
    #[arg(long, value_name = "DATASET", conflicts_with_all = ["compare", "out", "dir", "npz", "raw", "overwrite", "noise", "sampler", "steps", "nfe", "grid_kind", "timesteps", "eta", "variance", "ode_variable", "rtol", "atol", "last_clip", "clip", "threshold", "compat", "count", "grid", "scale", "class"], help_heading = GAMMA, value_parser = name_or_path_arg())]
    pub estimate_gamma: Option<String>,

    /// Images at every time for --estimate-gamma [default: 256]
    #[arg(long, value_name = "M", requires = "estimate_gamma", value_parser = clap::value_parser!(u32).range(10..=1_000_000), help_heading = GAMMA)]
    pub gamma_samples: Option<u32>,

    /// Where the dataset of --estimate-gamma lies, if not at its usual place
    #[arg(long, value_name = "DIR", requires = "estimate_gamma", help_heading = GAMMA, value_parser = path_arg())]
    pub data_dir: Option<PathBuf>,

    /// Seed of all noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,

    /// Number of images [default: as many as --noise or the grid holds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_IMAGES))]
    pub count: Option<u32>,

    /// Columns x rows of the grid [default: 8x8, or as near to a square as --count allows]
    #[arg(long, value_name = "CxR")]
    pub grid: Option<GridSize>,

    /// Enlarge the images of the grid by this whole factor; 1 makes what torchvision's make_grid makes
    /// [default: until they are 64 pixels tall]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub scale: Option<u32>,

    /// Classes for a class-conditional model, by name or number, used in turn: cat,dog,3 [default: all
    /// classes in turn]
    #[arg(long, value_name = "CLASS,...")]
    pub class: Vec<String>,

    /// Images at once: memory and speed, never results
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: u32,

    /// auto, cpu, wgpu, vulkan, metal, cuda, rocm or ndarray; one of several GPUs by its number, such as
    /// cuda:1; `list` prints all that there are and does nothing else
    #[arg(long, default_value_t, value_parser = device_arg)]
    pub device: DeviceChoice,

    /// Sample a student on another grid than its own or with other steps than DDIM's; estimate Gamma
    /// over other data than the model learned
    #[arg(long)]
    pub force: bool,

    /// Print completions for this shell and do nothing else: see the examples
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub completions: Option<Shell>,
}

/// More than anybody draws: a slip of the finger.
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

Exit codes: 0 done, 1 an error, 2 a mistake on the command line, 130 stopped by Ctrl-C, 143 by SIGTERM";

/// `--compat`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Compat {
    /// DDIM's t - T/N, the DPM-Solver schedulers' times and their order 3
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

/// Of steps or network calls: more than anybody takes, and few enough to hold.
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
