//! Load a model, draw a grid.
//!
//! `cargo run -p sample --example load_and_sample -- MODEL PICTURE`: any folder with a UNet2DModel, and
//! the PNG to write.

use std::path::Path;

use burn::tensor::Device;
use halfstep_core::TimestepSpacing;
use halfstep_model::ModelFolder;
use halfstep_sample::{
    Draw, SamplerKind, SamplerOptions, StepNoise, output, picture, quietly, sampling_grid,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: load_and_sample MODEL PICTURE".into());
    };
    let device = Device::flex();
    let model = ModelFolder::load(Path::new(&folder), &device)?;
    let config = model.unet.config();
    let [height, width] = config.image_sides();

    let sampler = "dpm-solver++-2m".parse::<SamplerKind>()?.build(&SamplerOptions::default())?;
    let grid = sampling_grid(&model.schedule, TimestepSpacing::Trailing, 10, 0)?;
    let draw = Draw {
        unet: &model.unet,
        prediction_type: model.prediction_type(),
        sampler: sampler.as_ref(),
        grid: &grid,
        schedule: &model.schedule,
        seed: 0,
        step_noise: StepNoise::Fresh,
        batch_size: 16,
        shape: [config.in_channels, height, width],
        classes: &[],
        device: &device,
    };
    let images = draw.images(0..16, &mut quietly)?;
    output::write_png(Path::new(&file), picture::grid(&images, 4, 4)?)?;
    println!("{file}");
    Ok(())
}
