//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use halfstep_core::{AncestralVariance, TimestepSpacing};
use halfstep_model::DeviceChoice;
use halfstep_sample::{SamplerKind, picture};

/// Draw images from a model folder: a teacher or student that `train` made, or a diffusers
/// pipeline folder holding a UNet2DModel.
///
/// Image k depends on (--seed, k) alone, not on --batch-size or --count.
#[derive(Debug, Parser)]
#[command(name = "sample", version, after_help = EXAMPLES)]
pub struct Args {
    /// Model folder
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// Write a grid of the images as PNG; small images are enlarged by a whole factor
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Write every image as DIR/000000.png, ...
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Write uint8 of shape (N,H,W,C) as `arr_0` of an npz file, for scoring tools
    #[arg(long, value_name = "FILE")]
    pub npz: Option<PathBuf>,

    /// Write f32 of shape (B,C,H,W) as tensor `samples` of a safetensors file, before any clamping
    #[arg(long, value_name = "FILE")]
    pub raw: Option<PathBuf>,

    /// Start from tensor `noise`, f32 of shape (B,C,H,W), of a safetensors file
    #[arg(long, value_name = "FILE", conflicts_with = "count")]
    pub noise: Option<PathBuf>,

    /// How to walk from noise to image
    #[arg(long, value_enum, default_value_t)]
    pub sampler: SamplerKind,

    /// Number of steps [default: the student's own, 50 for other models]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: Option<u32>,

    /// How the steps are spread over the times [default: as the model says]
    #[arg(long, value_enum)]
    pub spacing: Option<Spacing>,

    /// Noise of --sampler ddim: 0 is deterministic, 1 is DDPM [default: 0]
    #[arg(long, value_parser = eta)]
    pub eta: Option<f64>,

    /// Variance of --sampler ddpm [default: as the model says]
    #[arg(long, value_enum)]
    pub variance: Option<Variance>,

    /// Clip the predicted image to [-1, 1] in every step (default: as the model says)
    #[arg(long, value_name = "BOOL")]
    pub clip: Option<bool>,

    /// Seed of all noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,

    /// Number of images [default: as many as the grid holds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,

    /// Columns x rows of the grid [default: 8x8, or as near to a square as --count allows]
    #[arg(long, value_name = "CxR")]
    pub grid: Option<GridSize>,

    /// Class numbers for a class-conditional model, used in turn [default: all classes in turn]
    #[arg(long, value_name = "K,K,...", value_delimiter = ',')]
    pub class: Vec<u32>,

    /// Images at once: memory and speed, never results
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: u32,

    /// auto, cpu, wgpu, vulkan, metal, cuda, rocm or ndarray
    #[arg(long, default_value_t)]
    pub device: DeviceChoice,

    /// Sample a student on another grid than its own, or with noise in its steps
    #[arg(long)]
    pub force: bool,
}

const EXAMPLES: &str = "Examples:
  sample --model runs/digits/students/0004 --out grid.png
  sample --model runs/digits/teacher --steps 64 --grid 16x4 --seed 7 --out teacher.png
  sample --model runs/cifar/students/0004 --count 10000 --npz samples.npz";

/// `--spacing`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Spacing {
    /// t = 0 included, T-1 left out
    Leading,
    /// T-1 included: what students are distilled on
    Trailing,
    /// Both ends included
    Linspace,
}

impl From<Spacing> for TimestepSpacing {
    fn from(spacing: Spacing) -> Self {
        match spacing {
            Spacing::Leading => Self::Leading,
            Spacing::Trailing => Self::Trailing,
            Spacing::Linspace => Self::Linspace,
        }
    }
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

fn eta(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(eta) if (0.0..=1.0).contains(&eta) => Ok(eta),
        _ => Err("eta is a number from 0 to 1".to_owned()),
    }
}

/// `--grid 8x4`: 8 columns, 4 rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridSize {
    /// Images a row.
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
