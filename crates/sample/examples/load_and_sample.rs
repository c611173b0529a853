//! Load a model, draw a grid.
//!
//! `cargo run -p sample --example load_and_sample -- MODEL PICTURE`: any folder with a UNet2DModel, and
//! the PNG to write.

use std::path::Path;

use burn::tensor::Device;
use halfstep_model::ModelFolder;
use halfstep_sample::{DpmMultistep, GridKind, SampleModel, output, picture};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: load_and_sample MODEL PICTURE".into());
    };
    let model = ModelFolder::load(Path::new(&folder), &Device::flex())?;
    let images = model
        .sampler(DpmMultistep::new(2))
        .grid_kind(GridKind::Trailing)
        .steps(10)
        .on_step(|step| println!("{} {:.3}", step.index, step.x0_mean()))
        .draw(16)?;
    output::write_png(Path::new(&file), picture::grid(&images, 4, 4)?)?;
    println!("{file}");
    Ok(())
}
